// EfficientNet's inverted residual through given statistics: what each image goes through does not depend on the others, so
// a thread takes an image (or a few small ones) through the whole block while it lies in the caches.
//
//     u = expand(x), t = silu(norm1(u))        or t = x without an expansion
//     v = depthwise(t), s = silu(norm2(v))
//     gate = sigmoid(W2 silu(W1 mean(s) + b1) + b2)
//     y = norm3(project(s gate)) + x           the last where `residual`
//
// Expanded channels are computed a panel at a time: between expansion and depthwise convolution an image is [pixels, panel].
#pragma once
#include <ATen/ATen.h>

#include "depthwise_panel.h"
#include "pointwise.h"

namespace advprop {

/// Expanded channels that are computed together.
constexpr int64_t kPanel = kPanelVectors * kLanes;

/// factor x + shift: a batch norm by given statistics, filled up with zeros to whole panels.
struct Affine {
  std::vector<float> factor, shift;
};

/// One block on one batch.
struct InvertedResidual {
  int64_t images, inputs, expanded, outputs, squeezed;
  bool expands, residual;
  PanelSizes panel;
  Affine norm1, norm2, norm3;
  PackedMatrix expand, expandGradient, project, projectGradient;
  const float *depthwise, *depthwiseGradient;                      // packDepthwise
  const float *reduce, *reduceBias, *expandGate, *expandGateBias;  // [squeezed, expanded], [squeezed], [squeezed, expanded], [expanded]

  int64_t panels() const { return (expanded + kPanel - 1) / kPanel; }
  int64_t padded() const { return panels() * kPanel; }
  int64_t pixels() const { return panel.pixels(); }
  int64_t results() const { return panel.results(); }
};

/// What the gradient needs of the forward pass. A unit is so many images that their pixels fill tiles; its panels lie one
/// after another, each with the pixels of all its images.
struct Kept {
  at::Tensor slope;                 // of silu(norm1(u)) by u, [images, panels, pixels, kPanel] but for the order within a unit
  at::Tensor v;                     // likewise, of the results' pixels
  at::Tensor gate, squeezed;        // float32 [images, expanded] and [images, squeezed]
  int64_t together = 0;             // images of a unit
};

/// y; `kept` may be null.
at::Tensor invertedResidualForward(const InvertedResidual& block, const at::Tensor& x, Kept* kept);
/// The gradient of x given that of y.
at::Tensor invertedResidualGradient(const InvertedResidual& block, const at::Tensor& gradient, const Kept& kept);

}  // namespace advprop
