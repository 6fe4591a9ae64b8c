// Depthwise convolution of a panel, [pixels, channels]: so few channels of one image that they stay in the caches.
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
  /// How many rows of x the results before this row need; all rows for the last.
  int64_t needed(int64_t row) const { return row == rows ? height : std::clamp<int64_t>(stride * (row - 1) + kernel - top, 0, height); }
  /// Numbers of one panel in a packed weight.
  int64_t packed() const { return channels * kernel * kernel; }
};

/// Packs a weight [channels, 1, kernel, kernel] for panels of `panel` channels, the last filled up with zeros, and for activations of a
/// dtype: first for the convolution, then for its input gradient.
at::Tensor packDepthwise(const at::Tensor& weight, int64_t panel, int64_t stride, at::ScalarType dtype);

/// Computes rows `begin` to `end` of a panel's result. `weight` is the panel's part of the packed weight. T is float or BFloat16.
template <typename T>
void depthwisePanel(const T* x, T* y, const float* weight, const PanelSizes& sizes, int64_t begin, int64_t end);
/// The same for the gradient of x; `gradX` points to row `begin`.
template <typename T>
void depthwisePanelGradient(const T* gradient, T* gradX, const float* weight, const PanelSizes& sizes, int64_t begin, int64_t end);

/// Adds a panel's part of the weight gradient to sums[sizes.packed()], given x and the gradient of y; with `isFirst` it is stored there instead.
template <typename T>
void addDepthwisePanelGradient(const T* x, const T* gradient, float* sums, bool isFirst, const PanelSizes& sizes);
/// The weight gradient, float32 [channels, 1, kernel, kernel], from the sums of all parts, [parts, sums of all panels], for activations of a dtype.
at::Tensor joinDepthwisePanels(const at::Tensor& sums, int64_t channels, int64_t kernel, at::ScalarType dtype);

}  // namespace advprop
