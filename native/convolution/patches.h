// Patches of channels-last images as rows of a matrix. A patch is the part of the image that one pixel of a convolution's result is computed from.
#pragma once
#include "vectors/vector.h"

#include <algorithm>
#include <type_traits>

namespace advprop {

/// A patch is `high` by `wide` pixels of an image [height, width, channels], with zeros outside of the image. The result is [rows, columns];
/// the patch of its pixel (row, column) begins at pixel (top + row * stride, left + column * stride) of the image.
struct Patches {
  int64_t height, width, channels;
  int64_t rows, columns;
  int64_t high, wide, top, left, stride;

  /// Numbers of a patch.
  int64_t size() const { return high * wide * channels; }
  int64_t imageSize() const { return height * width * channels; }
};

/// Copies numbers, from one type to another if they differ. Runs are short, so this must be inlined.
template <typename From, typename To>
inline void copyNumbers(const From* from, int64_t count, To* to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    if constexpr (std::is_same_v<From, To>) std::memcpy(to + i, from + i, kLanes * sizeof *to);
    else store(to + i, load(from + i));
  }
  for (; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

/// Writes the patches of `count` neighbouring pixels of the result, from (row, column) on: [count][high][wide][channels].
template <typename From, typename To>
void gatherPatches(const From* image, const Patches& patches, int64_t row, int64_t column, int64_t count, To* to) {
  const int64_t channels = patches.channels, wide = patches.wide, run = wide * channels;
  const int64_t top = patches.top + row * patches.stride, line = patches.width * channels;
  for (int64_t pixel = column; pixel < column + count; ++pixel) {
    const int64_t left = patches.left + pixel * patches.stride;
    // The columns of the patch that lie inside of the image.
    const int64_t begin = std::clamp<int64_t>(-left, 0, wide) * channels;
    const int64_t end = std::max(begin, std::clamp<int64_t>(patches.width - left, 0, wide) * channels);
    for (int64_t i = top; i < top + patches.high; ++i, to += run) {
      if (i < 0 || i >= patches.height) {
        std::fill_n(to, run, To(0));
        continue;
      }
      std::fill_n(to, begin, To(0));
      copyNumbers(image + i * line + left * channels + begin, end - begin, to + begin);
      std::fill_n(to + end, run - end, To(0));
    }
  }
}

/// All pixels of a batch of results, [images, rows, columns], in order, cut into blocks of about the same size.
struct PixelBlocks {
  PixelBlocks(int64_t images, int64_t rows_, int64_t columns_, int64_t most)
      : rows(rows_), columns(columns_), pixels(images * rows * columns), count((pixels + most - 1) / most) {}

  int64_t beginOf(int64_t block) const { return block * pixels / count; }

  /// Calls `work(image, row, column, count)` for the pixels from `begin` to `end`, once for each row.
  template <typename Work>
  void eachRun(int64_t begin, int64_t end, const Work& work) const {
    for (int64_t pixel = begin; pixel < end;) {
      const int64_t line = pixel / columns, column = pixel % columns, run = std::min(columns - column, end - pixel);
      work(line / rows, line % rows, column, run);
      pixel += run;
    }
  }

  int64_t rows, columns, pixels, count;
};

/// Writes the patches of the pixels from `begin` to `end` of a batch x.
template <typename From, typename To>
void gatherPixels(const From* x, const Patches& patches, const PixelBlocks& blocks, int64_t begin, int64_t end, To* to) {
  blocks.eachRun(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count) {
    gatherPatches(x + image * patches.imageSize(), patches, row, column, count, to);
    to += count * patches.size();
  });
}

}  // namespace advprop
