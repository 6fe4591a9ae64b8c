// Names a kernel of ours in a profile.
#pragma once
#include <cstdint>
#include <string>

namespace advprop {

/// Gives a kernel inside an operator its own row in the profile, with its arithmetic and its least memory traffic:
///     const ProfiledKernel profiled("advprop::conv2d 1x1 (weight gradient)", flops, readBytes, writtenBytes);
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

enum class ConvolutionKind { dense, depthwise, ofImages };

/// The name of the row for a gradient of advprop::conv2d, after that of the forward pass: "advprop::conv2d depthwise 5x5 stride 2 (input gradient)".
std::string convolutionGradient(const char* which, ConvolutionKind kind, int64_t kernel, int64_t stride);

}  // namespace advprop
