// What the forward pass and the input gradient have in common: each row of the result is a sum over rows of a source, and each row of
// the kernel slides along one of them. A tile of several pixels times a block of channels stays in registers.
#pragma once
#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>

#include "depthwise.h"
#include "vectors/bands.h"

namespace advprop {

/// Result pixel i reads source pixel Stride i + k - left for tap k: a convolution.
template <int Kernel, int Stride>
struct Sliding {
  static constexpr int kernel = Kernel;
  static constexpr int kTiles[] = {8, 7, 4, 2, 1};
  static constexpr int phases = 1;

  /// How many source pixels a tile of results reads, and the tap for each pair of source and result (outside 0 .. Kernel - 1: none).
  static constexpr int64_t sources(int64_t tile, int) { return Stride * (tile - 1) + Kernel; }
  static constexpr int tap(int result, int source, int) { return source - Stride * result; }
  /// First source pixel (or row) that this result reads.
  static int64_t first(int64_t result, int64_t offset) { return Stride * result - offset; }
  static int phase(int64_t, int64_t) { return 0; }
  /// The source row for a result row and a tap, or -1.
  static int64_t row(int64_t result, int tap, int64_t offset) { return Stride * result + tap - offset; }
};

/// Result pixel i reads source pixel (i + left - k) / 2 for those taps k for which this is an integer: the input gradient of a convolution
/// with stride 2. Even and odd pixels use different taps; the phase says which kind a tile begins with.
template <int Kernel>
struct Spreading {
  static constexpr int kernel = Kernel;
  static constexpr int kTiles[] = {8, 6, 4, 2, 1};
  static constexpr int phases = 2;
  static constexpr int reach = (Kernel - 1) / 2;

  static constexpr int64_t sources(int64_t tile, int phase) { return (phase + tile - 1) / 2 + reach + 1; }
  static constexpr int tap(int result, int source, int phase) { return phase + result - 2 * (source - reach); }
  static int64_t first(int64_t result, int64_t offset) { return ((result + offset) >> 1) - reach; }
  static int phase(int64_t result, int64_t offset) { return (result + offset) & 1; }
  static int64_t row(int64_t result, int tap, int64_t offset) { return (result + offset - tap) & 1 ? -1 : (result + offset - tap) >> 1; }
};

/// The source, the result, and the padding.
template <typename T>
struct RowsJob {
  const T* source;
  T* result;
  const float* weights;  // packWeights
  int64_t sourceHeight, sourceWidth, height, width, channels;
  int64_t left, top;

