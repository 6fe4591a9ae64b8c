// The layers of EfficientNet's inverted residual, for both of its forms: by running statistics (inverted_residual.h) and by the batch's
// (training.h).
//
//     u = expand(x), t = silu(norm1(u))        or t = x without an expansion
//     v = depthwise(t), s = silu(norm2(v))
//     gate = sigmoid(W2 silu(W1 mean(s) + b1) + b2)
//     y = project(s gate)                      which norm3 follows
//
// Expanded channels are computed a panel at a time: between expansion and depthwise convolution an image is [pixels, kPanel].
#pragma once
#include <ATen/ATen.h>

#include "depthwise/panel.h"
#include "product/pointwise.h"

namespace advprop {

/// Expanded channels that are computed together.
constexpr int64_t kPanel = kPanelVectors * kLanes;

/// Sizes and weights of one block on one batch.
struct InvertedResidualLayers {
  /// Checks and packs the weights. `expand` is [E, I, 1, 1], or undefined without an expansion, where E is the number of x's channels.
  /// `depthwise` is [E, 1, k, k]. `squeeze` is W1 [S, E, 1, 1], b1 [S], W2 [E, S, 1, 1] and b2 [E] of the gate. `project` is [O, E, 1, 1].
  InvertedResidualLayers(const at::Tensor& x, const at::Tensor& expand, const at::Tensor& depthwise, at::TensorList squeeze,
                         const at::Tensor& project, int64_t stride, at::IntArrayRef padding);

  int64_t images, inputs, expanded, outputs, squeezed;
  bool expands;
  PanelSizes panel;
  PackedMatrix expand, expandGradient, project, projectGradient;
  const float *depthwise, *depthwiseGradient;                      // in the memory of packDepthwise
  const float *reduce, *reduceBias, *expandGate, *expandGateBias;  // [squeezed, expanded], [squeezed], [squeezed, expanded], [expanded]

  int64_t panels() const { return (expanded + kPanel - 1) / kPanel; }
  int64_t padded() const { return panels() * kPanel; }
  int64_t pixels() const { return panel.pixels(); }
  int64_t results() const { return panel.results(); }
  /// Floating-point operations of the layers: a multiply-add counts as two.
  double expandFlops() const { return expands ? 2. * images * pixels() * inputs * expanded : 0; }
  double depthwiseFlops() const { return 2. * images * results() * expanded * panel.kernel * panel.kernel; }
  double projectFlops() const { return 2. * images * results() * expanded * outputs; }
  double gateFlops() const { return 4. * images * expanded * squeezed; }

 private:
  const at::Tensor& keep(const at::Tensor& tensor);
  std::vector<at::Tensor> alive;  // the tensors that the pointers point into
};

/// Checks a norm's scale, shift, mean and variance: float32 with a value for each channel.
void checkNorm(const at::Tensor* norm, int64_t channels);

}  // namespace advprop
