#include "conversion.h"

#include <cmath>

namespace advprop {

namespace {

at::MemoryFormat toMemoryFormat(const std::string& name) {
  if (name == "contiguous") return at::MemoryFormat::Contiguous;
  if (name == "channels_last") return at::MemoryFormat::ChannelsLast;
  if (name == "preserve") return at::MemoryFormat::Preserve;
  throw UserError("ERR_ARGUMENT", "memory format must be contiguous, channels_last or preserve; got " + name);
}

at::Scalar toScalar(Environment& environment, napi_value value, const char* what) {
  if (typeOf(environment, value) == napi_boolean) return at::Scalar(toBoolean(environment, value, what));
  const double number = toNumber(environment, value, what);
  // An integral number becomes an integer scalar, as a Python int would, so that integer tensors stay integer.
  if (std::trunc(number) == number && std::abs(number) <= 9007199254740991.0) return at::Scalar(static_cast<int64_t>(number));
  return at::Scalar(number);
}

at::Layout toLayout(const std::string& name) {
  if (name == "strided") return at::kStrided;
  throw UserError("ERR_ARGUMENT", "layout must be strided; got " + name);
}

/// Integers, and enumerations that the dispatcher passes as integers. Enumerations are accepted by name only, because libtorch uses their
/// numbers as indices without a check.
c10::IValue toInt(Environment& environment, napi_value value, const c10::Type& realType, const char* what) {
  switch (realType.kind()) {
    case c10::TypeKind::ScalarTypeType:
      return static_cast<int64_t>(toScalarType(toString(environment, value, what)));
    case c10::TypeKind::MemoryFormatType:
      return static_cast<int64_t>(toMemoryFormat(toString(environment, value, what)));
    case c10::TypeKind::LayoutType:
      return static_cast<int64_t>(toLayout(toString(environment, value, what)));
    default:
      return toInteger(environment, value, what);
  }
}

c10::IValue convert(Environment& environment, napi_value value, const c10::TypePtr& type, const c10::TypePtr& realType, const char* what);

c10::IValue toList(Environment& environment, napi_value value, const c10::ListType& type, const char* what) {
  const auto element = type.getElementType();
  switch (element->kind()) {
    case c10::TypeKind::TensorType: {
      c10::List<at::Tensor> list;
      for (napi_value item : toArray(environment, value, what)) list.push_back(toTensor(environment, item, what));
      return list;
    }
    case c10::TypeKind::OptionalType: {
      c10::List<c10::optional<at::Tensor>> list;
      for (napi_value item : toArray(environment, value, what)) {
        if (isMissing(environment, item)) list.push_back(c10::nullopt);
        else list.push_back(toTensor(environment, item, what));
      }
      return list;
    }
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::IntType: {
      c10::List<int64_t> list;
      // As in the dispatcher, one integer stands for a list of equal ones only if the schema says int[N].
      if (typeOf(environment, value) == napi_number) {
        list.push_back(toInteger(environment, value, what));
        return list;
      }
      for (napi_value item : toArray(environment, value, what)) list.push_back(toInteger(environment, item, what));
      return list;
    }
    case c10::TypeKind::FloatType: {
      c10::List<double> list;
      for (napi_value item : toArray(environment, value, what)) list.push_back(toNumber(environment, item, what));
      return list;
    }
    case c10::TypeKind::BoolType: {
      c10::List<bool> list;
      for (napi_value item : toArray(environment, value, what)) list.push_back(toBoolean(environment, item, what));
      return list;
    }
    case c10::TypeKind::NumberType: {
      c10::List<at::Scalar> list;
      for (napi_value item : toArray(environment, value, what)) list.push_back(toScalar(environment, item, what));
      return c10::impl::toList(std::move(list));
    }
    default:
      throw UserError("ERR_ARGUMENT", std::string(what) + ": lists of " + element->str() + " are not supported");
  }
}

c10::IValue convert(Environment& environment, napi_value value, const c10::TypePtr& type, const c10::TypePtr& realType, const char* what) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return toTensor(environment, value, what);
    case c10::TypeKind::OptionalType: {
      if (isMissing(environment, value)) return c10::IValue();
      const auto real = realType->cast<c10::OptionalType>();
      const auto element = type->castRaw<c10::OptionalType>()->getElementType();
      return convert(environment, value, element, real ? real->getElementType() : element, what);
    }
    case c10::TypeKind::ListType:
      return toList(environment, value, type->expectRef<c10::ListType>(), what);
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::MemoryFormatType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::IntType:
      return toInt(environment, value, *realType, what);
    case c10::TypeKind::FloatType:
      return toNumber(environment, value, what);
    case c10::TypeKind::BoolType:
      return toBoolean(environment, value, what);
    case c10::TypeKind::NumberType:
      return c10::IValue(toScalar(environment, value, what));
    case c10::TypeKind::StringType:
      return toString(environment, value, what);
    case c10::TypeKind::DeviceObjType:
      return c10::Device(toString(environment, value, what));
    case c10::TypeKind::GeneratorType:
      throw UserError("ERR_GENERATOR", std::string(what) + ": generators are refused because randomness is keyed; use the advprop::keyed_* operators");
    default:
      throw UserError("ERR_ARGUMENT", std::string(what) + ": arguments of type " + type->str() + " are not supported");
  }
}

}  // namespace

c10::IValue toIValue(Environment& environment, napi_value value, const c10::Argument& argument) {
  const char* what = argument.name().c_str();
  if (typeOf(environment, value) == napi_undefined) {
    if (argument.default_value()) return *argument.default_value();
    if (argument.type()->kind() == c10::TypeKind::OptionalType) return c10::IValue();
    throw UserError("ERR_ARGUMENT", "argument " + argument.name() + " (" + argument.type()->str() + ") is missing");
  }
  return convert(environment, value, argument.type(), argument.real_type(), what);
}

napi_value fromIValue(Environment& environment, const c10::IValue& value) {
  if (value.isTensor()) {
    if (!value.toTensor().defined()) {
      napi_value null;
      check(environment, napi_get_null(environment.env, &null));
      return null;
    }
    return fromTensor(environment, value.toTensor());
  }
  if (value.isTensorList()) {
    const auto list = value.toTensorVector();
    napi_value array;
    check(environment, napi_create_array_with_length(environment.env, list.size(), &array));
    for (size_t i = 0; i < list.size(); ++i) check(environment, napi_set_element(environment.env, array, i, fromTensor(environment, list[i])));
    return array;
  }
  if (value.isDouble()) return fromNumber(environment, value.toDouble());
  if (value.isInt()) return fromNumber(environment, static_cast<double>(value.toInt()));
  if (value.isBool()) return fromBoolean(environment, value.toBool());
  if (value.isNone()) return undefined(environment);
  throw UserError("ERR_RESULT", "results of type " + value.tagKind() + " are not supported");
}

}  // namespace advprop
