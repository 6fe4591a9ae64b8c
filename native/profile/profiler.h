// A profile of the operators that one thread runs, forward and backward alike: libtorch's own record of every operator
// and of every node of a graph, and the kernels of ours that name themselves.
#pragma once
#include "engine/environment.h"

namespace advprop {

/// (): begins the profile of this thread
napi_value startProfile(Environment& environment, const Arguments& arguments);
/// () -> array of { name, calls, ms, flops, readBytes, writtenBytes, convolution }, and ends the profile
napi_value stopProfile(Environment& environment, const Arguments& arguments);

}  // namespace advprop
