// How a kernel of ours names itself in a profile.
#pragma once
#include <cstdint>
#include <string>

namespace advprop {

/// Gives a kernel inside an operator a row of its own, with its arithmetic and its least memory traffic:
///     const ProfiledKernel profiled("advprop::conv2d 1x1 (weight gradient)", flops, readBytes, writtenBytes);
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

/// The row of a gradient of a convolution, named as that of the forward pass: "advprop::conv2d depthwise 5x5 stride 2 (input gradient)".
std::string convolutionGradient(const char* which, int64_t kernel, int64_t stride, bool depthwise = false);

}  // namespace advprop
