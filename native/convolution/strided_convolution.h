// Dense convolution of any square kernel and stride over channels-last float32 and bfloat16. Patches are gathered as rows of a matrix, for a
// block of pixels that fits the second-level cache, and multiplied with the weight.
#pragma once
#include <ATen/ATen.h>

#include "patches.h"

namespace advprop {

struct StridedSizes {
  int64_t images, inputs, height, width;
  int64_t outputs, rows, columns;
  int64_t kernel, stride, left, top;

  /// The patches of x that the pixels of the result are computed from.
  Patches patches() const { return {height, width, inputs, rows, columns, kernel, kernel, -top, -left, stride}; }
  /// Multiplications of the forward pass; each gradient takes as many.
  double multiplications() const { return static_cast<double>(images) * rows * columns * outputs * inputs * kernel * kernel; }
};

/// The result [images, outputs, rows, columns] of x [images, inputs, height, width]. Weights are float32 and channels-last.
at::Tensor stridedForward(const at::Tensor& x, const at::Tensor& weight, const StridedSizes& sizes);

/// The gradient of x, given that of the result.
at::Tensor stridedInputGradient(const at::Tensor& gradient, const at::Tensor& weight, const StridedSizes& sizes);

/// The gradient of the weight, float32 and channels-last, given that of the result.
at::Tensor stridedWeightGradient(const at::Tensor& gradient, const at::Tensor& x, const StridedSizes& sizes);

}  // namespace advprop
