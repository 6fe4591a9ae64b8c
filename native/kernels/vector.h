// Sixteen float32 at a time, in the compiler's own vectors: any processor compiles them, with AVX-512 each is a register.
#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <cstring>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace advprop {

constexpr int64_t kLanes = 16;
using Floats = float __attribute__((vector_size(64)));
using Words = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));

inline Floats spread(float value) { return value - Floats{}; }

inline Floats load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

inline Floats load(const at::BFloat16* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  return (Floats)(__builtin_convertvector(halves, Words) << 16);
}

inline void store(float* to, Floats values) { std::memcpy(to, &values, sizeof values); }

/// Rounds to nearest, ties to even.
inline void store(at::BFloat16* to, Floats values) {
#ifdef __AVX512BF16__
  const __m256bh halves = _mm512_cvtneps_pbh((__m512)values);
#else
  const Words bits = (Words)values;
  const Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Words nan = (Words)(values != values);
  const Halves halves = __builtin_convertvector((nan & ((bits >> 16) | 0x40)) | (~nan & rounded), Halves);
#endif
  std::memcpy(to, &halves, sizeof halves);
}

/// e^x for x in [-87, 88], to 2 units in the last place; outside, the value at the nearer end. NaN stays.
/// The polynomial is that of expf in Cephes (Moshier 1992, https://www.netlib.org/cephes/).
inline Floats exponential(Floats x) {
  x = x < -87.f ? spread(-87.f) : x;
  x = x > 88.f ? spread(88.f) : x;
  constexpr float kRound = 12582912.f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const Floats shifted = x * 1.44269504f + kRound;
  const Floats n = shifted - kRound;
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  return p * (Floats)(((Words)shifted + 127) << 23);
}

inline Floats reciprocal(Floats x) {
#ifdef __AVX512F__
  const Floats guess = (Floats)_mm512_maskz_rcp14_ps(-1, (__m512)x);
  return guess * (2.f - x * guess);  // one step of Newton: 2^-14 to 2^-28
#else
  return 1.f / x;
#endif
}

inline Floats sigmoid(Floats x) { return reciprocal(exponential(-x) + 1.f); }

}  // namespace advprop
