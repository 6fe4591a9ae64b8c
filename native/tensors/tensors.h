// Bytes in and out, facts about tensors, lifetime.
#pragma once
#include "engine/environment.h"

namespace advprop {

/// (bytes: typed array, shape, dtype, device) -> handle. Copies, to a GPU while the program goes on.
napi_value tensorFromBytes(Environment& environment, const Arguments& arguments);
/// (tensor) -> ArrayBuffer with the elements in C order, whatever the strides. Copies.
napi_value tensorToBytes(Environment& environment, const Arguments& arguments);
// (tensor) -> one fact about it
napi_value tensorShape(Environment& environment, const Arguments& arguments);
napi_value tensorStrides(Environment& environment, const Arguments& arguments);
napi_value tensorDtype(Environment& environment, const Arguments& arguments);
napi_value tensorVersion(Environment& environment, const Arguments& arguments);
napi_value tensorDevice(Environment& environment, const Arguments& arguments);
napi_value tensorRequiresGradient(Environment& environment, const Arguments& arguments);
/// (tensor) -> its one element as a number
napi_value tensorItem(Environment& environment, const Arguments& arguments);
napi_value disposeTensor(Environment& environment, const Arguments& arguments);
napi_value isAlive(Environment& environment, const Arguments& arguments);
napi_value keepTensor(Environment& environment, const Arguments& arguments);
napi_value beginScope(Environment& environment, const Arguments& arguments);
/// (one tensor, an array, or nothing): those that pass to the enclosing scope
napi_value endScope(Environment& environment, const Arguments& arguments);

}  // namespace advprop
