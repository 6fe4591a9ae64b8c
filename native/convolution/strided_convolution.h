// Dense convolution of any square kernel and stride over channels-last float32 and bfloat16, as products of matrices whose rows
// are patches: gathered a block of pixels at a time, small enough for the second-level cache.
#pragma once
#include <ATen/ATen.h>

#include "patches.h"

namespace advprop {

struct StridedSizes {
  int64_t images, inputs, height, width;
  int64_t outputs, rows, columns;
  int64_t kernel, stride, left, top;

  /// What each pixel of the result is a sum over.
  Patches patches() const { return {height, width, inputs, rows, columns, kernel, kernel, -top, -left, stride}; }
  /// Of the result, and as many of each gradient.
  double multiplications() const { return static_cast<double>(images) * rows * columns * outputs * inputs * kernel * kernel; }
};

/// The result [images, outputs, rows, columns] of x [images, inputs, height, width]. Weights are float32 and channels-last.
at::Tensor stridedForward(const at::Tensor& x, const at::Tensor& weight, const StridedSizes& sizes);

/// The gradient of x, given that of the result.
at::Tensor stridedInputGradient(const at::Tensor& gradient, const at::Tensor& weight, const StridedSizes& sizes);

/// The gradient of the weight, float32 and channels-last, given that of the result.
at::Tensor stridedWeightGradient(const at::Tensor& gradient, const at::Tensor& x, const StridedSizes& sizes);

}  // namespace advprop
