// Depthwise convolution: the gradient of its weight, gradWeight[i, j] = sum over images, r, c of
// gradient[r, c] x[stride r + i - top, stride c + j - left], in two stages of fixed order.
#include "depthwise_strips.h"

namespace advprop::cuda {

namespace {

/// Strips of a thread: 128 products of each tap are added in float32; these sums are added in float64.
constexpr int kWeightSteps = 32;
/// Values of a thread: few, because each needs a register for every tap.
template <typename T>
constexpr int kWeightPack = 4 / static_cast<int>(sizeof(T));

/// First stage: [slices, K, K, C].
template <typename T, int V, int K, int S>
__global__ void __launch_bounds__(kThreads, 2)
    tapSumsKernel(const T* __restrict__ gradient, const T* __restrict__ x, Depthwise sizes, Strips strips, RowTiles tiles,
                  float* __restrict__ partial) {
  constexpr int kPixels = (kStrip - 1) * S + K;
  SHARED(float, shared, K* V* kThreads);
  const Place place(tiles);
  const int64_t channels = sizes.channels, channel = static_cast<int64_t>(place.pack) * V;
  const int height = static_cast<int>(sizes.height), width = static_cast<int>(sizes.width);
  float sums[K][K * V] = {};
  for (int step = 0; place.active && step < kWeightSteps; ++step) {
    const int64_t number = place.row(tiles, step);
    if (number >= tiles.rows) break;
    const Strip strip(strips, number);
    const int top = S * strip.line - static_cast<int>(sizes.top), left = S * strip.column - static_cast<int>(sizes.left);
    const T* from = gradient + ((strip.image * strips.lines + strip.line) * strips.columns + strip.column) * channels + channel;
    const T* line = x + ((strip.image * height + top) * width + left) * channels + channel;
    Pack<T, V> slopes[kStrip], values[K][kPixels];
#pragma unroll
    for (int q = 0; q < kStrip; ++q) slopes[q] = fetchIf<V>(strip.column + q < strips.columns, from + q * channels);
#pragma unroll
    for (int i = 0; i < K; ++i) {
#pragma unroll
      for (int j = 0; j < kPixels; ++j) {
        const bool inside = top + i >= 0 && top + i < height && left + j >= 0 && left + j < width;
        values[i][j] = fetchIf<V>(inside, line + (i * width + j) * channels);
      }
    }
    float g[kStrip][V];
#pragma unroll
    for (int q = 0; q < kStrip; ++q) widen(slopes[q], g[q]);
#pragma unroll
    for (int i = 0; i < K; ++i) {
#pragma unroll
      for (int j = 0; j < kPixels; ++j) {
        float value[V];
        widen(values[i][j], value);
#pragma unroll
        for (int q = 0; q < kStrip; ++q) {
          const int tap = j - q * S;
          if (tap < 0 || tap >= K) continue;
#pragma unroll
          for (int v = 0; v < V; ++v) sums[i][tap * V + v] += value[v] * g[q][v];
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < K; ++i) {
    sumLines(sums[i], shared, tiles, place);
    if (!place.active || place.line != 0) continue;
#pragma unroll
    for (int j = 0; j < K; ++j) {
#pragma unroll
      for (int v = 0; v < V; ++v) partial[((static_cast<int64_t>(blockIdx.x) * K + i) * K + j) * channels + channel + v] = sums[i][j * V + v];
    }
  }
}

/// Second stage: to [C, taps].
__global__ void __launch_bounds__(kThreads) finishTapsKernel(const float* partial, int slices, int taps, int64_t channels, float* gradWeight) {
  SHARED(double, shared, kThreads);
  const int64_t column = columnNumber();
  const double sum = sumSlices(partial, slices, taps * channels, column, shared);
  if (threadIdx.x < kColumns && column < taps * channels) gradWeight[column % channels * taps + column / channels] = static_cast<float>(sum);
}

RowTiles tilesOf(const Depthwise& sizes, int pack) {
  return RowTiles(Strips(sizes.images, sizes.rows, sizes.columns).count, (sizes.channels + pack - 1) / pack, kWeightSteps);
}

}  // namespace

int64_t depthwiseWorkspace(const Depthwise& sizes) {
  const int one = tilesOf(sizes, 1).slices, two = tilesOf(sizes, 2).slices;
  return static_cast<int64_t>(one > two ? one : two) * sizes.kernel * sizes.kernel * sizes.channels;
}

int depthwiseWeightGradient(const Depthwise& sizes, const void* gradient, const void* x, float* gradWeight, float* partial, void* stream) {
  const auto compute = [=](auto zero, auto pack) {
    using T = decltype(zero);
    return withKernel(sizes, [=](auto kernel, auto stride) {
      const Strips strips(sizes.images, sizes.rows, sizes.columns);
      const RowTiles tiles = tilesOf(sizes, pack);
      const int error = LAUNCH((tapSumsKernel<T, decltype(pack)::value, decltype(kernel)::value, decltype(stride)::value>), tiles.blocks(), kThreads,
                               stream, static_cast<const T*>(gradient), static_cast<const T*>(x), sizes, strips, tiles, partial);
      if (error != 0) return error;
      const int taps = sizes.kernel * sizes.kernel;
      return LAUNCH((finishTapsKernel), columnBlocks(taps * sizes.channels), kThreads, stream, partial, tiles.slices, taps, sizes.channels,
                    gradWeight);
    });
  };
  if (sizes.dtype == kFloat32) return compute(float{}, Constant<1>{});
  return packsFit(4, sizes.channels, 2, gradient, x) ? compute(BFloat16{}, Constant<2>{}) : compute(BFloat16{}, Constant<1>{});
}

}  // namespace advprop::cuda
