// The generic operator call: looks an operator up in libtorch's dispatcher and runs it with autograd.
#pragma once
#include "environment.h"

namespace advprop {

/// (name, overload) -> { id, returns }: `returns` has one letter a result: "t" tensor, "l" list, "v" value.
napi_value findOperator(Environment& environment, const Arguments& arguments);

/// (id, [arguments]) -> the result, or an array of them where the operator has several. An in-place operator returns
/// the handle of the argument that it changed, so that no second handle stands for one tensor.
napi_value callOperator(Environment& environment, const Arguments& arguments);

}  // namespace advprop
