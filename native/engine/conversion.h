// Converts JavaScript values to libtorch's and back, by the types in an operator's schema.
#pragma once
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include "environment.h"

namespace advprop {

/// Converts one argument by its declared type. `undefined` takes the schema's default.
c10::IValue toIValue(Environment& environment, napi_value value, const c10::Argument& argument);

/// Converts one result: a tensor becomes a new handle, a list or tuple an array, a scalar a number or boolean.
napi_value fromIValue(Environment& environment, const c10::IValue& value);

}  // namespace advprop
