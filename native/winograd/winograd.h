// Convolution 3x3 with stride 1 and one zero on each side, channels-last, by Winograd's F(4x4, 3x3); see transforms.h.
#pragma once
#include <ATen/ATen.h>

#include "norm/batch_norm.h"
#include "transforms.h"

namespace advprop::winograd {

/// How images are cut into tiles of 4 by 4 results. The last tile of a row or column may reach over the edge.
struct Tiles {
  Tiles(int64_t images, int64_t height_, int64_t width_)
      : height(height_), width(width_), down((height + kTile - 1) / kTile), across((width + kTile - 1) / kTile), count(images * down * across) {}

  /// Where a tile's results begin.
  struct Origin {
    int64_t image, row, column;
  };

  /// Calls `work(i, origin)` for tile `first` + i, i below `tiles`.
  template <typename Work>
  void each(int64_t first, int64_t tiles, const Work& work) const {
    Origin at{first / (down * across), first / across % down * kTile, first % across * kTile};
    for (int64_t i = 0; i < tiles; ++i) {
      work(i, at);
      if ((at.column += kTile) < width) continue;
      at.column = 0;
      if ((at.row += kTile) < height) continue;
      at.row = 0;
      ++at.image;
    }
  }

  const int64_t height, width, down, across, count;
};

/// Whether the kernel takes this convolution: x is float32 or bfloat16, both numbers of channels are whole vectors, the weight is float32,
/// and there are fewer multiplications than in the plain sum.
bool applies(const at::Tensor& x, const at::Tensor& weight);

// The convolution is of x or, given a norm, of relu(norm(x)), which is never written anywhere.

/// The convolution of x [N, I, H, W] with weight [O, I, 3, 3]: [N, O, H, W] in x's dtype, arithmetic in float32.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm = nullptr);

/// The gradient of x, given that of the result: a convolution of the latter with the kernels rotated by half a turn, and inputs and outputs
/// exchanged. With a norm, `x` must be given, and the norm's statistics are constants.
at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x = {}, const Normalization* norm = nullptr);

/// The gradient of the weight in float32, channels-last. Does not depend on the number of threads.
at::Tensor weightGradient(const at::Tensor& gradient, const at::Tensor& x, const Normalization* norm = nullptr);

}  // namespace advprop::winograd
