// The largest of each window, channels-last, and its gradient: a thread has a pack of channels of a pixel.
#include "launch.h"
#include "pack.h"

namespace advprop::cuda {

namespace {

template <typename T, int V>
__global__ void __launch_bounds__(kThreads) maxPoolKernel(const T* __restrict__ x, MaxPool sizes, T* __restrict__ y, uint8_t* __restrict__ places) {
  const int64_t packs = sizes.channels / V, number = threadNumber();
  if (number >= sizes.images * sizes.rows * sizes.columns * packs) return;
  const int64_t channel = number % packs * V, pixel = number / packs;
  const int64_t top = pixel / sizes.columns % sizes.rows * sizes.stride - sizes.padding, left = pixel % sizes.columns * sizes.stride - sizes.padding;
  const T* from = x + pixel / sizes.columns / sizes.rows * sizes.height * sizes.width * sizes.channels + channel;
  float largest[V];
  Pack<uint8_t, V> place;
#pragma unroll
  for (int v = 0; v < V; ++v) largest[v] = -INFINITY, place.value[v] = 0;
  for (int i = 0; i < sizes.size; ++i) {
    for (int j = 0; j < sizes.size; ++j) {
      if (top + i < 0 || top + i >= sizes.height || left + j < 0 || left + j >= sizes.width) continue;
      float value[V];
      load<V>(from + ((top + i) * sizes.width + left + j) * sizes.channels, value);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        if (!(value[v] > largest[v] || value[v] != value[v])) continue;  // NaN is taken, and stays
        largest[v] = value[v];
        place.value[v] = static_cast<uint8_t>(i * sizes.size + j);
      }
    }
  }
  store<V>(y + pixel * sizes.channels + channel, largest);
  *reinterpret_cast<Pack<uint8_t, V>*>(places + pixel * sizes.channels + channel) = place;
}

template <typename T, int V>
__global__ void __launch_bounds__(kThreads)
    maxPoolGradientKernel(const T* __restrict__ gradient, const uint8_t* __restrict__ places, MaxPool sizes, T* __restrict__ gradX) {
  const int64_t packs = sizes.channels / V, number = threadNumber();
  if (number >= sizes.images * sizes.height * sizes.width * packs) return;
  const int64_t channel = number % packs * V, pixel = number / packs;
  const int row = static_cast<int>(pixel / sizes.width % sizes.height) + sizes.padding, column = static_cast<int>(pixel % sizes.width) + sizes.padding;
  const int64_t first = pixel / sizes.width / sizes.height * sizes.rows * sizes.columns * sizes.channels + channel;
  float sum[V] = {};
  // The windows that the pixel lies in: in each it is at another place.
  for (int i = row % sizes.stride; i < sizes.size && i <= row; i += sizes.stride) {
    for (int j = column % sizes.stride; j < sizes.size && j <= column; j += sizes.stride) {
      const int line = (row - i) / sizes.stride, at = (column - j) / sizes.stride;
      if (line >= sizes.rows || at >= sizes.columns) continue;
      const int64_t window = first + (static_cast<int64_t>(line) * sizes.columns + at) * sizes.channels;
      const Pack<uint8_t, V> place = *reinterpret_cast<const Pack<uint8_t, V>*>(places + window);
      float slope[V];
      load<V>(gradient + window, slope);
#pragma unroll
      for (int v = 0; v < V; ++v) sum[v] += place.value[v] == i * sizes.size + j ? slope[v] : 0.f;
    }
  }
  store<V>(gradX + pixel * sizes.channels + channel, sum);
}

}  // namespace

int maxPool(const MaxPool& sizes, const void* x, void* y, uint8_t* places, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const int64_t blocks = blocksFor(sizes.images * sizes.rows * sizes.columns * (sizes.channels / pack));
        return LAUNCH((maxPoolKernel<T, decltype(pack)::value>), blocks, kThreads, stream, static_cast<const T*>(x), sizes, static_cast<T*>(y), places);
      },
      x, y, places);
}

int maxPoolGradient(const MaxPool& sizes, const void* gradient, const uint8_t* places, void* gradX, void* stream) {
  return withPack(
      sizes.dtype, sizes.channels,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        const int64_t blocks = blocksFor(sizes.images * sizes.height * sizes.width * (sizes.channels / pack));
        return LAUNCH((maxPoolGradientKernel<T, decltype(pack)::value>), blocks, kThreads, stream, static_cast<const T*>(gradient), places, sizes,
                      static_cast<T*>(gradX));
      },
      gradient, places, gradX);
}

}  // namespace advprop::cuda
