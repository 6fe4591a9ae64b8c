// A bfloat16 matrix product by tile registers: up to sixteen rows times a panel of one or two vectors of columns. The panel is packed
// as in matrix_product.h.
#pragma once
#include "vectors/tile_registers.h"
#include "vectors/vector.h"

#if ADVPROP_TILES

namespace advprop::tiles {

/// One register holds 32 numbers of each row of a left factor, or 16 pairs of rows of a right one. (Processors with these registers have 16
/// lanes in a vector.)
constexpr int64_t kDepth = 2 * kLanes, kPairs = kLanes;

/// Configures the registers for a product. 0 and 1 are the sums, 2 the left factor, 3 and 4 the right one. 5, 6 and 7 are the factors of
/// the last piece of the depth, where it does not fill a register.
inline void configureProduct(int64_t rows, int64_t depth) {
  Shapes shapes;
  const int64_t last = depth % kDepth / 2;
  for (int tile = 0; tile < 2; ++tile) shapes.set(tile, rows, kVectorBytes);
  shapes.set(2, rows, kVectorBytes);
  for (int tile = 3; tile < 5; ++tile) shapes.set(tile, kPairs, kVectorBytes);
  if (last > 0) {
    shapes.set(5, rows, 4 * last);
    for (int tile = 6; tile < 8; ++tile) shapes.set(tile, last, kVectorBytes);
  }
  configure(shapes);
}

/// Adds to the sums the product of the left factor at `left` with the packed right one at `right`; `A` and `B` are their registers.
template <int A, int B, int Vectors>
inline __attribute__((always_inline)) void addRegisters(const void* left, int64_t leftStride, const float* right) {
  load<A>(left, leftStride);
  load<B>(right, Vectors * kVectorBytes);
  addProduct<0, A, B>();
  if constexpr (Vectors == 2) {
    load<B + 1>(right + kLanes, Vectors * kVectorBytes);
    addProduct<1, A, B + 1>();
  }
}

/// sums [rows][Vectors] = left times panel, after `configureProduct`. `left(k)` points to number k of the first row; as many numbers follow
/// as a register takes or as remain. Rows are `stride` bytes apart.
template <int Vectors, typename Left>
inline __attribute__((always_inline)) void product(Floats* sums, const Left& left, int64_t stride, const float* panel, int64_t depth) {
  zero<0>();
  if constexpr (Vectors == 2) zero<1>();
  int64_t k = 0;
  for (; k + kDepth <= depth; k += kDepth, panel += kPairs * Vectors * kLanes) addRegisters<2, 3, Vectors>(left(k), stride, panel);
  if (k < depth) addRegisters<5, 6, Vectors>(left(k), stride, panel);
  store<0>(sums, Vectors * kVectorBytes);
  if constexpr (Vectors == 2) store<1>(sums + 1, Vectors * kVectorBytes);
}

}  // namespace advprop::tiles

#endif
