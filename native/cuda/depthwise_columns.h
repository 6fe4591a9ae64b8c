// Depthwise convolution in columns: a thread computes a few neighbouring pixels of several rows, for one or two channels. Pixels that they
// share are read once, and the weights stay in registers.
#pragma once
#include "depthwise_strips.h"

namespace advprop::cuda {

/// Neighbouring pixels of a thread: even, and as many as the registers allow with two blocks of threads on a multiprocessor.
template <int K>
constexpr int kColumnWidth = K == 3 ? 4 : 2;

/// Rows of pixels that a thread reads before it uses the first, limited by registers in the same way.
template <int K, int S>
constexpr int kRowsAhead = K == 3 && S == 1 ? 3 : 1;

/// Rows of a column, even. Many, because the rows just outside of a column are also read by its neighbour.
constexpr int kColumnRows = 28;

/// Columns as the rows of RowTiles: every image cut into bands of rows from `firstLine` (0 or -1) on, and these into strips of
/// pixels from `firstColumn` (0 or -1) on.
struct Columns {
  Columns(int width_, int64_t images, int64_t lines_, int64_t columns_, int firstLine_ = 0, int firstColumn_ = 0)
      : width(width_), lines(static_cast<int>(lines_)), columns(static_cast<int>(columns_)), firstLine(firstLine_), firstColumn(firstColumn_),
        strips((columns - firstColumn + width - 1) / width), bands((lines - firstLine + kColumnRows - 1) / kColumnRows) {
    each = (lines - firstLine + bands - 1) / bands;
    each += each % 2;
    count = images * bands * strips;
  }

  int width, lines, columns, firstLine, firstColumn, strips, bands, each;
  int64_t count;
};

/// One column: its image, its rows from `first` to `last` (excluded), and its first pixel.
struct Column {
  __device__ Column(const Columns& all, int64_t number)
      : image(number / all.strips / all.bands),
        first(all.firstLine + static_cast<int>(number / all.strips % all.bands) * all.each),
        last(first + all.each < all.lines ? first + all.each : all.lines),
        column(all.firstColumn + static_cast<int>(number % all.strips) * all.width) {}

  int64_t image;
  int first, last, column;
};

/// Brings the weights of the block's channels to shared memory, [taps, width V].
template <int V, int Taps>
__device__ inline void loadWeights(const float* weight, const RowTiles& tiles, bool turned, float* shared) {
  const int wide = tiles.width * V;
  const int64_t first = static_cast<int64_t>(blockIdx.y) * wide, channels = static_cast<int64_t>(tiles.packs) * V;
  for (int i = threadIdx.x; i < wide * Taps; i += kThreads) {
    const int channel = i / Taps, tap = i % Taps;
    const float value = first + channel < channels ? weight[(first + channel) * Taps + tap] : 0.f;
    shared[(turned ? Taps - 1 - tap : tap) * wide + channel] = value;
  }
  __syncthreads();
}

/// Loads the weights of the thread's channels from shared memory to registers.
template <int K, int V>
__device__ inline void keepWeights(const float* shared, const RowTiles& tiles, const Place& place, float (&factor)[K][K][V]) {
#pragma unroll
  for (int tap = 0; tap < K * K; ++tap) {
#pragma unroll
    for (int v = 0; v < V; ++v) factor[tap / K][tap % K][v] = shared[(tap * tiles.width + place.lane) * V + v];
  }
}

/// Writes the pixels of a strip from number `begin` to `end` (excluded).
template <int V, int Width, typename T>
__device__ inline void storeStrip(T* to, const float (&values)[Width][V], int end, int64_t channels, int begin = 0) {
#pragma unroll
  for (int q = 0; q < Width; ++q) {
    if (q >= begin && q < end) store<V>(to + q * channels, values[q]);
  }
}

/// Calls `work(zero, pack)` with a value of the dtype and with four bytes of channels where they fit, or one value.
template <typename Work, typename... Pointers>
int withNarrowPack(const Depthwise& sizes, const Work& work, Pointers... pointers) {
  if (sizes.dtype == kFloat32) return work(float{}, Constant<1>{});
  return packsFit(4, sizes.channels, 2, pointers...) ? work(BFloat16{}, Constant<2>{}) : work(BFloat16{}, Constant<1>{});
}

}  // namespace advprop::cuda
