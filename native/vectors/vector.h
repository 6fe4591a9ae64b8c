// Vectors of float32 as wide as the processor's registers. They are the compiler's own vector types, so that this compiles for any
// processor. Intrinsics are used only where GCC 12 makes slower code of its own types.
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

/// Whether the processor has 32 vector registers; else 16.
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

/// Each 16-bit number as a 32-bit word.
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

/// Loads only the first `count` values; the other lanes are zero.
template <typename T>
inline Floats loadFirst(const T* from, int64_t count) {
  T values[kLanes] = {};
  std::memcpy(values, from, count * sizeof *from);
  return load(values);
}

/// Stores only the first `count` values.
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

/// 1 / x for x from 1 to infinity, with a relative error of at most 4e-7; of 6e-5 where `rough`.
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

/// Vectors that go through a formula side by side. In a long chain of operations each one waits for the one before. The processor
/// does not look far enough ahead to start the next chain in the meantime, so the chains of several vectors are interleaved here.
template <int N>
struct Group {
  Floats vectors[N];
};

/// Applies the formula to each vector.
template <int N, typename Formula, typename... Groups>
inline __attribute__((always_inline)) Group<N> each(const Formula& formula, const Group<N>& first, const Groups&... more) {
  Group<N> result;
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) result.vectors[i] = formula(first.vectors[i], more.vectors[i]...);
  return result;
}
template <typename Formula, typename... More>
inline __attribute__((always_inline)) Floats each(const Formula& formula, Floats first, More... more) {
  return formula(first, more...);
}

/// 1 / (1 + e^-x), with a relative error of about 1e-6 for |x| below 20 and 1e-5 elsewhere; with `rough` of 2e-4, a tenth of the
/// rounding of bfloat16. 0 or 1 where |x| is large; NaN gives NaN. V is Floats or a Group.
///
/// e^-x = 2^n 2^r with n an integer and |r| <= 1/2; the polynomials for 2^r interpolate it at the Chebyshev nodes.
template <bool rough = false, typename V>
inline __attribute__((always_inline)) V sigmoid(const V& x) {
#ifdef __AVX512F__
  const V t = each([](Floats v) { return minimum(spread(126.f), v * -1.44269504f); }, x);
  const V n = each([](Floats v) { return (Floats)_mm512_roundscale_ps((__m512)v, _MM_FROUND_TO_NEAREST_INT); }, t);
  const V r = each([](Floats all, Floats whole) { return all - whole; }, t, n);
#else
  const V t = each([](Floats v) { return maximum(spread(-126.f), minimum(spread(126.f), v * -1.44269504f)); }, x);
  constexpr float kRound = 12582912.f + 127.f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits, here 127 more
  const V n = each([](Floats v) { return v + kRound; }, t);
  const V r = each([](Floats all, Floats shifted) { return all - (shifted - kRound); }, t, n);
#endif
  const auto next = [&r](const V& p, float term) { return each([term](Floats v, Floats by) { return v * by + term; }, p, r); };
  V p;
  if constexpr (rough) {
    p = each([](Floats v) { return v * 5.583828315e-2f + 2.426394820e-1f; }, r);
    p = next(p, 6.931367517e-1f);
    p = next(p, 9.999245405e-1f);
  } else {
    p = each([](Floats v) { return v * 1.339086331e-3f + 9.676031768e-3f; }, r);
    p = next(p, 5.550356954e-2f);
    p = next(p, 2.402210683e-1f);
    p = next(p, 6.931471825e-1f);
    p = next(p, 1.000000119f);
  }
#ifdef __AVX512F__
  p = each([](Floats v, Floats power) { return (Floats)_mm512_scalef_ps((__m512)v, (__m512)power) + 1.f; }, p, n);
#else
  p = each([](Floats v, Floats power) { return v * (Floats)((Words)power << 23) + 1.f; }, p, n);
#endif
  return each([](Floats v) { return reciprocal<rough>(v); }, p);
}

}  // namespace advprop
