// The state of a JavaScript environment (the main thread and every worker thread have their own), and the guard around each native function.
#pragma once
#include <node_api.h>

#include <ATen/core/dispatch/Dispatcher.h>

#include <deque>
#include <string>
#include <vector>

#include "errors.h"
#include "tensors/handles.h"

namespace advprop {

struct Operator {
  std::string name;
  c10::OperatorHandle handle;
};

struct Environment {
  napi_env env;
  napi_ref handleKey = nullptr;  // the symbol under which a Tensor object carries its handle
  napi_ref runError = nullptr;   // the class of errors that end a run: memory that does not suffice, a rank that is gone
  std::vector<napi_ref> unused;  // references to delete. Declared before the tensors, because freeing a graph adds to it
  HandleTable tensors;
  std::deque<Operator> operators;  // a deque, because a running call refers to its operator
  std::string running;  // the operator being called, for error messages
};

/// Throws where a Node-API call failed, keeping a JavaScript exception that is already pending.
void check(Environment& environment, napi_status status);

/// Arguments of a call from JavaScript.
struct Arguments {
  static constexpr size_t kMost = 8;
  napi_value values[kMost];
  size_t count = kMost;
  napi_value operator[](size_t i) const { return values[i]; }
};

using Function = napi_value (*)(Environment&, const Arguments&);

/// Turns the exception in flight into a JavaScript error with libtorch's own message and a code.
void rethrowAsJavaScript(Environment& environment);

template <Function function>
napi_value guarded(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  auto& environment = *static_cast<Environment*>(data);
  try {
    Arguments arguments;
    check(environment, napi_get_cb_info(env, info, &arguments.count, arguments.values, nullptr, nullptr));
    return function(environment, arguments);
  } catch (...) {
    rethrowAsJavaScript(environment);
    return nullptr;
  }
}

// Values
double toNumber(Environment& environment, napi_value value, const char* what);
int64_t toInteger(Environment& environment, napi_value value, const char* what);
bool toBoolean(Environment& environment, napi_value value, const char* what);
std::string toString(Environment& environment, napi_value value, const char* what);
std::vector<napi_value> toArray(Environment& environment, napi_value value, const char* what);
napi_valuetype typeOf(Environment& environment, napi_value value);
bool isMissing(Environment& environment, napi_value value);  // undefined or null
napi_value fromNumber(Environment& environment, double value);
napi_value fromString(Environment& environment, const std::string& value);
napi_value fromBoolean(Environment& environment, bool value);
napi_value undefined(Environment& environment);
void setProperty(Environment& environment, napi_value object, const char* name, napi_value value);

// Tensors: JavaScript passes its Tensor objects.
Handle toHandle(Environment& environment, napi_value value, const char* what);
at::Tensor toTensor(Environment& environment, napi_value value, const char* what);
std::vector<at::Tensor> toTensors(Environment& environment, napi_value value, const char* what);
napi_value fromTensor(Environment& environment, at::Tensor tensor);
at::ScalarType toScalarType(const std::string& name);
const char* scalarTypeName(at::ScalarType type);

}  // namespace advprop
