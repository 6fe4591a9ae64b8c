// The gradient of a depthwise kernel: each tap is the sum, over all images and pixels, of the product of the result's
// gradient with the input that the tap met.
#include <ATen/Parallel.h>

#include <type_traits>
#include <utility>

#include "depthwise.h"

namespace advprop {

namespace {

/// One row of the kernel: adds the products of `Tile` gradients with the inputs under them to its taps' sums.
template <int Kernel, int Stride, int Tile, bool Inside, typename T>
inline __attribute__((always_inline)) void addTile(ChannelBlock (&sums)[Kernel], const T* x, const T* gradient, int64_t first, int64_t width,
                                                   int64_t remaining, int64_t channels) {
  ChannelBlock slopes[Tile];
  unrolled<Tile>([&](auto i) { slopes[i] = Inside || i < remaining ? Channels<T>::load(gradient + i * channels) : ChannelBlock{}; });
  unrolled<Stride*(Tile - 1) + Kernel>([&](auto j) {
    if (!Inside && static_cast<uint64_t>(first + j) >= static_cast<uint64_t>(width)) return;
    const ChannelBlock value = Channels<T>::load(x + (first + j) * channels);
    unrolled<Tile>([&](auto i) {
      constexpr int tap = j - Stride * i;
      if constexpr (tap >= 0 && tap < Kernel) multiplyAdd(sums[tap], value, slopes[i]);
    });
  });
}

template <typename T>
struct WeightGradientJob {
  const T *x, *gradient;
  float* sums;  // [parts, blocks, kernel, kernel, kBlock], lanes of the dtype T
};

/// Rows `begin` to `end` of the gradient of one image.
template <int Kernel, int Stride, int Tile, typename T>
void addRows(const WeightGradientJob<T>& job, const DepthwiseSizes& sizes, float* sums, int64_t image, int64_t begin, int64_t end) {
  const int64_t channels = sizes.channels;
  for (int64_t block = 0; block < sizes.blocks(); ++block) {
    const T* x = job.x + image * sizes.height * sizes.width * channels + sizes.blockStart(block);
    const T* gradient = job.gradient + image * sizes.rows * sizes.columns * channels + sizes.blockStart(block);
    for (int tapRow = 0; tapRow < Kernel; ++tapRow, sums += Kernel * kBlock) {
      ChannelBlock taps[Kernel];
      unrolled<Kernel>([&](auto k) { taps[k] = loadLanes(sums + k * kBlock); });
      for (int64_t r = begin; r < end; ++r) {
        const int64_t row = Stride * r + tapRow - sizes.top;
        if (row < 0 || row >= sizes.height) continue;
        const T* inputs = x + row * sizes.width * channels;
        const T* slopes = gradient + r * sizes.columns * channels;
        for (int64_t column = 0; column < sizes.columns; column += Tile) {
          const int64_t first = Stride * column - sizes.left, remaining = sizes.columns - column;
          if (remaining >= Tile && first >= 0 && first + Stride * (Tile - 1) + Kernel <= sizes.width) {
            addTile<Kernel, Stride, Tile, true>(taps, inputs, slopes + column * channels, first, sizes.width, remaining, channels);
          } else {
            addTile<Kernel, Stride, Tile, false>(taps, inputs, slopes + column * channels, first, sizes.width, remaining, channels);
          }
        }
      }
      unrolled<Kernel>([&](auto k) { storeLanes(sums + k * kBlock, taps[k]); });
    }
  }
}

/// Sums of at most kParts parts of the rows of all images. Parts do not depend on the number of threads.
constexpr int64_t kParts = 16;

template <int Kernel, int Stride, int Tile, typename T>
void addParts(const WeightGradientJob<T>& job, const DepthwiseSizes& sizes, int64_t parts) {
  constexpr int64_t kCacheBytes = 256 << 10;
  const int64_t rowBytes = (Stride * sizes.width + sizes.columns) * sizes.channels * static_cast<int64_t>(sizeof(T));
  const int64_t band = std::min(sizes.rows, std::max<int64_t>(1, kCacheBytes / rowBytes));
  const int64_t bands = (sizes.rows + band - 1) / band, units = sizes.images * bands;
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      float* sums = job.sums + part * sizes.blocks() * Kernel * Kernel * kBlock;
      for (int64_t unit = part * units / parts; unit < (part + 1) * units / parts; ++unit) {
        const int64_t row = unit % bands * band;
        addRows<Kernel, Stride, Tile>(job, sizes, sums, unit / bands, row, std::min(sizes.rows, row + band));
      }
    }
  });
}

/// Joins the parts in order and brings the channels of each block back into their order.
template <typename T>
void joinParts(const float* sums, int64_t parts, const DepthwiseSizes& sizes, float* gradient) {
  const int taps = sizes.kernel * sizes.kernel;
  const int64_t length = sizes.blocks() * taps * kBlock;
  for (int64_t block = 0; block < sizes.blocks(); ++block) {
    for (int tap = 0; tap < taps; ++tap) {
      const float* from = sums + (block * taps + tap) * kBlock;
      ChannelBlock sum = loadLanes(from);
      for (int64_t part = 1; part < parts; ++part) {
        const ChannelBlock next = loadLanes(from + part * length);
        sum.first += next.first;
        sum.second += next.second;
      }
      float lanes[kBlock];
      storeLanes(lanes, sum);
      for (int channel = 0; channel < kBlock; ++channel) {
        gradient[(sizes.blockStart(block) + channel) * taps + tap] = lanes[Channels<T>::laneOf(channel)];
      }
    }
  }
}

}  // namespace

at::Tensor depthwiseWeightGradient(const at::Tensor& gradient, const at::Tensor& x, const DepthwiseSizes& sizes) {
  const auto options = x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
  at::Tensor result = at::empty({sizes.channels, 1, sizes.kernel, sizes.kernel}, options);
  const int64_t parts = std::min(kParts, sizes.images * sizes.rows);
  const at::Tensor sums = at::zeros({parts * sizes.blocks() * sizes.kernel * sizes.kernel * kBlock}, options);
  withScalar(x, [&](auto scalar) {
    using T = decltype(scalar);
    const WeightGradientJob<T> job{x.data_ptr<T>(), gradient.data_ptr<T>(), sums.data_ptr<float>()};
    withKernel(sizes, [&](auto kernel, auto stride) {
      // The widest tile that leaves the fewest columns over.
      if (sizes.columns <= 4) addParts<kernel, stride, 4>(job, sizes, parts);
      else if (sizes.columns % 7 == 0) addParts<kernel, stride, 7>(job, sizes, parts);
      else addParts<kernel, stride, 8>(job, sizes, parts);
    });
    joinParts<T>(sums.data_ptr<float>(), parts, sizes, result.data_ptr<float>());
  });
  return result;
}

}  // namespace advprop
