// Batch norm backward: one pass for sums over channels, if parameters learn or the statistics are the batch's, and one pass for the
// gradient of x. The activation's argument is computed again instead of kept.
#include "norm_values.h"

namespace advprop::cuda {

namespace {

/// The tensors of a NormGradient, of which x and y may be missing.
template <typename T, bool HasX, bool HasY>
struct Source {
  explicit Source(const NormGradient& of)
      : gradient(static_cast<const T*>(of.gradient)),
        x(static_cast<const T*>(of.x)),
        y(static_cast<const T*>(of.y)),
        statistics(of.statistics),
        weight(of.weight),
        bias(of.bias),
        activation(of.activation) {}

  /// One pack of values of each tensor, as they are in memory.
  template <int V>
  struct Packs {
    Pack<T, V> gradient, x, y;
  };
  template <int V>
  __device__ Packs<V> read(bool inside, int64_t at) const {
    Packs<V> packs;
    packs.gradient = fetchIf<V>(inside, gradient + at);
    if (HasX) packs.x = fetchIf<V>(inside, x + at);
    if (HasY) packs.y = fetchIf<V>(inside, y + at);
    return packs;
  }

  /// p, the gradient of the activation's argument, and x - mean, which has no meaning if x is not given.
  template <int V>
  __device__ void convert(const Packs<V>& packs, const Normalization<V>& normalization, float (&p)[V], float (&centered)[V]) const {
    float argument[V];
    widen(packs.gradient, p);
    if (HasX) widen(packs.x, centered);
    if (HasY) widen(packs.y, argument);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      if (!HasX) centered[v] = 0.f;
      if (!HasY) argument[v] = normalization(centered[v], v);
      p[v] = backThrough<T>(p[v], argument[v], activation);
      centered[v] -= normalization.mean[v];
    }
  }

  const T *gradient, *x, *y;
  const float *statistics, *weight, *bias;
  int activation;
};

/// First stage: sums of p and p (x - mean) over the rows of a slice, [slices, 2, C].
template <typename T, int V, bool HasY>
__global__ void __launch_bounds__(kThreads)
    gradientSumsKernel(Source<T, true, HasY> source, RowTiles tiles, T* gradResidual, float* __restrict__ partial) {
  SHARED(float, shared, 2 * V * kThreads);
  const Place place(tiles);
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  float sums[2 * V] = {};
  if (place.active) {
    const Normalization<V> normalization(source.statistics, source.weight, source.bias, channels, channel);
    for (int first = 0; first < tiles.steps; first += kAhead) {
      typename Source<T, true, HasY>::template Packs<V> packs[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; ++k) {
        const int64_t row = place.row(tiles, first + k);
        packs[k] = source.template read<V>(row < tiles.rows && first + k < tiles.steps, row * channels + channel);
      }
#pragma unroll
      for (int k = 0; k < kAhead; ++k) {
        const int64_t row = place.row(tiles, first + k);
        if (row >= tiles.rows || first + k >= tiles.steps) break;
        float p[V], centered[V];
        source.convert(packs[k], normalization, p, centered);
        if (gradResidual != nullptr) store<V>(gradResidual + row * channels + channel, p);
#pragma unroll
        for (int v = 0; v < V; ++v) {
          sums[v] += p[v];
          sums[V + v] += p[v] * centered[v];
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

template <typename T, int V, bool HasX, bool HasY, bool Batch>
__global__ void __launch_bounds__(kThreads)
    inputGradientKernel(Source<T, HasX, HasY> source, const float* sums, RowTiles tiles, T* gradResidual, T* __restrict__ gradX) {
  const Place place(tiles);
  if (!place.active) return;
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  const Normalization<V> normalization(source.statistics, source.weight, source.bias, channels, channel);
  float offset[V] = {}, slope[V] = {};
  if (Batch) {
    const float share = 1.f / tiles.rows;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      offset[v] = sums[channel + v] * share;
      slope[v] = sums[channels + channel + v] * normalization.inverse[v] * normalization.inverse[v] * share;
    }
  }
#pragma unroll 1
  for (int first = 0; first < kMapSteps; first += kAhead) {
    typename Source<T, HasX, HasY>::template Packs<V> packs[kAhead];
#pragma unroll
    for (int k = 0; k < kAhead; ++k) {
      const int64_t row = place.row(tiles, first + k);
      packs[k] = source.template read<V>(row < tiles.rows, row * channels + channel);
    }
#pragma unroll
    for (int k = 0; k < kAhead; ++k) {
      const int64_t row = place.row(tiles, first + k), at = row * channels + channel;
      if (row >= tiles.rows) return;
      float p[V], centered[V];
      source.convert(packs[k], normalization, p, centered);
      if (gradResidual != nullptr) store<V>(gradResidual + at, p);
      if (gradX == nullptr) continue;
#pragma unroll
      for (int v = 0; v < V; ++v) p[v] = (Batch ? p[v] - offset[v] - centered[v] * slope[v] : p[v]) * normalization.factor[v];
      store<V>(gradX + at, p);
    }
  }
}

}  // namespace

int normalizeSums(const Rows& sizes, const NormGradient& of, void* gradResidual, float* sums, float* gradWeight, float* gradBias, float* partial,
                  void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const RowTiles tiles = RowTiles::forSums(sizes.rows, sizes.channels / pack);
        const int error = withFlag(of.y != nullptr, [=](auto hasY) {
          constexpr bool kY = decltype(hasY)::value;
          return LAUNCH((gradientSumsKernel<T, decltype(pack)::value, kY>), tiles.blocks(), kThreads, stream, (Source<T, true, kY>(of)), tiles,
                        static_cast<T*>(gradResidual), partial);
        });
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
        return withFlag(of.x != nullptr, [=](auto hasX) {
          return withFlag(of.y != nullptr, [=](auto hasY) {
            return withFlag(sums != nullptr, [=](auto batch) {
              constexpr bool kX = decltype(hasX)::value, kY = decltype(hasY)::value, kBatch = decltype(batch)::value;
              return LAUNCH((inputGradientKernel<T, decltype(pack)::value, kX, kY, kBatch>), tiles.blocks(), kThreads, stream,
                            (Source<T, kX, kY>(of)), sums, tiles, static_cast<T*>(gradResidual), static_cast<T*>(gradX));
            });
          });
        });
      },
      of.gradient, of.x, of.y, gradResidual, gradX);
}

}  // namespace advprop::cuda
