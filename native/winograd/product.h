// The matrix products of Winograd's form: rows of tiles times a panel of weights.
#pragma once
#include "register_product.h"

namespace advprop::winograd {

/// Vectors of a panel: the largest number that divides all, so that a row that is read is used for many columns.
inline int panelVectors(int64_t vectors) {
  if (kManyRegisters && vectors % 4 == 0) return 4;
  return vectors % 3 == 0 ? 3 : vectors % 2 == 0 ? 2 : 1;
}

/// Rows that are computed together: their sums and a panel's vectors fill the registers.
constexpr int rowsTogether(int vectors) { return !kManyRegisters ? 12 / vectors : vectors == 4 ? 6 : 8; }

/// A product whose right factor is one vector wide and as deep. It stays in registers, if there are 32.
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

/// out[rows, width] = a[rows, depth] panel[depth, width], with width = vectors * kLanes. Rows are rounded up to whole groups.
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
