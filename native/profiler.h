// A profile of the operators that one thread runs, forward and backward alike: libtorch's own record of every operator
// and of every node of a graph, and the kernels of ours that name themselves.
#pragma once
#include "environment.h"

namespace advprop {

/// Gives a kernel inside an operator a row of its own, with its arithmetic and its least memory traffic:
///     const ProfiledKernel profiled("advprop::depthwise_conv2d weight gradient", flops, readBytes, writtenBytes);
/// Where no profile is running it costs a look at one thread-local pointer.
class ProfiledKernel {
 public:
  ProfiledKernel(const char* name, double flops, double readBytes, double writtenBytes);
  ~ProfiledKernel();
  ProfiledKernel(const ProfiledKernel&) = delete;
  ProfiledKernel& operator=(const ProfiledKernel&) = delete;

 private:
  bool active_;
};

/// (): begins the profile of this thread
napi_value startProfile(Environment& environment, const Arguments& arguments);
/// () -> array of { name, calls, ms, flops, readBytes, writtenBytes, convolution }, and ends the profile
napi_value stopProfile(Environment& environment, const Arguments& arguments);

}  // namespace advprop
