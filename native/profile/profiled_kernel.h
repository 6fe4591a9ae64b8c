// How a kernel of ours names itself in a profile.
#pragma once

namespace advprop {

/// Gives a kernel inside an operator a row of its own, with its arithmetic and its least memory traffic:
///     const ProfiledKernel profiled("advprop::depthwise_conv2d 3x3 (weight gradient)", flops, readBytes, writtenBytes);
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

}  // namespace advprop
