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

/// One to a word. The intrinsic because GCC 12 makes two halves of the vector, and joins them, out of its own conversion.
inline Words widen(Halves halves) {
#ifdef __AVX512F__
  return (Words)_mm512_cvtepu16_epi32((__m256i)halves);
#else
  return __builtin_convertvector(halves, Words);
#endif
}

inline Floats load(const at::BFloat16* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  return (Floats)(widen(halves) << 16);
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

/// The first `count` values alone, then zeros.
template <typename T>
inline Floats loadFirst(const T* from, int64_t count) {
  T values[kLanes] = {};
  std::memcpy(values, from, count * sizeof *from);
  return load(values);
}

/// The first `count` values alone.
inline void storeFirst(float* to, Floats values, int64_t count) {
#ifdef __AVX512F__
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), (__m512)values);
#else
  std::memcpy(to, &values, count * sizeof *to);
#endif
}

inline void storeFirst(at::BFloat16* to, Floats values, int64_t count) {
  Halves halves;
  store(reinterpret_cast<at::BFloat16*>(&halves), values);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1u << count) - 1), (__m256i)halves);
#else
  std::memcpy(to, &halves, count * sizeof *to);
#endif
}

inline Floats maximum(Floats a, Floats b) {
#ifdef __AVX512F__
  return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return a > b ? a : b;
#endif
}

/// 1 / (1 + e^-x), to about 1e-6 of it for |x| below 20 and 1e-5 elsewhere; `rough` leaves 2e-4, a tenth of a bfloat16's
/// rounding. 0 or 1 at the ends; NaN stays.
///
/// e^-x = 2^n 2^r with n an integer and |r| <= 1/2; the polynomials for 2^r interpolate it at the Chebyshev nodes.
template <bool rough = false>
inline Floats sigmoid(Floats x) {
  Floats t = x * -1.44269504f;
#ifdef __AVX512F__
  t = (Floats)_mm512_min_ps(_mm512_set1_ps(126.f), (__m512)t);  // the second where either is NaN
  const Floats n = (Floats)_mm512_roundscale_ps((__m512)t, _MM_FROUND_TO_NEAREST_INT);
#else
  t = t > 126.f ? spread(126.f) : t;
  t = t < -126.f ? spread(-126.f) : t;
  constexpr float kRound = 12582912.f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const Floats shifted = t + kRound;
  const Floats n = shifted - kRound;
#endif
  const Floats r = t - n;
  Floats p;
  if constexpr (rough) {
    p = r * 5.583828315e-2f + 2.426394820e-1f;
    p = p * r + 6.931367517e-1f;
    p = p * r + 9.999245405e-1f;
  } else {
    p = r * 1.339086331e-3f + 9.676031768e-3f;
    p = p * r + 5.550356954e-2f;
    p = p * r + 2.402210683e-1f;
    p = p * r + 6.931471825e-1f;
    p = p * r + 1.000000119f;
  }
#ifdef __AVX512F__
  const Floats denominator = (Floats)_mm512_scalef_ps((__m512)p, (__m512)n) + 1.f;
  const Floats guess = (Floats)_mm512_maskz_rcp14_ps(-1, (__m512)denominator);
  if constexpr (rough) return guess;
  return guess * (2.f - denominator * guess);  // one step of Newton: from 2^-14 to 2^-28
#else
  return 1.f / (p * (Floats)(((Words)shifted + 127) << 23) + 1.f);
#endif
}

}  // namespace advprop
