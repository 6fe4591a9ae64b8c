// Depthwise convolution: the result and the input gradient. At stride 1 the latter is a convolution with the rotated kernel. A thread goes
// down a column of pixels and reads every pixel once: the sums of result rows that are not complete yet stay in registers.
#include "depthwise_columns.h"

namespace advprop::cuda {

namespace {

/// Reads one row of a column's pixels, zeros outside of the image.
template <typename T, int V, int Pixels>
struct PixelRow {
  /// `columns` has a bit for each pixel that lies inside.
  __device__ void read(const T* at, bool inside, unsigned columns, int64_t channels) {
#pragma unroll
    for (int j = 0; j < Pixels; ++j) packs[j] = fetchIf<V>(inside && (columns >> j & 1), at + j * channels);
  }
  Pack<T, V> packs[Pixels];
};

/// The bits of `read`: which of the pixels from `left` on lie in a row of `width`.
template <int Pixels>
__device__ inline unsigned insideBits(int left, int width) {
  unsigned bits = 0;
#pragma unroll
  for (int j = 0; j < Pixels; ++j) bits |= static_cast<unsigned>(left + j >= 0 && left + j < width) << j;
  return bits;
}

/// y[r, c] = sum over i, j of x[S r + i - top, S c + j - left] weight[i, j]. A row of pixels adds to several rows of results. kOpen rows of
/// results are incomplete at a time, and each keeps its place among the sums until it is complete.
template <typename T, int V, int K, int S>
__global__ void __launch_bounds__(kThreads, 2)
    convolveKernel(const T* __restrict__ x, const float* __restrict__ weight, Depthwise sizes, Columns columns, RowTiles tiles, bool turned,
                   T* __restrict__ y) {
  constexpr int kAheadRows = kRowsAhead<K, S>, kWidth = kColumnWidth<K>, kOpen = (K + S - 1) / S, kPixels = (kWidth - 1) * S + K;
  SHARED(float, taps, K* K* kMostWidth* V);
  loadWeights<V, K * K>(weight, tiles, turned, taps);
  const Place place(tiles);
  const int64_t number = place.row(tiles, 0);
  if (!place.active || number >= tiles.rows) return;
  const int64_t channels = sizes.channels, channel = static_cast<int64_t>(place.pack) * V;
  const int height = static_cast<int>(sizes.height), width = static_cast<int>(sizes.width);
  const Column column(columns, number);
  float factor[K][K][V], sum[kOpen][kWidth][V] = {};
  keepWeights(taps, tiles, place, factor);

  const int top = S * column.first - static_cast<int>(sizes.top), left = S * column.column - static_cast<int>(sizes.left);
  const int rows = S * (column.last - column.first - 1) + K;
  const unsigned inside = insideBits<kPixels>(left, width);
  const T* from = x + ((column.image * height + top) * width + left) * channels + channel;
  T* to = y + ((column.image * columns.lines + column.first) * columns.columns + column.column) * channels + channel;
  PixelRow<T, V, kPixels> ahead[kAheadRows];
#pragma unroll
  for (int a = 0; a < kAheadRows; ++a) {
    ahead[a].read(from, a < rows && top + a >= 0 && top + a < height, inside, channels);
    from += width * channels;
  }
#pragma unroll 1
  for (int start = 0; start < rows; start += S * kOpen) {
#pragma unroll
    for (int u = 0; u < S * kOpen; ++u) {
      const int t = start + u;
      if (t >= rows) break;
      const PixelRow<T, V, kPixels> row = ahead[0];
#pragma unroll
      for (int a = 1; a < kAheadRows; ++a) ahead[a - 1] = ahead[a];
      const int next = t + kAheadRows;
      ahead[kAheadRows - 1].read(from, next < rows && top + next >= 0 && top + next < height, inside, channels);
      from += width * channels;
#pragma unroll
      for (int j = 0; j < kPixels; ++j) {
        float value[V];
        widen(row.packs[j], value);
#pragma unroll
        for (int q = 0; q < kWidth; ++q) {
          const int tap = j - q * S;
          if (tap < 0 || tap >= K) continue;
#pragma unroll
          for (int i = u % S; i < K; i += S) {
#pragma unroll
            for (int v = 0; v < V; ++v) sum[(u - i + S * kOpen) / S % kOpen][q][v] += value[v] * factor[i][tap][v];
          }
        }
      }
      if (u % S != (K - 1) % S) continue;
      // This was the last row of pixels for the result, so its place is free for the next result.
      constexpr int kLast = K - 1;
      const int done = (u - kLast + 2 * S * kOpen) / S % kOpen;
      if (t >= kLast) {
        storeStrip(to, sum[done], columns.columns - column.column, channels);
        to += columns.columns * channels;
      }
#pragma unroll
      for (int q = 0; q < kWidth; ++q) {
#pragma unroll
        for (int v = 0; v < V; ++v) sum[done][q][v] = 0.f;
      }
    }
  }
}

/// The gradient of x at stride 2: gradX[r, c] = sum over i, j of gradient[(r + top - i) / 2, (c + left - j) / 2] weight[i, j], over those i, j
/// for which both are integers. Columns begin where r + top and c + left are even, so that the taps of each pixel are known at compile time.
/// A row of gradients adds to K rows of results and completes two of them.
template <typename T, int V, int K>
__global__ void __launch_bounds__(kThreads, 2)
    spreadKernel(const T* __restrict__ gradient, const float* __restrict__ weight, Depthwise sizes, Columns columns, RowTiles tiles,
                 T* __restrict__ gradX) {
  constexpr int kAheadRows = K == 5 ? 2 : 3, kWidth = kColumnWidth<K>, kOpen = K + 1, kBefore = (K - 1) / 2, kPixels = kBefore + kWidth / 2;
  SHARED(float, taps, K* K* kMostWidth* V);
  loadWeights<V, K * K>(weight, tiles, /*turned=*/false, taps);
  const Place place(tiles);
  const int64_t number = place.row(tiles, 0);
  if (!place.active || number >= tiles.rows) return;
  const int64_t channels = sizes.channels, channel = static_cast<int64_t>(place.pack) * V;
  const int height = static_cast<int>(sizes.rows), width = static_cast<int>(sizes.columns);
  const Column column(columns, number);
  float factor[K][K][V], sum[kOpen][kWidth][V] = {};
  keepWeights(taps, tiles, place, factor);

  // The first row of gradients that adds to the column's first row.
  const int top = (column.first + static_cast<int>(sizes.top)) / 2 - kBefore, left = (column.column + static_cast<int>(sizes.left)) / 2 - kBefore;
  const int rows = kBefore + (column.last - column.first + 1) / 2;
  const unsigned inside = insideBits<kPixels>(left, width);
  const T* from = gradient + ((column.image * height + top) * width + left) * channels + channel;
  T* const to = gradX + ((column.image * columns.lines) * columns.columns + column.column) * channels + channel;
  PixelRow<T, V, kPixels> ahead[kAheadRows];
#pragma unroll
  for (int a = 0; a < kAheadRows; ++a) {
    ahead[a].read(from, a < rows && top + a >= 0 && top + a < height, inside, channels);
    from += width * channels;
  }
#pragma unroll 1
  for (int start = 0; start < rows; start += kOpen / 2) {
#pragma unroll
    for (int u = 0; u < kOpen / 2; ++u) {
      const int t = start + u;
      if (t >= rows) break;
      const PixelRow<T, V, kPixels> row = ahead[0];
#pragma unroll
      for (int a = 1; a < kAheadRows; ++a) ahead[a - 1] = ahead[a];
      const int next = t + kAheadRows;
      ahead[kAheadRows - 1].read(from, next < rows && top + next >= 0 && top + next < height, inside, channels);
      from += width * channels;
#pragma unroll
      for (int d = 0; d < kPixels; ++d) {
        float value[V];
        widen(row.packs[d], value);
#pragma unroll
        for (int q = 0; q < kWidth; ++q) {
          const int tap = q - 2 * (d - kBefore);
          if (tap < 0 || tap >= K) continue;
#pragma unroll
          for (int i = 0; i < K; ++i) {
#pragma unroll
            for (int v = 0; v < V; ++v) sum[(2 * u + i) % kOpen][q][v] += value[v] * factor[i][tap][v];
          }
        }
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int line = column.first + 2 * (t - kBefore) + half;
        float(&done)[kWidth][V] = sum[2 * u + half];
        if (line >= 0 && line >= column.first && line < column.last) {
          storeStrip(to + line * columns.columns * channels, done, columns.columns - column.column, channels, -column.column);
        }
#pragma unroll
        for (int q = 0; q < kWidth; ++q) {
#pragma unroll
          for (int v = 0; v < V; ++v) done[q][v] = 0.f;
        }
      }
    }
  }
}

int convolve(const Depthwise& sizes, const void* x, const float* weight, bool turned, void* y, void* stream) {
  return withNarrowPack(
      sizes,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        return withKernel(sizes, [=](auto kernel, auto stride) {
          const Columns columns(kColumnWidth<decltype(kernel)::value>, sizes.images, sizes.rows, sizes.columns);
          const RowTiles tiles(columns.count, sizes.channels / pack, 1);
          return LAUNCH((convolveKernel<T, decltype(pack)::value, decltype(kernel)::value, decltype(stride)::value>), tiles.blocks(), kThreads,
                        stream, static_cast<const T*>(x), weight, sizes, columns, tiles, turned, static_cast<T*>(y));
        });
      },
      x, y);
}

}  // namespace

