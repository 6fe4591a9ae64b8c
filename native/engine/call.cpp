#include "call.h"

#include "conversion.h"

namespace advprop {

namespace {

const char* kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return "t";
    case c10::TypeKind::ListType:
      return "l";
    default:
      return "v";
  }
}

/// The handle of the argument that an in-place operator returns, or 0.
Handle aliasedHandle(Environment& environment, const c10::FunctionSchema& schema, size_t result, const c10::IValue& value,
                     const std::vector<napi_value>& values) {
  const auto* alias = schema.returns()[result].alias_info();
  if (alias == nullptr || !alias->isWrite() || !value.isTensor()) return 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto* of = schema.arguments()[i].alias_info();
    if (of == nullptr || !of->isWrite() || schema.arguments()[i].type()->kind() != c10::TypeKind::TensorType) continue;
    const Handle handle = toHandle(environment, values[i], schema.arguments()[i].name().c_str());
    if (environment.tensors.get(handle).is_same(value.toTensor())) return handle;
  }
  return 0;
}

}  // namespace

napi_value findOperator(Environment& environment, const Arguments& arguments) {
  const std::string name = toString(environment, arguments[0], "name");
  const std::string overload = toString(environment, arguments[1], "overload");
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) {
    throw UserError("ERR_OPERATOR", "this libtorch has no operator " + name + (overload.empty() ? "" : "." + overload));
  }
  environment.operators.push_back({name, *handle});
  std::string returns;
  for (const auto& result : handle->schema().returns()) returns += kindOf(result.type());
  napi_value object;
  check(environment, napi_create_object(environment.env, &object));
  setProperty(environment, object, "id", fromNumber(environment, static_cast<double>(environment.operators.size() - 1)));
  setProperty(environment, object, "returns", fromString(environment, returns));
  return object;
}

napi_value callOperator(Environment& environment, const Arguments& arguments) {
  const auto id = static_cast<size_t>(toInteger(environment, arguments[0], "operator"));
  if (id >= environment.operators.size()) throw UserError("ERR_OPERATOR", "unknown operator id");
  const Operator& op = environment.operators[id];
  environment.running = op.name;
  const auto& schema = op.handle.schema();
  const std::vector<napi_value> values = toArray(environment, arguments[1], "arguments");
  if (values.size() > schema.arguments().size()) {
    throw UserError("ERR_ARGUMENT", "takes at most " + std::to_string(schema.arguments().size()) + " arguments; got " + std::to_string(values.size()));
  }
  torch::jit::Stack stack;
  stack.reserve(schema.arguments().size());
  napi_value missing = undefined(environment);
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    stack.push_back(toIValue(environment, i < values.size() ? values[i] : missing, schema.arguments()[i]));
  }
  op.handle.callBoxed(&stack);

  const auto convertResult = [&](size_t i) {
    const Handle same = aliasedHandle(environment, schema, i, stack[i], values);
    return same != 0 ? fromNumber(environment, static_cast<double>(same)) : fromIValue(environment, stack[i]);
  };
  napi_value result;
  if (stack.empty()) {
    result = undefined(environment);
  } else if (stack.size() == 1) {
    result = convertResult(0);
  } else {
    check(environment, napi_create_array_with_length(environment.env, stack.size(), &result));
    for (size_t i = 0; i < stack.size(); ++i) check(environment, napi_set_element(environment.env, result, i, convertResult(i)));
  }
  environment.running.clear();
  return result;
}

}  // namespace advprop
