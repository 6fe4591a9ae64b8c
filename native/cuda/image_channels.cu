// For each channel of each image: sums over the pixels, and the pixels times a factor.
#include "launch.h"
#include "norm_values.h"
#include "row_tiles.h"

namespace advprop::cuda {

namespace {

/// Block (n, y) sums image n for tile y of the packs. Every line of threads sums its rows, then the lines are summed.
template <typename T, int V, bool Product>
__global__ void __launch_bounds__(kThreads) imageSumsKernel(const T* __restrict__ x, const T* __restrict__ other, float share, RowTiles tiles, float* out) {
  SHARED(float, shared, V* kThreads);
  const Place place(tiles);
  const int64_t image = blockIdx.x, channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  const int64_t first = image * tiles.rows * channels + channel;
  float sums[V] = {};
  constexpr int kTogether = Product ? kAhead : kAheadOfOne;
  if (place.active) {
#pragma unroll 1
    for (int64_t begin = place.line; begin < tiles.rows; begin += kTogether * tiles.height) {
      Pack<T, V> packs[kTogether], factors[kTogether];
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        const int64_t row = begin + k * tiles.height;
        packs[k] = fetchIf<V>(row < tiles.rows, x + first + row * channels);
        if (Product) factors[k] = fetchIf<V>(row < tiles.rows, other + first + row * channels);
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        if (begin + k * tiles.height >= tiles.rows) break;
        float value[V], factor[V];
        widen(packs[k], value);
        if (Product) widen(factors[k], factor);
#pragma unroll
        for (int v = 0; v < V; ++v) sums[v] += Product ? value[v] * factor[v] : value[v];
      }
    }
  }
  sumLines(sums, shared, tiles, place);
  if (!place.active || place.line != 0) return;
#pragma unroll
  for (int v = 0; v < V; ++v) out[image * channels + channel + v] = sums[v] * share;
}

/// Block (n slices + s, y) has slice s of image n.
template <typename T, int V>
__global__ void __launch_bounds__(kThreads)
    scaleImagesKernel(const T* __restrict__ x, const float* factors, const float* offsets, float share, RowTiles tiles, T* __restrict__ y) {
  const Place place(tiles);
  if (!place.active) return;
  const int64_t image = blockIdx.x / tiles.slices, slice = blockIdx.x % tiles.slices;
  const int64_t channels = static_cast<int64_t>(tiles.packs) * V, channel = static_cast<int64_t>(place.pack) * V;
  const int64_t first = image * tiles.rows * channels + channel, begin = slice * kMapSteps * tiles.height + place.line;
  float factor[V], offset[V];
#pragma unroll
  for (int v = 0; v < V; ++v) {
    factor[v] = factors[image * channels + channel + v];
    offset[v] = offsets == nullptr ? 0.f : offsets[image * channels + channel + v] * share;
  }
#pragma unroll 1
  for (int step = 0; step < kMapSteps; step += kAhead) {
    Pack<T, V> packs[kAhead];
#pragma unroll
    for (int k = 0; k < kAhead; ++k) {
      const int64_t row = begin + (step + k) * tiles.height;
      packs[k] = fetchIf<V>(row < tiles.rows, x + first + row * channels);
    }
#pragma unroll
    for (int k = 0; k < kAhead; ++k) {
      const int64_t row = begin + (step + k) * tiles.height;
      if (row >= tiles.rows) return;
      float value[V];
      widen(packs[k], value);
#pragma unroll
      for (int v = 0; v < V; ++v) value[v] = value[v] * factor[v] + offset[v];
      store<V>(y + first + row * channels, value);
    }
  }
}

}  // namespace

int imageSums(const Images& sizes, const void* x, const void* other, float share, float* sums, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const RowTiles tiles(sizes.pixels, sizes.channels / pack, 1);
        return withFlag(other != nullptr, [=](auto product) {
          return LAUNCH((imageSumsKernel<T, decltype(pack)::value, decltype(product)::value>), dim3(sizes.images, tiles.tiles), kThreads, stream,
                        static_cast<const T*>(x), static_cast<const T*>(other), share, tiles, sums);
        });
      },
      x, other);
}

int scaleImages(const Images& sizes, const void* x, const float* factors, const float* offsets, float share, void* y, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const RowTiles tiles(sizes.pixels, sizes.channels / pack, kMapSteps);
        return LAUNCH((scaleImagesKernel<T, decltype(pack)::value>), dim3(sizes.images * tiles.slices, tiles.tiles), kThreads, stream,
                      static_cast<const T*>(x), factors, offsets, share, tiles, static_cast<T*>(y));
      },
      x, y);
}

}  // namespace advprop::cuda
