#include "environment.h"

#include <c10/util/Exception.h>

#include <cmath>

#include "tensors/allocator.h"

namespace advprop {

void check(Environment& environment, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(environment.env, &pending);
  if (pending) throw PendingException();
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(environment.env, &info);
  throw UserError("ERR_ARGUMENT", info != nullptr && info->error_message != nullptr ? info->error_message : "Node-API call failed");
}

namespace {

std::string messageOf(Environment& environment, const std::string& message) {
  const std::string text = environment.running.empty() ? message : environment.running + ": " + message;
  environment.running.clear();
  return text;
}

void throwError(Environment& environment, const std::string& code, const std::string& message) {
  napi_throw_error(environment.env, code.c_str(), messageOf(environment, message).c_str());
}

/// Throws an error that ends a run. All other errors are mistakes in calls.
void throwRunError(Environment& environment, const std::string& code, const std::string& message) {
  const napi_env env = environment.env;
  const std::string text = messageOf(environment, message);
  napi_value constructor, values[2], error;
  const bool made = napi_get_reference_value(env, environment.runError, &constructor) == napi_ok &&
                    napi_create_string_utf8(env, code.data(), code.size(), &values[0]) == napi_ok &&
                    napi_create_string_utf8(env, text.data(), text.size(), &values[1]) == napi_ok &&
                    napi_new_instance(env, constructor, 2, values, &error) == napi_ok;
  if (made) napi_throw(env, error);
  else napi_throw_error(env, code.c_str(), text.c_str());
}

}  // namespace

void rethrowAsJavaScript(Environment& environment) {
  try {
    throw;
  } catch (const PendingException&) {
    environment.running.clear();
  } catch (const MemoryLimitError& error) {
    throwRunError(environment, "ERR_MEMORY_LIMIT", error.what());
  } catch (const RunFailure& error) {
    environment.running.clear();  // the operator that was running is not the cause, so the message must not name it
    throwRunError(environment, error.code(), error.what());
  } catch (const UserError& error) {
    throwError(environment, error.code(), error.what());
  } catch (const c10::Error& error) {
    throwError(environment, "ERR_LIBTORCH", error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throwRunError(environment, "ERR_MEMORY_LIMIT", "out of memory");
  } catch (const std::exception& error) {
    throwError(environment, "ERR_LIBTORCH", error.what());
  } catch (...) {
    throwError(environment, "ERR_LIBTORCH", "unknown C++ exception");
  }
}

napi_valuetype typeOf(Environment& environment, napi_value value) {
  napi_valuetype type;
  check(environment, napi_typeof(environment.env, value, &type));
  return type;
}

bool isMissing(Environment& environment, napi_value value) {
  const napi_valuetype type = typeOf(environment, value);
  return type == napi_undefined || type == napi_null;
}

namespace {
[[noreturn]] void wrongType(const char* what, const char* expected, napi_valuetype got) {
  static const char* names[] = {"undefined", "null", "a boolean", "a number", "a string", "a symbol", "an object", "a function", "an external", "a bigint"};
  throw UserError("ERR_ARGUMENT", std::string(what) + " must be " + expected + "; got " + names[got]);
}
}  // namespace

double toNumber(Environment& environment, napi_value value, const char* what) {
  double number;
  if (napi_get_value_double(environment.env, value, &number) != napi_ok) wrongType(what, "a number", typeOf(environment, value));
  return number;
}

int64_t toInteger(Environment& environment, napi_value value, const char* what) {
  const double number = toNumber(environment, value, what);
  if (!(std::trunc(number) == number) || std::abs(number) > 9007199254740991.0) {
    throw UserError("ERR_ARGUMENT", std::string(what) + " must be a safe integer; got " + std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

bool toBoolean(Environment& environment, napi_value value, const char* what) {
  bool result;
  if (napi_get_value_bool(environment.env, value, &result) != napi_ok) wrongType(what, "a boolean", typeOf(environment, value));
  return result;
}

std::string toString(Environment& environment, napi_value value, const char* what) {
  size_t length = 0;
  if (napi_get_value_string_utf8(environment.env, value, nullptr, 0, &length) != napi_ok) wrongType(what, "a string", typeOf(environment, value));
  std::string result(length, '\0');
  check(environment, napi_get_value_string_utf8(environment.env, value, result.data(), length + 1, &length));
  return result;
}

namespace {
constexpr uint32_t kMostElements = 1 << 20;  // a sparse array may have a length of 2^32 - 1
}

std::vector<napi_value> toArray(Environment& environment, napi_value value, const char* what) {
  bool isArray = false;
  check(environment, napi_is_array(environment.env, value, &isArray));
  if (!isArray) wrongType(what, "an array", typeOf(environment, value));
  uint32_t length = 0;
  check(environment, napi_get_array_length(environment.env, value, &length));
  if (length > kMostElements) {
    throw UserError("ERR_ARGUMENT", std::string(what) + " must have at most " + std::to_string(kMostElements) + " elements; got " + std::to_string(length));
  }
  std::vector<napi_value> result(length);
  for (uint32_t i = 0; i < length; ++i) check(environment, napi_get_element(environment.env, value, i, &result[i]));
  return result;
}

napi_value fromNumber(Environment& environment, double value) {
  napi_value result;
  check(environment, napi_create_double(environment.env, value, &result));
  return result;
}

napi_value fromString(Environment& environment, const std::string& value) {
  napi_value result;
  check(environment, napi_create_string_utf8(environment.env, value.data(), value.size(), &result));
  return result;
}

napi_value fromBoolean(Environment& environment, bool value) {
  napi_value result;
  check(environment, napi_get_boolean(environment.env, value, &result));
  return result;
}

napi_value undefined(Environment& environment) {
  napi_value result;
  check(environment, napi_get_undefined(environment.env, &result));
  return result;
}

void setProperty(Environment& environment, napi_value object, const char* name, napi_value value) {
  check(environment, napi_set_named_property(environment.env, object, name, value));
}

Handle toHandle(Environment& environment, napi_value value, const char* what) {
  napi_value key, property;
  check(environment, napi_get_reference_value(environment.env, environment.handleKey, &key));
  if (typeOf(environment, value) != napi_object) wrongType(what, "a Tensor", typeOf(environment, value));
  check(environment, napi_get_property(environment.env, value, key, &property));
  double number;
  const bool isHandle = napi_get_value_double(environment.env, property, &number) == napi_ok && number > 0 && number < 0x1p53;
  if (!isHandle) wrongType(what, "a Tensor", napi_object);
  return static_cast<Handle>(number);
}

at::Tensor toTensor(Environment& environment, napi_value value, const char* what) {
  return environment.tensors.get(toHandle(environment, value, what));
}

std::vector<at::Tensor> toTensors(Environment& environment, napi_value value, const char* what) {
  std::vector<at::Tensor> result;
  for (napi_value item : toArray(environment, value, what)) result.push_back(toTensor(environment, item, what));
  return result;
}

napi_value fromTensor(Environment& environment, at::Tensor tensor) {
  return fromNumber(environment, static_cast<double>(environment.tensors.add(std::move(tensor))));
}

namespace {
struct NamedType {
  const char* name;
  at::ScalarType type;
};
constexpr NamedType kTypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf},
    {"int64", at::kLong},    {"int32", at::kInt},      {"uint8", at::kByte},        {"bool", at::kBool},
};
}  // namespace

at::ScalarType toScalarType(const std::string& name) {
  for (const auto& entry : kTypes) {
    if (name == entry.name) return entry.type;
  }
  throw UserError("ERR_DTYPE", "unknown dtype " + name + "; known are float32, float64, bfloat16, float16, int64, int32, uint8, bool");
}

const char* scalarTypeName(at::ScalarType type) {
  for (const auto& entry : kTypes) {
    if (type == entry.type) return entry.name;
  }
  return c10::toString(type);
}

}  // namespace advprop
