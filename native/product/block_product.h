// Matrix products of any size. The rows are cut into blocks, and each block is multiplied with all panels of the right factor.
#pragma once
#include <ATen/Parallel.h>

#include "matrix_product.h"

namespace advprop {

/// One product, [rows, depth] times [depth, columns]. `right` must have been packed for the type Left.
template <typename Left, typename Result = Left>
struct Product {
  const Left* left;
  Result* result;
  int64_t rows;
  PackedMatrix right;
};

/// Prefetches what the next tile reads first and where it writes: a tile is computed in less time than memory takes to answer.
template <int Rows, int Vectors, typename Left, typename Result>
inline __attribute__((always_inline)) void prefetchNext(const Product<Left, Result>& product, int64_t row, int64_t vector) {
  constexpr int64_t kLine = 64;
  const int64_t depth = product.right.depth, columns = product.right.columns;
  if (vector == 0) {
    const char* from = reinterpret_cast<const char*>(product.left + row * depth);
    for (int64_t at = 0; at < Rows * depth * static_cast<int64_t>(sizeof(Left)); at += kLine) __builtin_prefetch(from + at, 0, 3);
  }
  const Result* to = product.result + row * columns + vector * kLanes;
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r, to += columns) {
#pragma GCC unroll 4
    for (int64_t at = 0; at < Vectors * kLanes; at += kLine / sizeof(Result)) __builtin_prefetch(to + at, 1, 3);
  }
}

template <typename Left, typename Result>
struct Storing {
  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const Product<Left, Result>& product, int64_t row, int64_t vector) {
      const PackedMatrix& right = product.right;
      prefetchNext<Rows, Vectors>(product, row + Rows, vector);
      Tile<Rows, Vectors> sums;
      const LeftRows<Left> left{product.left + row * right.depth, right.depth};
      multiplyTile<Left, Rows, Vectors>(sums, left, right.panel<Left>(vector), right.depth);
      storeTile<Rows, Vectors>(sums, product.result + row * right.columns + vector * kLanes, right.columns,
                               right.columns - (vector + Vectors - 1) * kLanes);
    }
  };
};

/// Computes rows `begin` to `end` of the panels from vector `first` to `last`.
template <typename Left, typename Result>
void multiplyBlock(const Product<Left, Result>& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  const int64_t rows = end - begin;
  for (int64_t vector = first; vector < last;) {
    const int wide = panelVectors(vectorsOf(product.right.columns) - vector);
    eachProductTile<Left>(rows, wide, product.right.depth, [&](int64_t row, int64_t count) {
      TileTable<Left, Storing<Left, Result>::template Kernel>::pick(count, wide)(product, begin + row, vector);
    });
    vector += wide;
  }
}

/// Calls `work(block, first, last)` in parallel, for the panels from vector `first` to `last` of a block of rows. `multiplications` is the
/// work of one block over all columns. If there are few blocks, their panels are divided among threads too, so that no thread waits long
/// for another. A thread gets all its panels of a block in one call.
template <typename Work>
void eachPartOfProduct(int64_t blocks, int64_t columns, int64_t multiplications, const Work& work) {
  const int64_t threads = at::get_num_threads();
  const std::vector<int64_t> panels = panelStarts(columns);
  const int64_t count = panels.size() - 1;
  const int64_t parts = std::min(count, threads == 1 || blocks >= 4 * threads ? 1 : (4 * threads + blocks - 1) / blocks);
  at::parallel_for(0, blocks * parts, kLeastWork / (multiplications / parts + 1) + 1, [&](int64_t begin, int64_t end) {
    const auto panelOf = [&](int64_t part) { return panels[part * count / parts]; };
    for (int64_t item = begin; item < end;) {
      const int64_t block = item / parts, next = std::min(end, (block + 1) * parts);
      work(block, panelOf(item - block * parts), panelOf(next - block * parts));
      item = next;
    }
  });
}

}  // namespace advprop
