// Values of a tensor in memory and in registers: float32 or bfloat16 there, float32 here, up to 16 bytes at a time.
#pragma once
#include "device.h"

namespace advprop::cuda {

/// Codes of the launch functions' `dtype`.
enum Dtype : int { kFloat32 = 0, kBFloat16 = 1 };

struct BFloat16 {
  uint16_t bits;
};

__device__ inline float widened(float value) { return value; }
__device__ inline float widened(BFloat16 value) { return __uint_as_float(static_cast<uint32_t>(value.bits) << 16); }
__device__ inline float widened(uint8_t value) { return value; }

__device__ inline void narrow(float value, float& to) { to = value; }
/// Rounds to nearest, ties to even.
__device__ inline void narrow(float value, BFloat16& to) {
#ifdef __CUDACC__
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
  const uint32_t bits = __float_as_uint(value);
  to.bits = static_cast<uint16_t>(value != value ? (bits >> 16) | 0x40 : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
#endif
}

/// `V` values side by side, moved as one.
template <typename T, int V>
struct alignas(sizeof(T) * V) Pack {
  T value[V];
};

/// The most values that one thread reads or writes at once.
template <typename T>
constexpr int kPack = 16 / static_cast<int>(sizeof(T));

/// Reads values as they are in memory. Kernels read several packs before they use the first, which hides the memory's delay.
template <int V, typename T>
__device__ inline Pack<T, V> fetch(const T* from) {
#ifndef __CUDACC__
  emulation::checkAligned(from, sizeof(T) * V);
#endif
  return *reinterpret_cast<const Pack<T, V>*>(from);
}

/// The same, or zeros.
template <int V, typename T>
__device__ inline Pack<T, V> fetchIf(bool inside, const T* from) {
  if (inside) return fetch<V>(from);
  return {};
}

template <int V, typename T>
__device__ inline void widen(const Pack<T, V>& pack, float (&to)[V]) {
#pragma unroll
  for (int v = 0; v < V; ++v) to[v] = widened(pack.value[v]);
}

template <int V, typename T>
__device__ inline void load(const T* from, float (&to)[V]) {
  widen(fetch<V>(from), to);
}

/// Several vectors of four float32 values, or one value.
template <int V>
__device__ inline void loadFours(const float* from, float (&to)[V]) {
  constexpr int kWidth = V % 4 == 0 ? 4 : 1;
#pragma unroll
  for (int v = 0; v < V; v += kWidth) {
    const Pack<float, kWidth> pack = fetch<kWidth>(from + v);
#pragma unroll
    for (int w = 0; w < kWidth; ++w) to[v + w] = pack.value[w];
  }
}

template <int V, typename T>
__device__ inline void store(T* to, const float (&from)[V]) {
#ifndef __CUDACC__
  emulation::checkAligned(to, sizeof(T) * V);
#endif
  Pack<T, V> pack;
#pragma unroll
  for (int v = 0; v < V; ++v) narrow(from[v], pack.value[v]);
  *reinterpret_cast<Pack<T, V>*>(to) = pack;
}

/// Whether packs of `bytes` can be used: every address and the size of a row of `channels` values must be a multiple. A null address is one.
template <typename... Pointers>
bool packsFit(int64_t bytes, int64_t channels, int64_t valueBytes, Pointers... pointers) {
  return channels * valueBytes % bytes == 0 && ((reinterpret_cast<uintptr_t>(pointers) % bytes == 0) && ...);
}

/// The constants that kernels are compiled for, as arguments of generic lambdas.
template <int N>
struct Constant {
  static constexpr int value = N;
  constexpr operator int() const { return N; }
};

/// Calls `work` with a condition as a constant.
template <typename Work>
int withFlag(bool condition, const Work& work) {
  return condition ? work(Constant<true>{}) : work(Constant<false>{});
}

/// Calls `work` with a value of the dtype.
template <typename Work>
int withDtype(int dtype, const Work& work) {
  return dtype == kFloat32 ? work(float{}) : work(BFloat16{});
}

/// Calls `work(zero, pack)` with a value of the dtype and the widest pack that fits, or one value.
template <typename Work, typename... Pointers>
int withPack(int dtype, int64_t channels, const Work& work, Pointers... pointers) {
  const int64_t bytes = dtype == kFloat32 ? 4 : 2;
  const bool wide = packsFit(16, channels, bytes, pointers...);
  return withDtype(dtype, [&](auto zero) { return wide ? work(zero, Constant<kPack<decltype(zero)>>{}) : work(zero, Constant<1>{}); });
}

}  // namespace advprop::cuda
