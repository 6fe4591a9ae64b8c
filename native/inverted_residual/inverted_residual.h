// EfficientNet's inverted residual by running statistics. No image depends on another, so a thread takes an image (or a few small ones)
// through the whole block while it is in the caches. The result is norm3(y), plus x with `residual`; y is that of layers.h.
#pragma once
#include "layers.h"

namespace advprop {

/// factor x + shift for each channel: a batch norm by running statistics, filled up with zeros to whole panels.
struct Affine {
  std::vector<float> factor, shift;
};

/// One block on one batch.
struct InvertedResidual : InvertedResidualLayers {
  using InvertedResidualLayers::InvertedResidualLayers;
  bool residual = false;
  Affine norm1, norm2, norm3;
};

/// What the forward pass keeps for the gradient. A unit is a few images, enough to fill tiles. Its panels are stored one after another, each
/// with the pixels of all images of the unit.
struct Kept {
  at::Tensor slope;                 // derivative of silu(norm1(u)) with respect to u: [units][panels][pixels of the unit][kPanel]
  at::Tensor v;                     // the same for v: [units][panels][results of the unit][kPanel]
  at::Tensor gate, squeezed;        // float32 [images, expanded] and [images, squeezed]
  int64_t together = 0;             // images of a unit
};

/// y; `kept` may be null.
at::Tensor invertedResidualForward(const InvertedResidual& block, const at::Tensor& x, Kept* kept);
/// The gradient of x, given that of the result.
at::Tensor invertedResidualGradient(const InvertedResidual& block, const at::Tensor& gradient, const Kept& kept);

}  // namespace advprop
