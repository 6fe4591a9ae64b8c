// Gradient checkpointing: the graph of a result is built only when its gradient is needed. It saves memory and computes the result twice.
#pragma once
#include "engine/environment.h"

namespace advprop {

/// (output, [inputs], backward) -> output as a function of the inputs. When its gradient is asked for,
/// `backward(input, gradient)` is called with handles of the first input, outside of every graph, and of the output's
/// gradient; it returns an array of one Tensor or undefined for each of the inputs. Only the first input is kept
/// until then; the others are leaves.
napi_value recompute(Environment& environment, const Arguments& arguments);

}  // namespace advprop