  const T* sourceRow(int64_t image, int64_t row) const { return source + (image * sourceHeight + row) * sourceWidth * channels; }
  T* resultRow(int64_t image, int64_t row) const { return result + (image * height + row) * width * channels; }
};

/// A row of the source, from the block's first channel on, and the row of the kernel that is applied to it.
template <typename T>
struct RowPair {
  const T* source;
  const float* weights;
};

/// Computes `Tile` results from `to` on. Without `Inside`, source pixels outside of the row count as zero.
template <typename Form, int Phase, int Tile, bool Inside, typename T>
inline __attribute__((always_inline)) void computeTile(const RowPair<T>* pairs, int count, int64_t first, const RowsJob<T>& job, T* to, bool stream) {
  const int64_t channels = job.channels;
  ChannelBlock sums[Tile] = {};
  for (int n = 0; n < count; ++n) {
    ChannelBlock weights[Form::kernel];
    unrolled<Form::kernel>([&](auto k) { weights[k] = loadLanes(pairs[n].weights + k * kBlock); });
    const T* from = pairs[n].source + first * channels;
    unrolled<Form::sources(Tile, Phase)>([&](auto j) {
      if (!Inside && static_cast<uint64_t>(first + j) >= static_cast<uint64_t>(job.sourceWidth)) return;
      const ChannelBlock value = BlockLayout<T>::load(from + j * channels);
      unrolled<Tile>([&](auto i) {
        constexpr int tap = Form::tap(i, j, Phase);
        if constexpr (tap >= 0 && tap < Form::kernel) multiplyAdd(sums[i], value, weights[tap]);
      });
    });
  }
  if (stream) unrolled<Tile>([&](auto i) { BlockLayout<T>::stream(to + i * channels, sums[i]); });
  else unrolled<Tile>([&](auto i) { BlockLayout<T>::store(to + i * channels, sums[i]); });
}

template <typename Form, int Phase, int Tile, typename T>
__attribute__((noinline)) void computeTile(const RowPair<T>* pairs, int count, int64_t first, const RowsJob<T>& job, T* to, bool stream) {
  if (first >= 0 && first + Form::sources(Tile, Phase) <= job.sourceWidth) computeTile<Form, Phase, Tile, true>(pairs, count, first, job, to, stream);
  else computeTile<Form, Phase, Tile, false>(pairs, count, first, job, to, stream);
}

/// One row of the result, for one block of channels.
template <typename Form, int Phase, typename T>
void computeRow(const RowsJob<T>& job, const RowPair<T>* pairs, int count, T* to, bool stream) {
  constexpr auto& tiles = Form::kTiles;
  int64_t column = 0;
  const auto run = [&](auto index) {
    constexpr int tile = Form::kTiles[index];
    computeTile<Form, Phase, tile>(pairs, count, Form::first(column, job.left), job, to + column * job.channels, stream);
    column += tile;
  };
  using std::integral_constant;
  while (job.width - column >= tiles[0] && job.width - column != 2 * tiles[1]) run(integral_constant<int, 0>());
  while (job.width - column >= tiles[1]) run(integral_constant<int, 1>());
  while (job.width - column >= tiles[2]) run(integral_constant<int, 2>());
  while (job.width - column >= tiles[3]) run(integral_constant<int, 3>());
  while (job.width - column >= tiles[4]) run(integral_constant<int, 4>());
}

/// Computes one band, block of channels by block of channels, and prefetches the next band meanwhile.
template <typename Form, typename T>
void computeBand(const RowsJob<T>& job, const DepthwiseSizes& sizes, const Band& band, Prefetch nextSource, Prefetch nextResult, bool stream) {
  constexpr int kernel = Form::kernel;
  for (int64_t block = 0; block < sizes.blocks(); ++block) {
    const int64_t start = sizes.blockStart(block);
    const float* weights = job.weights + block * kernel * kernel * kBlock;
    for (int64_t r = band.begin; r < band.end; ++r) {
      nextSource.read();
      nextResult.write();
      RowPair<T> pairs[kernel];
      int count = 0;
      for (int tap = 0; tap < kernel; ++tap) {
        const int64_t row = Form::row(r, tap, job.top);
        if (row >= 0 && row < job.sourceHeight) pairs[count++] = {job.sourceRow(band.image, row) + start, weights + tap * kernel * kBlock};
      }
      T* to = job.resultRow(band.image, r) + start;
      if (Form::phases == 1 || Form::phase(0, job.left) == 0) computeRow<Form, 0>(job, pairs, count, to, stream);
      else computeRow<Form, Form::phases - 1>(job, pairs, count, to, stream);
    }
  }
}

/// A result larger than this is stored without going through the caches, which could not hold it until it is read. Half of a large last-level cache.
constexpr int64_t kStreamBytes = 16 << 20;

/// The whole result.
template <typename Form, typename T>
void computeAll(const RowsJob<T>& job, const DepthwiseSizes& sizes) {
  const int64_t pixelBytes = job.channels * static_cast<int64_t>(sizeof(T));
  const bool stream = sizes.images * job.height * job.width * pixelBytes > kStreamBytes && pixelBytes % kVectorBytes == 0 &&
                      reinterpret_cast<uintptr_t>(job.result) % kVectorBytes == 0;
  const auto bytesOf = [&](int64_t rows) { return (Form::sources(rows, 0) * job.sourceWidth + rows * job.width) * pixelBytes; };
  const Bands bands(sizes.images, job.height, bytesOf);
  const int64_t work = bands.rows() * job.width * job.channels * Form::kernel * Form::kernel;
  at::parallel_for(0, bands.count(), std::max<int64_t>(1, kLeastWork / work), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Band band = bands[index];
      Prefetch nextSource, nextResult;
      if (index + 1 < end) {
        const Band next = bands[index + 1];
        const int64_t steps = sizes.blocks() * band.rows();
        const int64_t first = Form::first(next.begin, job.top), last = first + Form::sources(next.rows(), 0);
        const auto existing = [&](int64_t row) { return job.sourceRow(next.image, std::clamp<int64_t>(row, 0, job.sourceHeight)); };
        nextSource = Prefetch(existing(first), existing(last), steps);
        if (!stream) nextResult = Prefetch(job.resultRow(next.image, next.begin), job.resultRow(next.image, next.end), steps);
      }
      computeBand<Form>(job, sizes, band, nextSource, nextResult, stream);
    }
    if (stream) finishStreaming();
  });
}

/// Packs weights [channels, 1, kernel, kernel] as [blocks, kernel, kernel, kBlock] float32, with a block's channels in the order of the
/// lanes of T. `turned` rotates the kernels by half a turn: the input gradient at stride 1 is a convolution with these.
template <typename T>
at::Tensor packWeights(const at::Tensor& weight, const DepthwiseSizes& sizes, bool turned) {
  const at::Tensor plain = weight.to(at::kFloat).contiguous();
  const int64_t taps = sizes.kernel * sizes.kernel;
  at::Tensor packed = at::empty({sizes.blocks() * taps * kBlock}, plain.options());
  const float* from = plain.data_ptr<float>();
  float* to = packed.data_ptr<float>();
  for (int64_t block = 0; block < sizes.blocks(); ++block, to += taps * kBlock) {
    for (int channel = 0; channel < kBlock; ++channel) {
      const float* one = from + (sizes.blockStart(block) + channel) * taps;
      for (int64_t tap = 0; tap < taps; ++tap) to[tap * kBlock + BlockLayout<T>::laneOf(channel)] = one[turned ? taps - 1 - tap : tap];
    }
  }
  return packed;
}

}  // namespace advprop
