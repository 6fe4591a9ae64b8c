#include <ATen/Parallel.h>

#include "pointwise.h"

namespace advprop {

namespace {

/// One product, rows x depth times depth x columns.
template <typename T>
struct Product {
  const T* left;
  T* result;
  int64_t rows;
  PackedMatrix right;
};

constexpr int64_t kLine = 64;

/// What the next tile reads first and writes is brought near: few steps are over before the memory has answered.
template <int Rows, int Vectors, typename T>
inline __attribute__((always_inline)) void prefetchNext(const Product<T>& product, int64_t row, int64_t vector) {
  const int64_t depth = product.right.depth, columns = product.right.columns;
  if (vector == 0) {
    const char* from = reinterpret_cast<const char*>(product.left + row * depth);
    for (int64_t at = 0; at < Rows * depth * static_cast<int64_t>(sizeof(T)); at += kLine) __builtin_prefetch(from + at, 0, 3);
  }
  const T* to = product.result + row * columns + vector * kLanes;
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r, to += columns) {
#pragma GCC unroll 4
    for (int64_t at = 0; at < Vectors * kLanes; at += kLine / sizeof(T)) __builtin_prefetch(to + at, 1, 3);
  }
}

template <typename T>
struct Storing {
  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const Product<T>& product, int64_t row, int64_t vector) {
      const PackedMatrix& right = product.right;
      prefetchNext<Rows, Vectors>(product, row + Rows, vector);
      Tile<Rows, Vectors> sums;
      const LeftRows<T> left{product.left + row * right.depth, right.depth};
      setZero(sums);
      addProducts<T, Rows, Vectors>(sums, left, right.panel<T>(vector), right.depth);
      storeTile<Rows, Vectors>(sums, product.result + row * right.columns + vector * kLanes, right.columns,
                               right.columns - (vector + Vectors - 1) * kLanes);
    }
  };
};

/// Rows `begin` to `end` of the panels from vector `first` to `last`.
template <typename T>
void multiplyBlock(const Product<T>& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  const int64_t rows = end - begin;
  for (int64_t vector = first; vector < last;) {
    const int wide = panelVectors(vectorsOf(product.right.columns) - vector);
    eachTile(rows, tileRows(wide), [&](int64_t row, int64_t count) {
      TileTable<Storing<T>::template Kernel>::pick(count, wide)(product, begin + row, vector);
    });
    vector += wide;
  }
}

/// What a block of rows may take of the first-level cache, beside a factor that fits there too, and of the second-level one.
constexpr int64_t kFirstLevelBytes = 16 << 10, kSecondLevelBytes = 256 << 10;

/// Rows that go through all panels together: a panel is read once for them.
template <typename T>
int64_t rowsOfBlock(const PackedMatrix& right) {
  const int64_t size = sizeof(T);
  if (packedWords<T>(right.depth, right.columns) * 4 <= kFirstLevelBytes) {
    return std::max<int64_t>(24, kFirstLevelBytes / ((right.depth + right.columns) * size));
  }
  return std::max<int64_t>(24, kSecondLevelBytes / ((right.depth + 2 * kPanelVectors * kLanes) * size));
}

template <typename T>
void multiplyAll(const Product<T>& product) {
  const PackedMatrix& right = product.right;
  const int64_t blocks = (product.rows + rowsOfBlock<T>(right) - 1) / rowsOfBlock<T>(right);
  const int64_t threads = at::get_num_threads();
  // Few blocks are cut by columns as well, so that no thread waits long for another.
  const std::vector<int64_t> panels = panelStarts(right.columns);
  const int64_t count = panels.size() - 1;
  const int64_t parts = std::min(count, threads == 1 || blocks >= 4 * threads ? 1 : (4 * threads + blocks - 1) / blocks);
  const int64_t work = product.rows * right.depth * right.columns / (blocks * parts);
  at::parallel_for(0, blocks * parts, kLeastWork / (work + 1) + 1, [&](int64_t begin, int64_t end) {
    const auto panelOf = [&](int64_t part) { return panels[part * count / parts]; };
    for (int64_t item = begin; item < end; ++item) {
      const int64_t block = item / parts, part = item % parts;
      multiplyBlock(product, block * product.rows / blocks, (block + 1) * product.rows / blocks, panelOf(part), panelOf(part + 1));
    }
  });
}

}  // namespace

at::Tensor pointwiseProduct(const at::Tensor& x, const PackedMatrix& right) {
  at::Tensor y = at::empty({x.size(0), right.columns, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    multiplyAll(Product<T>{x.data_ptr<T>(), y.data_ptr<T>(), x.numel() / x.size(1), right});
  });
  return y;
}

}  // namespace advprop
