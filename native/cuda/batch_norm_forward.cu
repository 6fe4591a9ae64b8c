// Batch norm forward: statistics of the batch in one pass, normalisation with residual and activation in another.
#include "norm_values.h"

namespace advprop::cuda {

namespace {

/// First stage: sums of x - pivot and (x - pivot)^2 over the rows of a slice, [slices, 2, C]. The pivot is the first row, so that squares lose
/// no precision where the mean is large.
template <typename T, int V>
__global__ void __launch_bounds__(kThreads) momentsKernel(const T* __restrict__ x, RowTiles tiles, float* __restrict__ partial) {
  SHARED(float, shared, 2 * V * kThreads);
  const Place place(tiles);
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  float sums[2 * V] = {};
  if (place.active) {
    float pivot[V];
    load<V>(x + channel, pivot);
    for (int first = 0; first < tiles.steps; first += kAhead) {
      Pack<T, V> packs[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; ++k) {
        const int64_t row = place.row(tiles, first + k);
        packs[k] = fetchIf<V>(row < tiles.rows && first + k < tiles.steps, x + row * channels + channel);
      }
#pragma unroll
      for (int k = 0; k < kAhead; ++k) {
        if (place.row(tiles, first + k) >= tiles.rows || first + k >= tiles.steps) break;
        float value[V];
        widen(packs[k], value);
#pragma unroll
        for (int v = 0; v < V; ++v) {
          const float offset = value[v] - pivot[v];
          sums[v] += offset;
          sums[V + v] += offset * offset;
        }
      }
    }
  }
  sumLines(sums, shared, tiles, place);
  if (!place.active || place.line != 0) return;
#pragma unroll
  for (int v = 0; v < V; ++v) {
    partial[blockIdx.x * 2 * channels + channel + v] = sums[v];
    partial[(blockIdx.x * 2 + 1) * channels + channel + v] = sums[V + v];
  }
}

__device__ inline void moveTowards(float* running, int64_t channel, double observed, float factor) {
  if (running != nullptr) running[channel] = static_cast<float>(running[channel] + factor * (observed - running[channel]));
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    statisticsKernel(const T* x, const float* partial, int slices, int64_t rows, int64_t channels, float factor, double epsilon,
                     float* runningMean, float* runningVariance, float* statistics) {
  SHARED(double, shared, kThreads);
  const int64_t channel = columnNumber();
  const double sum = sumSlices(partial, slices, 2 * channels, channel < channels ? channel : 2 * channels, shared);
  const double squares = sumSlices(partial, slices, 2 * channels, channels + channel, shared);
  if (threadIdx.x >= kColumns || channel >= channels) return;
  const double offset = sum / rows, mean = widened(x[channel]) + offset;
  const double variance = fmax(0., squares / rows - offset * offset);
  statistics[channel] = static_cast<float>(mean);
  statistics[channels + channel] = static_cast<float>(1 / sqrt(variance + epsilon));
  moveTowards(runningMean, channel, mean, factor);
  moveTowards(runningVariance, channel, variance * rows / (rows - 1), factor);
}

__global__ void runningStatisticsKernel(int64_t channels, const float* mean, const float* variance, double epsilon, float* statistics) {
  const int64_t channel = threadNumber();
  if (channel >= channels) return;
  statistics[channel] = mean[channel];
  statistics[channels + channel] = static_cast<float>(1 / sqrt(variance[channel] + epsilon));
}

template <typename T, int V, bool Residual>
__global__ void __launch_bounds__(kThreads)
    normalizeKernel(const T* __restrict__ x, const T* __restrict__ residual, const float* statistics, const float* weight, const float* bias,
                    int activation, RowTiles tiles, T* __restrict__ y) {
  const Place place(tiles);
  if (!place.active) return;
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  const Normalization<V> normalization(statistics, weight, bias, channels, channel);
#pragma unroll 1
  for (int first = 0; first < kMapSteps; first += kAheadOfOne) {
    Pack<T, V> packs[kAheadOfOne], added[kAheadOfOne];
#pragma unroll
    for (int k = 0; k < kAheadOfOne; ++k) {
      const int64_t row = place.row(tiles, first + k), at = row * channels + channel;
      packs[k] = fetchIf<V>(row < tiles.rows, x + at);
      if (Residual) added[k] = fetchIf<V>(row < tiles.rows, residual + at);
    }
#pragma unroll
    for (int k = 0; k < kAheadOfOne; ++k) {
      const int64_t row = place.row(tiles, first + k);
      if (row >= tiles.rows) return;
      float value[V], other[V] = {};
      widen(packs[k], value);
      if (Residual) widen(added[k], other);
#pragma unroll
      for (int v = 0; v < V; ++v) value[v] = activate<T>(normalization(value[v], v) + other[v], activation);
      store<V>(y + row * channels + channel, value);
    }
  }
}

}  // namespace

int64_t batchNormWorkspace(const Rows& sizes) {
  // Packs of a single value give the largest number of slices.
  const int64_t wide = sizes.dtype == kFloat32 ? kPack<float> : kPack<BFloat16>;
  const auto slices = [&](int64_t pack) { return RowTiles::forSums(sizes.rows, (sizes.channels + pack - 1) / pack).slices; };
  const int64_t one = slices(1), packed = slices(wide);
  return 2 * sizes.channels * (one > packed ? one : packed);
}

int batchStatistics(const Rows& sizes, const void* x, float factor, double epsilon, float* runningMean, float* runningVariance,
                    float* statistics, float* partial, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const auto* in = static_cast<const T*>(x);
        const RowTiles tiles = RowTiles::forSums(sizes.rows, sizes.channels / pack);
        const int error = LAUNCH((momentsKernel<T, decltype(pack)::value>), tiles.blocks(), kThreads, stream, in, tiles, partial);
        if (error != 0) return error;
        return LAUNCH((statisticsKernel<T>), columnBlocks(sizes.channels), kThreads, stream, in, partial, tiles.slices, sizes.rows, sizes.channels,
                      factor, epsilon, runningMean, runningVariance, statistics);
      },
      x);
}

int runningStatistics(int64_t channels, const float* runningMean, const float* runningVariance, double epsilon, float* statistics, void* stream) {
  return LAUNCH((runningStatisticsKernel), blocksFor(channels), kThreads, stream, channels, runningMean, runningVariance, epsilon, statistics);
}

int normalize(const Rows& sizes, const void* x, const void* residual, const float* statistics, const float* weight, const float* bias,
              int activation, void* y, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const RowTiles tiles(sizes.rows, sizes.channels / pack, kMapSteps);
        return withFlag(residual != nullptr, [=](auto added) {
          return LAUNCH((normalizeKernel<T, decltype(pack)::value, decltype(added)::value>), tiles.blocks(), kThreads, stream,
                        static_cast<const T*>(x), static_cast<const T*>(residual), statistics, weight, bias, activation, tiles, static_cast<T*>(y));
        });
      },
      x, residual, y);
}

}  // namespace advprop::cuda
