// Depthwise convolution in strips: a thread takes four neighbouring pixels of one pack of channels. Pixels that they share are read once.
#pragma once
#include "launch.h"
#include "row_tiles.h"

namespace advprop::cuda {

/// Pixels of a strip.
constexpr int kStrip = 4;

/// Strips as the rows of RowTiles: every image's every row cut into strips.
struct Strips {
  Strips(int64_t images, int64_t lines_, int64_t columns_)
      : lines(static_cast<int>(lines_)), columns(static_cast<int>(columns_)), each((columns + kStrip - 1) / kStrip), count(images * lines * each) {}

  int lines, columns, each;
  int64_t count;
};

/// One strip: its image, its row and its first column.
struct Strip {
  __device__ Strip(const Strips& strips, int64_t number)
      : image(number / strips.each / strips.lines),
        line(static_cast<int>(number / strips.each % strips.lines)),
        column(static_cast<int>(number % strips.each) * kStrip) {}

  int64_t image;
  int line, column;
};

/// Calls `work` with the kernel's side and the stride as constants.
template <typename Work>
int withKernel(const Depthwise& sizes, const Work& work) {
  if (sizes.kernel == 3) return sizes.stride == 1 ? work(Constant<3>{}, Constant<1>{}) : work(Constant<3>{}, Constant<2>{});
  return sizes.stride == 1 ? work(Constant<5>{}, Constant<1>{}) : work(Constant<5>{}, Constant<2>{});
}

}  // namespace advprop::cuda
