// Batch norm backward: sums over channels in one pass where a parameter or the batch's statistics ask for them, the gradient
// of x in another. The activation's argument is computed again rather than kept.
#include "norm_values.h"

namespace advprop::cuda {

namespace {

/// The tensors of a NormGradient.
template <typename T>
struct Source {
  explicit Source(const NormGradient& of)
      : gradient(static_cast<const T*>(of.gradient)),
        x(static_cast<const T*>(of.x)),
        y(static_cast<const T*>(of.y)),
        statistics(of.statistics),
        weight(of.weight),
        bias(of.bias),
        activation(of.activation) {}

  /// p, the gradient before the activation, and x - mean, zero where x is not given.
  template <int V>
  __device__ void read(int64_t at, const Normalization<V>& normalization, float (&p)[V], float (&centered)[V]) const {
    float argument[V] = {};
    load<V>(gradient + at, p);
    if (x != nullptr) load<V>(x + at, centered);
    if (y != nullptr) load<V>(y + at, argument);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      if (y == nullptr) argument[v] = normalization(centered[v], v);
      p[v] = backThrough<T>(p[v], argument[v], activation);
      centered[v] -= normalization.mean[v];
    }
  }

  const T *gradient, *x, *y;
  const float *statistics, *weight, *bias;
  int activation;
};

/// First stage: sums of p and p (x - mean) over the rows of a slice, [slices, 2, C].
template <typename T, int V>
__global__ void __launch_bounds__(kThreads) gradientSumsKernel(Source<T> source, RowTiles tiles, T* gradResidual, float* __restrict__ partial) {
  SHARED(float, shared, 2 * V * kThreads);
  const Place place(tiles);
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  float sums[2 * V] = {};
  if (place.active) {
    const Normalization<V> normalization(source.statistics, source.weight, source.bias, channels, channel);
#pragma unroll 2
    for (int step = 0; step < tiles.steps; ++step) {
      const int64_t row = place.row(tiles, step);
      if (row >= tiles.rows) break;
      const int64_t at = row * channels + channel;
      float p[V], centered[V] = {};
      source.read(at, normalization, p, centered);
      if (gradResidual != nullptr) store<V>(gradResidual + at, p);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        sums[v] += p[v];
        sums[V + v] += p[v] * centered[v];
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

__global__ void __launch_bounds__(kThreads) finishSumsKernel(const float* partial, int slices, int64_t channels, const float* statistics, float* sums,
                                                             float* gradWeight, float* gradBias) {
  SHARED(double, shared, kThreads);
  const int64_t column = columnNumber();
  const double sum = sumSlices(partial, slices, 2 * channels, column, shared);
  if (threadIdx.x >= kColumns || column >= 2 * channels) return;
  sums[column] = static_cast<float>(sum);
  if (column < channels) {
    if (gradBias != nullptr) gradBias[column] = static_cast<float>(sum);
  } else if (gradWeight != nullptr) {
    gradWeight[column - channels] = static_cast<float>(sum * statistics[column]);
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kThreads)
    inputGradientKernel(Source<T> source, const float* sums, RowTiles tiles, T* gradResidual, T* __restrict__ gradX) {
  const Place place(tiles);
  if (!place.active) return;
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  const Normalization<V> normalization(source.statistics, source.weight, source.bias, channels, channel);
  float offset[V] = {}, slope[V] = {};
  if (sums != nullptr) {
    const float share = 1.f / tiles.rows;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      offset[v] = sums[channel + v] * share;
      slope[v] = sums[channels + channel + v] * normalization.inverse[v] * normalization.inverse[v] * share;
    }
  }
#pragma unroll 2
  for (int step = 0; step < kMapSteps; ++step) {
    const int64_t row = place.row(tiles, step);
    if (row >= tiles.rows) return;
    const int64_t at = row * channels + channel;
    float p[V], centered[V] = {};
    source.read(at, normalization, p, centered);
    if (gradResidual != nullptr) store<V>(gradResidual + at, p);
    if (gradX == nullptr) continue;
#pragma unroll
    for (int v = 0; v < V; ++v) p[v] = (p[v] - offset[v] - centered[v] * slope[v]) * normalization.factor[v];
    store<V>(gradX + at, p);
  }
}

}  // namespace

int normalizeSums(const Rows& sizes, const NormGradient& of, void* gradResidual, float* sums, float* gradWeight, float* gradBias, float* partial,
                  void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const RowTiles tiles(sizes.rows, sizes.channels / pack, kSumSteps);
        const Source<T> source(of);
        const int error = LAUNCH((gradientSumsKernel<T, decltype(pack)::value>), tiles.blocks(), kThreads, stream, source, tiles,
                                 static_cast<T*>(gradResidual), partial);
        if (error != 0) return error;
        return LAUNCH((finishSumsKernel), columnBlocks(2 * sizes.channels), kThreads, stream, partial, tiles.slices, sizes.channels, of.statistics,
                      sums, gradWeight, gradBias);
      },
      of.gradient, of.x, of.y, gradResidual);
}

int normalizeInputGradient(const Rows& sizes, const NormGradient& of, const float* sums, void* gradResidual, void* gradX, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const RowTiles tiles(sizes.rows, sizes.channels / pack, kMapSteps);
        return LAUNCH((inputGradientKernel<T, decltype(pack)::value>), tiles.blocks(), kThreads, stream, Source<T>(of), sums, tiles,
                      static_cast<T*>(gradResidual), static_cast<T*>(gradX));
      },
      of.gradient, of.x, of.y, gradResidual, gradX);
}

}  // namespace advprop::cuda
