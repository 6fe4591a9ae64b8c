// CUDA graphs: what a part of a program launches on a GPU is captured once, and can then be launched again as a whole.
#pragma once
#include "environment.h"

namespace advprop {

/// (device): from now on everything that this thread launches on the GPU is captured and not run. Until `endCapture` nothing may be read
/// from the GPU or copied to it.
napi_value beginCapture(Environment& environment, const Arguments& arguments);

/// -> the graph's number. Its tensors keep their memory until it is disposed.
napi_value endCapture(Environment& environment, const Arguments& arguments);

/// (graph): launches what was captured, on the memory that was captured.
napi_value replayGraph(Environment& environment, const Arguments& arguments);

/// (graph): gives its memory back.
napi_value disposeGraph(Environment& environment, const Arguments& arguments);

}  // namespace advprop
