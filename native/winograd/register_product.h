// A small product of float32 matrices in registers.
#pragma once
#include "vectors/vector.h"

namespace advprop {

/// out[r][j] = sum over k of a[r * row + k * step] * b[k * stride + j] for `rows` rows and `vectors` vectors of columns. With `add` the
/// sum is added to what is in `out`.
template <int rows, int vectors, bool add = false>
inline void product(const float* a, int64_t row, int64_t step, const float* b, int64_t stride, int64_t depth, float* out, int64_t outRow) {
  Floats sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) sum[r][j] = add ? load(out + r * outRow + j * kLanes) : Floats{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    Floats columns[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) columns[j] = load(b + j * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Floats value = spread(a[r * row]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[r][j] += value * columns[j];
    }
    a += step;
    b += stride;
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) store(out + r * outRow + j * kLanes, sum[r][j]);
  }
}

}  // namespace advprop
