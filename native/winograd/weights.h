// From 3x3 kernels to transformed kernels, and back. Weights are channels-last, [O][3][3][I].
#pragma once
#include "transforms.h"

namespace advprop::winograd {

constexpr int kTaps = 9;

/// Transposes a square of as many vectors as a vector has lanes.
inline void transpose(Floats* m) {
  using Indices = int32_t __attribute__((vector_size(kVectorBytes)));
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    Indices low, high;
    for (int j = 0; j < kLanes; ++j) {
      low[j] = j & step ? kLanes + j - step : j;
      high[j] = j & step ? kLanes + j : j + step;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if (i & step) continue;
      const Floats a = m[i], b = m[i + step];
      m[i] = __builtin_shuffle(a, b, low);
      m[i + step] = __builtin_shuffle(a, b, high);
    }
  }
}

/// Transforms nine vectors of taps into `out` [36] at `stride`.
inline void transformTaps(const Floats* taps, float* out, int64_t stride) {
  transformTile<Weights>([&](int row, int column) { return taps[3 * row + column]; },
                         [&](int row, int column, Floats value) { store(out + (kSide * row + column) * stride, value); });
}

/// A panel of `width` outputs: `panel` [36][I][width], places `stride` apart.
inline void packOutputs(const float* weight, int64_t inputs, int64_t first, int64_t width, float* panel, int64_t stride) {
  for (int64_t input = 0; input < inputs; input += kLanes) {
    for (int64_t column = 0; column < width; column += kLanes) {
      Floats taps[kTaps][kLanes];
      for (int tap = 0; tap < kTaps; ++tap) {
        for (int64_t o = 0; o < kLanes; ++o) taps[tap][o] = load(weight + ((first + column + o) * kTaps + tap) * inputs + input);
        transpose(taps[tap]);
      }
      for (int64_t i = 0; i < kLanes; ++i) {
        Floats of[kTaps];
        for (int tap = 0; tap < kTaps; ++tap) of[tap] = taps[tap][i];
        transformTaps(of, panel + (input + i) * width + column, stride);
      }
    }
  }
}

/// A panel of `width` inputs, for the input gradient: `panel` [36][O][width], places `stride` apart. The kernels are rotated by half a
/// turn.
inline void packInputs(const float* weight, int64_t inputs, int64_t outputs, int64_t first, int64_t width, float* panel, int64_t stride) {
  for (int64_t output = 0; output < outputs; ++output) {
    for (int64_t column = 0; column < width; column += kLanes) {
      Floats of[kTaps];
      for (int tap = 0; tap < kTaps; ++tap) of[tap] = load(weight + (output * kTaps + kTaps - 1 - tap) * inputs + first + column);
      transformTaps(of, panel + output * width + column, stride);
    }
  }
}

/// The gradient of one output's kernels [3][3][I], from that of its transformed ones, `gradient` [36][...][I] at `stride`.
inline void unpackGradient(const float* gradient, int64_t stride, int64_t inputs, float* out) {
  for (int64_t input = 0; input < inputs; input += kLanes) {
    transformTile<WeightGradients>([&](int row, int column) { return load(gradient + (kSide * row + column) * stride + input); },
                                   [&](int row, int column, Floats value) { store(out + (3 * row + column) * inputs + input, value); });
  }
}

}  // namespace advprop::winograd
