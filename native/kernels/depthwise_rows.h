// The common form of depthwise forward and input gradient: each row of the result is a sum over rows of a source, each
// row of the kernel slid along its row of the source. Tiles of several pixels times a block of channels stay in registers.
#pragma once
#include <ATen/Parallel.h>

#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "depthwise.h"

namespace advprop {

/// Result pixel i reads source pixel Stride i + k - left for tap k: a convolution.
template <int Kernel, int Stride>
struct Sliding {
  static constexpr int kernel = Kernel;
  static constexpr int kTiles[] = {8, 7, 4, 2, 1};
  static constexpr int phases = 1;

  /// Source pixels that a tile of results reads, and the tap of each (a value outside 0 .. Kernel - 1 for none).
  static constexpr int sources(int tile, int) { return Stride * (tile - 1) + Kernel; }
  static constexpr int tap(int result, int source, int) { return source - Stride * result; }
  /// First source pixel of a tile that begins at this result.
  static int64_t first(int64_t result, int64_t offset) { return Stride * result - offset; }
  static int phase(int64_t, int64_t) { return 0; }
  /// The source row for a result row and a tap, or -1.
  static int64_t row(int64_t result, int tap, int64_t offset) { return Stride * result + tap - offset; }
  static int64_t sourceRows(int64_t results) { return Stride * (results - 1) + Kernel; }
};

/// Result pixel i reads source pixel (i + left - k) / 2 for those taps k that make it whole: the gradient of a convolution
/// with stride 2. Its even and odd pixels meet different taps; the phase says which kind a tile begins with.
template <int Kernel>
struct Spreading {
  static constexpr int kernel = Kernel;
  static constexpr int kTiles[] = {8, 6, 4, 2, 1};
  static constexpr int phases = 2;
  static constexpr int reach = (Kernel - 1) / 2;

