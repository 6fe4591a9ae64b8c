// Names a kernel of ours in a profile.
#pragma once

namespace advprop {

/// Gives a kernel inside an operator its own row in the profile, with its arithmetic and its least memory traffic:
///     const ProfiledKernel profiled("advprop::depthwise_conv2d 3x3 (weight gradient)", flops, readBytes, writtenBytes);
/// If no profile is running, it only reads a thread-local variable.
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
