// Packs blocks of pixels for products that sum over pixels.
#pragma once
#include "matrix_product.h"

namespace advprop {

/// Packs pixels as words, [steps, padded]; the columns after `channels` are zero.
template <typename T>
void packPixels(const T* from, int64_t stride, int64_t pixels, int64_t channels, int64_t padded, float* to) {
  const int64_t whole = channels / kLanes * kLanes;
  for (int64_t pixel = 0; pixel < pixels; pixel += kStep<T>, from += kStep<T> * stride, to += padded) {
    if constexpr (kPaired<T>) {
      const bool pair = pixel + 1 < pixels;
      const auto* even = reinterpret_cast<const uint16_t*>(from);
      const auto* odd = pair ? even + stride : even;
      const uint32_t mask = pair ? ~0u : 0xffffu;
      for (int64_t c = 0; c < whole; c += kLanes) {
        Halves first, second;
        std::memcpy(&first, even + c, sizeof first);
        std::memcpy(&second, odd + c, sizeof second);
        store(to + c, (Floats)(pairOf(first, second) & mask));
      }
      for (int64_t c = whole; c < channels; ++c) {
        const uint32_t word = (even[c] | static_cast<uint32_t>(odd[c]) << 16) & mask;
        std::memcpy(to + c, &word, sizeof word);
      }
    } else {
      for (int64_t c = 0; c < whole; c += kLanes) store(to + c, load(from + c));
      for (int64_t c = whole; c < channels; ++c) to[c] = static_cast<float>(from[c]);
    }
    for (int64_t c = channels; c < padded; ++c) to[c] = 0;
  }
}

/// Exchanges lane j + half of one row with lane j of another, for every j whose bit `half` is not set.
template <int half, int... j>
inline __attribute__((always_inline)) void exchangeHalves(Words& upper, Words& lower, std::integer_sequence<int, j...>) {
  const Words first = __builtin_shufflevector(upper, lower, (j & half ? kLanes + j - half : j)...);
  lower = __builtin_shufflevector(upper, lower, (j & half ? kLanes + j : j + half)...);
  upper = first;
}

/// Transposes a square of words: lane j of row i becomes lane i of row j.
template <int half = kLanes / 2>
inline __attribute__((always_inline)) void turn(Words (&rows)[kLanes]) {
  if constexpr (half > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & half) == 0) exchangeHalves<half>(rows[i], rows[i + half], std::make_integer_sequence<int, kLanes>());
    }
    turn<half / 2>(rows);
  }
}

/// The same words transposed, one row for each channel, which is how tile registers read a left factor: [channels, stride], with the
/// channels rounded up to whole vectors. Each row begins with its steps, also rounded up to whole vectors.
template <typename T>
void packPixelsTurned(const T* from, int64_t pixels, int64_t channels, float* to, int64_t stride) {
  float steps[kLanes * kLanes] = {};
  for (int64_t pixel = 0; pixel < pixels; pixel += kLanes * kStep<T>, from += kLanes * kStep<T> * channels, to += kLanes) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      packPixels(from + c, channels, std::min(kLanes * kStep<T>, pixels - pixel), std::min(kLanes, channels - c), kLanes, steps);
      Words square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) square[i] = (Words)load(steps + i * kLanes);
      turn(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + (c + i) * stride, (Floats)square[i]);
    }
  }
}

}  // namespace advprop
