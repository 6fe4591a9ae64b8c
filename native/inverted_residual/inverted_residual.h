// EfficientNet's inverted residual through given statistics: what each image goes through does not depend on the others, so
// a thread takes an image (or a few small ones) through the whole block while it lies in the caches. The result is
// norm3(y) + x, y being that of layers.h, and the last where `residual`.
#pragma once
#include "layers.h"

namespace advprop {

/// factor x + shift: a batch norm by given statistics, filled up with zeros to whole panels.
struct Affine {
  std::vector<float> factor, shift;
};

/// One block on one batch.
struct InvertedResidual : InvertedResidualLayers {
  using InvertedResidualLayers::InvertedResidualLayers;
  bool residual = false;
  Affine norm1, norm2, norm3;
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
