// Vectors of float32 as wide as the processor's registers, in the compiler's own vector types: any processor compiles them.
// Intrinsics stand where GCC 12 makes worse of its own vectors.
#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace advprop {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

/// Whether there are 32 vector registers, or 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr bool kManyRegisters = true;
#else
constexpr bool kManyRegisters = false;
#endif

/// Floats of a vector: 16 with AVX-512, 8 with AVX2.
constexpr int64_t kLanes = kVectorBytes / sizeof(float);
using Floats = float __attribute__((vector_size(kVectorBytes)));
using Words = uint32_t __attribute__((vector_size(kVectorBytes)));
using Halves = uint16_t __attribute__((vector_size(kVectorBytes / 2)));

inline Floats spread(float value) { return value - Floats{}; }

inline Floats load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

/// One to a word.
inline Words widen(Halves halves) {
#if defined(__AVX512F__)
  return (Words)_mm512_cvtepu16_epi32((__m256i)halves);
#elif defined(__AVX2__)
  return (Words)_mm256_cvtepu16_epi32((__m128i)halves);
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

/// Words whose upper halves are the nearest bfloat16 numbers, ties to even.
inline Words rounded(Floats values) {
  const Words bits = (Words)values;
  const Words nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
  const Words quiet = bits | 0x00400000u;  // a NaN must not round to infinity
  return values == values ? nearest : quiet;
}

/// Rounds to nearest, ties to even.
inline void store(at::BFloat16* to, Floats values) {
#if defined(__AVX512BF16__)
  const __m256bh halves = _mm512_cvtneps_pbh((__m512)values);
#elif defined(__AVX2__) && !defined(__AVX512F__)
  const __m256i words = (__m256i)(rounded(values) >> 16);
  const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
#else
  const Halves halves = __builtin_convertvector(rounded(values) >> 16, Halves);
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

/// By lane; `b` where either is NaN.
inline Floats maximum(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

/// By lane; `b` where either is NaN.
inline Floats minimum(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
  return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}

inline Floats squareRoot(Floats x) {
#if defined(__AVX512F__)
  return (Floats)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__)
  return (Floats)_mm256_sqrt_ps((__m256)x);
#else
  for (int lane = 0; lane < kLanes; ++lane) x[lane] = __builtin_sqrtf(x[lane]);
  return x;
#endif
}

/// 1 / x for x from 1 to infinity; off by at most 4e-7 of it, or where `rough` by 6e-5.
template <bool rough>
inline Floats reciprocal(Floats x) {
#ifdef __AVX512F__
  const Floats guess = (Floats)_mm512_maskz_rcp14_ps(-1, (__m512)x);
  if constexpr (rough) return guess;
  return guess * (2.f - x * guess);  // a step of Newton's, which squares the error
#else
  return 1.f / x;
#endif
}

/// 1 / (1 + e^-x), to about 1e-6 of it for |x| below 20 and 1e-5 elsewhere; `rough` leaves 2e-4, a tenth of a bfloat16's
/// rounding. 0 or 1 at the ends; NaN stays.
///
/// e^-x = 2^n 2^r with n an integer and |r| <= 1/2; the polynomials for 2^r interpolate it at the Chebyshev nodes.
template <bool rough = false>
inline Floats sigmoid(Floats x) {
  Floats t = minimum(spread(126.f), x * -1.44269504f);
#ifdef __AVX512F__
  const Floats n = (Floats)_mm512_roundscale_ps((__m512)t, _MM_FROUND_TO_NEAREST_INT);
#else
  t = maximum(spread(-126.f), t);
  constexpr float kRound = 12582912.f + 127.f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits, here 127 more
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
  return reciprocal<rough>((Floats)_mm512_scalef_ps((__m512)p, (__m512)n) + 1.f);
#else
  return reciprocal<rough>(p * (Floats)((Words)shifted << 23) + 1.f);
#endif
}

}  // namespace advprop
