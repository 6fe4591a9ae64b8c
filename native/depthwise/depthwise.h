// Depthwise convolution over channels-last tensors on the CPU: what its kernels share.
#pragma once
#include <ATen/ATen.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "vectors/channel_block.h"
#include "vectors/threads.h"

namespace advprop {

/// Sizes of one depthwise convolution: `x` is [images, channels, height, width], `y` [images, channels, rows, columns].
/// y[r, c] = sum over i, j of x[stride r + i - top, stride c + j - left] weight[i, j], with zeros outside of x.
struct DepthwiseSizes {
  int64_t images, channels, height, width, rows, columns;
  int64_t left, top;
  int64_t kernel, stride;

  int64_t blocks() const { return (channels + kBlock - 1) / kBlock; }
  /// First channel of a block. If the channels do not fill whole blocks, the last block begins earlier and overlaps the one before;
  /// both compute the same numbers there.
  int64_t blockStart(int64_t block) const { return std::min(block * kBlock, channels - kBlock); }
};

/// The convolution of x [N, C, H, W] with weight [C, 1, k, k] and zeros on each side (left, right, top, bottom), which must fit.
at::Tensor depthwiseConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);

/// y, of x's dtype. `weight` is [channels, 1, kernel, kernel] in any dtype; sums are float32.
at::Tensor depthwiseForward(const at::Tensor& x, const at::Tensor& weight, const DepthwiseSizes& sizes);
/// The gradient of x, given that of y, in y's dtype.
at::Tensor depthwiseInputGradient(const at::Tensor& gradient, const at::Tensor& weight, const DepthwiseSizes& sizes);
/// The gradient of the weight, given that of y: float32, whatever the dtype of x. Does not depend on the number of threads.
at::Tensor depthwiseWeightGradient(const at::Tensor& gradient, const at::Tensor& x, const DepthwiseSizes& sizes);

/// Calls `function` with the kernel's side and the stride as compile-time constants.
template <typename Function>
void withKernel(const DepthwiseSizes& sizes, const Function& function) {
  using std::integral_constant;
  const auto withStride = [&](auto kernel) {
    if (sizes.stride == 1) function(kernel, integral_constant<int, 1>());
    else function(kernel, integral_constant<int, 2>());
  };
  if (sizes.kernel == 3) withStride(integral_constant<int, 3>());
  else withStride(integral_constant<int, 5>());
}

/// Calls `function` with a value of the tensor's C++ type, float or BFloat16.
template <typename Function>
void withScalar(const at::Tensor& tensor, const Function& function) {
  if (tensor.scalar_type() == at::kFloat) function(float());
  else function(c10::BFloat16());
}

/// Calls `function(constant)` for the constants 0 .. Count - 1, without a loop, so that arrays stay in registers.
template <int Count, typename Function, int... I>
inline __attribute__((always_inline)) void unrolled(const Function& function, std::integer_sequence<int, I...>) {
  (function(std::integral_constant<int, I>()), ...);
}
template <int Count, typename Function>
inline __attribute__((always_inline)) void unrolled(const Function& function) {
  unrolled<Count>(function, std::make_integer_sequence<int, Count>());
}

}  // namespace advprop
