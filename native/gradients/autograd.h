// Gradients of chosen tensors, and gradients added into the leaves' own stores.
#pragma once
#include "engine/environment.h"

namespace advprop {

/// (tensor, flag): marks a leaf as one whose gradient is wanted.
napi_value setRequiresGrad(Environment& environment, const Arguments& arguments);

/// (loss, [inputs]) -> [gradient or null]: gradients of these inputs alone; nothing else is computed or stored.
/// (output, [inputs], gradient): the same for an output of any shape whose own gradient is given.
napi_value gradients(Environment& environment, const Arguments& arguments);

/// (loss, [leaves]): adds the gradient of a loss to each leaf's store and frees the graph.
napi_value accumulateGradients(Environment& environment, const Arguments& arguments);

/// (leaf) -> its stored gradient or null.
napi_value storedGradient(Environment& environment, const Arguments& arguments);

/// ([leaves], [gradients or null]): puts these in the leaves' stores.
napi_value storeGradients(Environment& environment, const Arguments& arguments);

/// ([leaves]): empties their stores.
napi_value clearGradients(Environment& environment, const Arguments& arguments);

}  // namespace advprop