int depthwiseForward(const Depthwise& sizes, const void* x, const float* weight, void* y, void* stream) {
  return convolve(sizes, x, weight, /*turned=*/false, y, stream);
}

int depthwiseInputGradient(const Depthwise& sizes, const void* gradient, const float* weight, void* gradX, void* stream) {
  if (sizes.stride == 1) {
    Depthwise turned = sizes;
    turned.height = sizes.rows, turned.width = sizes.columns, turned.rows = sizes.height, turned.columns = sizes.width;
    turned.left = sizes.kernel - 1 - sizes.left, turned.top = sizes.kernel - 1 - sizes.top;
    return convolve(turned, gradient, weight, /*turned=*/true, gradX, stream);
  }
  return withNarrowPack(
      sizes,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const auto spread = [=](auto kernel) {
          const Columns columns(kColumnWidth<decltype(kernel)::value>, sizes.images, sizes.height, sizes.width, -static_cast<int>(sizes.top % 2),
                                -static_cast<int>(sizes.left % 2));
          const RowTiles tiles(columns.count, sizes.channels / pack, 1);
          return LAUNCH((spreadKernel<T, decltype(pack)::value, decltype(kernel)::value>), tiles.blocks(), kThreads, stream,
                        static_cast<const T*>(gradient), weight, sizes, columns, tiles, static_cast<T*>(gradX));
        };
        return sizes.kernel == 3 ? spread(Constant<3>{}) : spread(Constant<5>{});
      },
      gradient, gradX);
}

}  // namespace advprop::cuda
