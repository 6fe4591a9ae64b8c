// Depthwise convolution: the result and the gradient of its input. The latter is, at stride 1, the convolution by the turned
// kernel; at stride 2 each pixel gathers from the results that it went into.
#include "depthwise_strips.h"

namespace advprop::cuda {

namespace {

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

template <typename T, int V, int K, int S>
__global__ void __launch_bounds__(kThreads)
    slidingKernel(const T* __restrict__ x, const float* __restrict__ weight, Depthwise sizes, Strips strips, RowTiles tiles, bool turned,
                  T* __restrict__ y) {
  SHARED(float, taps, K* K* kMostWidth* V);
  loadWeights<V, K * K>(weight, tiles, turned, taps);
  const Place place(tiles);
  if (!place.active) return;
  const int64_t channels = sizes.channels, channel = static_cast<int64_t>(place.pack) * V;
  const int height = static_cast<int>(sizes.height), width = static_cast<int>(sizes.width);
#pragma unroll 1
  for (int step = 0; step < kStripSteps; ++step) {
    const int64_t number = place.row(tiles, step);
    if (number >= tiles.rows) return;
    const Strip strip(strips, number);
    const int top = S * strip.line - static_cast<int>(sizes.top), left = S * strip.column - static_cast<int>(sizes.left);
    float sum[kStrip][V] = {};
#pragma unroll 1
    for (int i = 0; i < K; ++i) {
      if (top + i < 0 || top + i >= height) continue;
      const T* line = x + ((strip.image * height + top + i) * width) * channels + channel;
      float factor[K][V];
#pragma unroll
      for (int j = 0; j < K; ++j) {
#pragma unroll
        for (int v = 0; v < V; ++v) factor[j][v] = taps[(i * K + j) * tiles.width * V + place.lane * V + v];
      }
#pragma unroll
      for (int j = 0; j < (kStrip - 1) * S + K; ++j) {
        float value[V];
        loadInside<V>(line, left + j, width, channels, value);
#pragma unroll
        for (int q = 0; q < kStrip; ++q) {
          const int tap = j - q * S;
          if (tap < 0 || tap >= K) continue;
#pragma unroll
          for (int v = 0; v < V; ++v) sum[q][v] += value[v] * factor[tap][v];
        }
      }
    }
    T* out = y + ((strip.image * strips.lines + strip.line) * strips.columns + strip.column) * channels + channel;
#pragma unroll
    for (int q = 0; q < kStrip; ++q) {
      if (strip.column + q < strips.columns) store<V>(out + q * channels, sum[q]);
    }
  }
}

/// The gradient of x at stride 2: gradX[r, c] = sum over i, j of gradient[(r + top - i) / 2, (c + left - j) / 2] weight[i, j],
/// where these are whole. Strips begin where column + left is even, so that each pixel's taps are known when compiling.
template <typename T, int V, int K>
__global__ void __launch_bounds__(kThreads)
    spreadingKernel(const T* __restrict__ gradient, const float* __restrict__ weight, Depthwise sizes, Strips strips, RowTiles tiles,
                    T* __restrict__ gradX) {
  SHARED(float, taps, K* K* kMostWidth* V);
  loadWeights<V, K * K>(weight, tiles, false, taps);
  const Place place(tiles);
  if (!place.active) return;
  const int64_t channels = sizes.channels, channel = static_cast<int64_t>(place.pack) * V;
  const int rows = static_cast<int>(sizes.rows), columns = static_cast<int>(sizes.columns);
#pragma unroll 1
  for (int step = 0; step < kStripSteps; ++step) {
    const int64_t number = place.row(tiles, step);
    if (number >= tiles.rows) return;
    const Strip strip(strips, number);
    const int down = strip.line + static_cast<int>(sizes.top), base = (strip.column + static_cast<int>(sizes.left)) / 2;
    float sum[kStrip][V] = {};
#pragma unroll 1
    for (int i = down % 2; i < K; i += 2) {
      const int row = (down - i) / 2;
      if (down < i || row >= rows) continue;
      const T* line = gradient + ((strip.image * rows + row) * columns) * channels + channel;
      float factor[K][V];
#pragma unroll
      for (int j = 0; j < K; ++j) {
#pragma unroll
        for (int v = 0; v < V; ++v) factor[j][v] = taps[(i * K + j) * tiles.width * V + place.lane * V + v];
      }
#pragma unroll
      for (int d = -(K - 1) / 2; d <= (kStrip - 1) / 2; ++d) {
        float value[V];
        loadInside<V>(line, base + d, columns, channels, value);
#pragma unroll
        for (int q = 0; q < kStrip; ++q) {
          const int tap = q - 2 * d;
          if (tap < 0 || tap >= K) continue;
#pragma unroll
          for (int v = 0; v < V; ++v) sum[q][v] += value[v] * factor[tap][v];
        }
      }
    }
    T* out = gradX + ((strip.image * strips.lines + strip.line) * strips.columns + strip.column) * channels + channel;
#pragma unroll
    for (int q = 0; q < kStrip; ++q) {
      const int column = strip.column + q;
      if (column >= 0 && column < strips.columns) store<V>(out + q * channels, sum[q]);
    }
  }
}

int slide(const Depthwise& sizes, const void* x, const float* weight, bool turned, void* y, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        return withKernel(sizes, [=](auto kernel, auto stride) {
          const Strips strips(sizes.images, sizes.rows, sizes.columns);
          const RowTiles tiles(strips.count, sizes.channels / pack, kStripSteps);
          return LAUNCH((slidingKernel<T, decltype(pack)::value, decltype(kernel)::value, decltype(stride)::value>), tiles.blocks(), kThreads,
                        stream, static_cast<const T*>(x), weight, sizes, strips, tiles, turned, static_cast<T*>(y));
        });
      },
      x, y);
}

}  // namespace

int depthwiseForward(const Depthwise& sizes, const void* x, const float* weight, void* y, void* stream) {
  return slide(sizes, x, weight, /*turned=*/false, y, stream);
}

int depthwiseInputGradient(const Depthwise& sizes, const void* gradient, const float* weight, void* gradX, void* stream) {
  if (sizes.stride == 1) {
    Depthwise turned = sizes;
    turned.height = sizes.rows, turned.width = sizes.columns, turned.rows = sizes.height, turned.columns = sizes.width;
    turned.left = sizes.kernel - 1 - sizes.left, turned.top = sizes.kernel - 1 - sizes.top;
    return slide(turned, gradient, weight, /*turned=*/true, gradX, stream);
  }
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const Strips strips(sizes.images, sizes.height, sizes.width, sizes.left % 2 == 0 ? 0 : -1);
        const RowTiles tiles(strips.count, sizes.channels / pack, kStripSteps);
        const auto spread = [=](auto kernel) {
          return LAUNCH((spreadingKernel<T, decltype(pack)::value, decltype(kernel)::value>), tiles.blocks(), kThreads, stream,
                        static_cast<const T*>(gradient), weight, sizes, strips, tiles, static_cast<T*>(gradX));
        };
        return sizes.kernel == 3 ? spread(Constant<3>{}) : spread(Constant<5>{});
      },
      gradient, gradX);
}

}  // namespace advprop::cuda
