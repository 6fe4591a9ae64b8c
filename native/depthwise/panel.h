// Depthwise convolution of one image whose channels are few enough to stay in the caches: a panel, [pixels, channels].
#pragma once
#include <ATen/ATen.h>

#include <algorithm>

namespace advprop {

/// y[r, c] = sum over i, j of x[stride r + i - top, stride c + j - left] weight[i, j], zeros outside of x.
struct PanelSizes {
  int64_t channels, height, width, rows, columns;
  int64_t left, top;
  int64_t kernel, stride;

  int64_t pixels() const { return height * width; }
  int64_t results() const { return rows * columns; }
  /// The rows of x that results before this row need, which for the last are all.
  int64_t needed(int64_t row) const { return row == rows ? height : std::clamp<int64_t>(stride * (row - 1) + kernel - top, 0, height); }
  /// Numbers of one panel in a packed weight.
  int64_t packed() const { return channels * kernel * kernel; }
};

/// A weight [channels, 1, kernel, kernel] for the panels of `panel` channels that they fall into, filled up with zeros, and
/// activations of a dtype: for the convolution, then for its gradient.
at::Tensor packDepthwise(const at::Tensor& weight, int64_t panel, int64_t stride, at::ScalarType dtype);

/// Rows `begin` to `end` of a panel's result, with its part of the packed weight. T is float or BFloat16.
template <typename T>
void depthwisePanel(const T* x, T* y, const float* weight, const PanelSizes& sizes, int64_t begin, int64_t end);
/// The same of the gradient of x; `gradX` is where row `begin` lies.
template <typename T>
void depthwisePanelGradient(const T* gradient, T* gradX, const float* weight, const PanelSizes& sizes, int64_t begin, int64_t end);

/// Adds a panel's part of the weight's gradient, given x and the gradient of y, to sums[sizes.packed()]; stores it there where `isFirst`.
template <typename T>
void addDepthwisePanelGradient(const T* x, const T* gradient, float* sums, bool isFirst, const PanelSizes& sizes);
/// The weight's gradient, [channels, 1, kernel, kernel] float32, from [parts, all panels' sums] for activations of a dtype.
at::Tensor joinDepthwisePanels(const at::Tensor& sums, int64_t channels, int64_t kernel, at::ScalarType dtype);

}  // namespace advprop
