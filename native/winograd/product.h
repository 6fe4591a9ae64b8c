// The products of Winograd's form: rows of values times panels of vectors.
#pragma once
#include "product/register_product.h"

namespace advprop::winograd {

/// The vectors of a panel, the most that divide all: more columns for each row that is read.
inline int panelVectors(int64_t vectors) {
  if (kManyRegisters && vectors % 4 == 0) return 4;
  return vectors % 3 == 0 ? 3 : vectors % 2 == 0 ? 2 : 1;
}

/// Rows that fit the registers beside a panel's vectors.
constexpr int rowsTogether(int vectors) { return !kManyRegisters ? 12 / vectors : vectors == 4 ? 6 : 8; }

/// A product whose right side is as wide and deep as a vector and stays in registers, where there are enough.
inline void multiplyOneVector(const float* a, const float* panel, int64_t rows, float* out) {
  Floats columns[kLanes];
#pragma GCC unroll 16
  for (int k = 0; k < kLanes; ++k) columns[k] = load(panel + k * kLanes);
  for (int64_t r = 0; r < rows; r += 8) {
    Floats sum[8] = {};
#pragma GCC unroll 16
    for (int k = 0; k < kLanes; ++k) {
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) sum[i] += spread(a[(r + i) * kLanes + k]) * columns[k];
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) store(out + (r + i) * kLanes, sum[i]);
  }
}

template <int vectors>
void multiplyPanel(const float* a, int64_t row, const float* panel, int64_t depth, int64_t rows, float* out) {
  constexpr int together = rowsTogether(vectors);
  constexpr int64_t width = vectors * kLanes;
  for (int64_t r = 0; r < rows; r += together) {
    product<together, vectors>(a + r * row, row, 1, panel, width, depth, out + r * width, width);
  }
}

/// out[rows, width] = a[rows, depth] panel[depth, width], width being that of `vectors`; rows are computed in whole groups.
inline void multiplyRows(int vectors, const float* a, int64_t row, const float* panel, int64_t depth, int64_t rows, float* out) {
  if (kManyRegisters && vectors == 1 && depth == kLanes) return multiplyOneVector(a, panel, rows, out);
  switch (vectors) {
    case 4: return multiplyPanel<4>(a, row, panel, depth, rows, out);
    case 3: return multiplyPanel<3>(a, row, panel, depth, rows, out);
    case 2: return multiplyPanel<2>(a, row, panel, depth, rows, out);
    default: return multiplyPanel<1>(a, row, panel, depth, rows, out);
  }
}

}  // namespace advprop::winograd