  static constexpr int sources(int tile, int phase) { return (phase + tile - 1) / 2 + reach + 1; }
  static constexpr int tap(int result, int source, int phase) { return phase + result - 2 * (source - reach); }
  static int64_t first(int64_t result, int64_t offset) { return ((result + offset) >> 1) - reach; }
  static int phase(int64_t result, int64_t offset) { return (result + offset) & 1; }
  static int64_t row(int64_t result, int tap, int64_t offset) { return (result + offset - tap) & 1 ? -1 : (result + offset - tap) >> 1; }
  static int64_t sourceRows(int64_t results) { return (results + 1) / 2 + reach; }
};

/// The source, the result, and where the source's first pixel lies.
template <typename T>
struct RowsJob {
  const T* source;
  T* result;
  const float* weights;  // packWeights
  int64_t sourceHeight, sourceWidth, height, width;
  int64_t left, top;
};

/// A row of the source at the first of the block's channels, with the row of the kernel that it meets.
template <typename T>
struct RowPair {
  const T* source;
  const float* weights;
};

/// `Tile` results from `to` on. Where not `Inside`, source pixels outside of the row count as zero.
template <typename Form, int Phase, int Tile, bool Inside, typename T>
inline __attribute__((always_inline)) void computeTile(const RowPair<T>* pairs, int count, int64_t first, int64_t width, int64_t channels, T* to) {
  ChannelBlock sums[Tile] = {};
  for (int n = 0; n < count; ++n) {
    ChannelBlock weights[Form::kernel];
    unrolled<Form::kernel>([&](auto k) { weights[k] = loadLanes(pairs[n].weights + k * kBlock); });
    const T* from = pairs[n].source + first * channels;
    unrolled<Form::sources(Tile, Phase)>([&](auto j) {
      if (!Inside && static_cast<uint64_t>(first + j) >= static_cast<uint64_t>(width)) return;
      const ChannelBlock value = Channels<T>::load(from + j * channels);
      unrolled<Tile>([&](auto i) {
        constexpr int tap = Form::tap(i, j, Phase);
        if constexpr (tap >= 0 && tap < Form::kernel) multiplyAdd(sums[i], value, weights[tap]);
      });
    });
  }
  unrolled<Tile>([&](auto i) { Channels<T>::store(to + i * channels, sums[i]); });
}

template <typename Form, int Phase, int Tile, typename T>
__attribute__((noinline)) void computeTile(const RowPair<T>* pairs, int count, int64_t first, int64_t width, int64_t channels, T* to) {
  if (first >= 0 && first + Form::sources(Tile, Phase) <= width) computeTile<Form, Phase, Tile, true>(pairs, count, first, width, channels, to);
  else computeTile<Form, Phase, Tile, false>(pairs, count, first, width, channels, to);
}

/// One row of the result, for one block of channels.
template <typename Form, int Phase, typename T>
void computeRow(const RowsJob<T>& job, const RowPair<T>* pairs, int count, int64_t channels, T* to) {
  constexpr auto& tiles = Form::kTiles;
  int64_t column = 0;
  const auto run = [&](auto index) {
    constexpr int tile = Form::kTiles[index];
    computeTile<Form, Phase, tile>(pairs, count, Form::first(column, job.left), job.sourceWidth, channels, to + column * channels);
    column += tile;
  };
  using std::integral_constant;
  while (job.width - column >= tiles[0] && job.width - column != 2 * tiles[1]) run(integral_constant<int, 0>());
  while (job.width - column >= tiles[1]) run(integral_constant<int, 1>());
  while (job.width - column >= tiles[2]) run(integral_constant<int, 2>());
  while (job.width - column >= tiles[3]) run(integral_constant<int, 3>());
  while (job.width - column >= tiles[4]) run(integral_constant<int, 4>());
}

/// Rows `begin` to `end` of one image, block of channels by block of channels.
template <typename Form, typename T>
void computeRows(const RowsJob<T>& job, const DepthwiseSizes& sizes, int64_t image, int64_t begin, int64_t end) {
  constexpr int kernel = Form::kernel;
  const int64_t channels = sizes.channels;
  for (int64_t block = 0; block < sizes.blocks(); ++block) {
    const int64_t start = sizes.blockStart(block);
    const float* weights = job.weights + block * kernel * kernel * kBlock;
    const T* source = job.source + image * job.sourceHeight * job.sourceWidth * channels + start;
    for (int64_t r = begin; r < end; ++r) {
      RowPair<T> pairs[kernel];
      int count = 0;
      for (int tap = 0; tap < kernel; ++tap) {
        const int64_t row = Form::row(r, tap, job.top);
        if (row >= 0 && row < job.sourceHeight) pairs[count++] = {source + row * job.sourceWidth * channels, weights + tap * kernel * kBlock};
      }
      T* to = job.result + (image * job.height + r) * job.width * channels + start;
      if (Form::phases == 1 || Form::phase(0, job.left) == 0) computeRow<Form, 0>(job, pairs, count, channels, to);
      else computeRow<Form, Form::phases - 1>(job, pairs, count, channels, to);
    }
  }
}

/// The whole result. Images are cut into bands of rows whose source stays in the second-level cache while its blocks of
/// channels are gone through one after another.
template <typename Form, typename T>
void computeAll(const RowsJob<T>& job, const DepthwiseSizes& sizes) {
  constexpr int64_t kCacheBytes = 256 << 10;
  const int64_t rowBytes = job.sourceWidth * sizes.channels * static_cast<int64_t>(sizeof(T));
  int64_t band = 1;
  while (band < job.height && Form::sourceRows(band + 1) * rowBytes <= kCacheBytes) ++band;
  const int64_t bands = (job.height + band - 1) / band;
  const int64_t work = band * job.width * sizes.channels * Form::kernel * Form::kernel;
  const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 20) / std::max<int64_t>(1, work));
  at::parallel_for(0, sizes.images * bands, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t row = unit % bands * band;
      computeRows<Form>(job, sizes, unit / bands, row, std::min(job.height, row + band));
    }
  });
}

/// Weights [channels, 1, kernel, kernel] as [blocks, kernel, kernel, kBlock] float32 with the channels of a block in the
/// lanes of the dtype T; turned by half a turn for a gradient with stride 1, which is a convolution with the turned kernel.
template <typename T>
at::Tensor packWeights(const at::Tensor& weight, const DepthwiseSizes& sizes, bool turned) {
  const at::Tensor plain = weight.to(at::kFloat).contiguous();
  const int taps = sizes.kernel * sizes.kernel;
  at::Tensor packed = at::empty({sizes.blocks() * taps * kBlock}, plain.options());
  const float* from = plain.data_ptr<float>();
  float* to = packed.data_ptr<float>();
  for (int64_t block = 0; block < sizes.blocks(); ++block, to += taps * kBlock) {
    for (int channel = 0; channel < kBlock; ++channel) {
      const float* one = from + (sizes.blockStart(block) + channel) * taps;
      for (int tap = 0; tap < taps; ++tap) to[tap * kBlock + Channels<T>::laneOf(channel)] = one[turned ? taps - 1 - tap : tap];
    }
  }
  return packed;
}

}  // namespace advprop
