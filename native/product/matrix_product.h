// Matrix products of float32 or bfloat16 factors with float32 sums. A tile of results (rows times vectors of columns) stays in registers.
// The right factor is packed beforehand into panels of up to two vectors of columns; a panel holds its rows one after another. With
// AVX512_BF16 one instruction multiplies two rows of the depth, so the packed bfloat16 factor holds pairs of rows. What is packed are
// words of 32 bits in either case.
//
// Each element of a product is one chain of multiply-adds in the order of the depth, whatever tile it is in.
#pragma once
#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "tiles.h"
#include "vectors/threads.h"
#include "vectors/vector.h"

namespace advprop {

/// Whether products are computed by tile registers.
template <typename T>
constexpr bool kTiled = ADVPROP_TILES && std::is_same_v<T, at::BFloat16>;

/// Whether one step multiplies two rows of the depth.
#ifdef __AVX512BF16__
template <typename T>
constexpr bool kPaired = std::is_same_v<T, at::BFloat16>;
#else
template <typename T>
constexpr bool kPaired = kTiled<T>;
#endif

template <typename T>
constexpr int64_t kStep = kPaired<T> ? 2 : 1;

/// The type of a left factor that is written for a product. It is float32 where the processor cannot multiply bfloat16: each number is
/// then converted once, and not again for every panel.
template <typename T>
using Factor = std::conditional_t<kPaired<T>, T, float>;

/// How many steps a depth takes.
template <typename T>
constexpr int64_t stepsOf(int64_t depth) {
  return (depth + kStep<T> - 1) / kStep<T>;
}

/// Sizes of a tile, chosen so that it fills the registers.
constexpr int kPanelVectors = 2;
template <typename T>
constexpr int tileRows(int vectors) {
  return kTiled<T> ? tiles::kRows : (kManyRegisters ? 24 : 12) / vectors;
}

inline int64_t vectorsOf(int64_t columns) { return (columns + kLanes - 1) / kLanes; }

/// Vectors of a panel, where `left` vectors of the matrix remain.
inline int panelVectors(int64_t left) { return static_cast<int>(std::min<int64_t>(left, kPanelVectors)); }

/// The first vector of each panel of a matrix of so many columns, and its end.
inline std::vector<int64_t> panelStarts(int64_t columns) {
  const int64_t all = vectorsOf(columns);
  std::vector<int64_t> starts{0};
  while (starts.back() < all) starts.push_back(std::min(all, starts.back() + kPanelVectors));
  return starts;
}

/// A right factor, [depth, columns].
struct PackedMatrix {
  const float* words;
  int64_t depth, columns;

  template <typename T>
  const float* panel(int64_t vector) const {
    return words + vector * kLanes * stepsOf<T>(depth);
  }
};

template <typename T>
int64_t packedWords(int64_t depth, int64_t columns) {
  return stepsOf<T>(depth) * vectorsOf(columns) * kLanes;
}

/// Joins two rows of a bfloat16 factor into words: the even row in the lower halves, the odd one in the upper.
inline Words pairOf(Halves even, Halves odd) { return widen(even) | widen(odd) << 16; }

inline Halves halvesOf(Floats values) {
  Halves halves;
  store(reinterpret_cast<at::BFloat16*>(&halves), values);
  return halves;
}

/// Loads one word of a left factor into all lanes.
inline Floats spreadWord(const void* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return (Floats)(word - Words{});
}

template <typename T>
inline __attribute__((always_inline)) void multiplyAdd(Floats& sum, Floats left, Floats right) {
#ifdef __AVX512BF16__
  if constexpr (kPaired<T>) {
    sum = (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
    return;
  }
#endif
  if constexpr (kPaired<T>) {
    const auto upper = [](Floats words) { return (Floats)((Words)words & 0xffff0000u); };
    const auto lower = [](Floats words) { return (Floats)((Words)words << 16); };
    sum += lower(left) * lower(right) + upper(left) * upper(right);
  } else {
    sum += left * right;
  }
}

/// A left factor that is a matrix in memory, [rows, depth], with `stride` numbers from row to row.
template <typename T>
struct LeftRows {
  const T* first;
  int64_t stride;

  Floats whole(int row, int64_t step) const {
    const T* at = first + row * stride + step * kStep<T>;
    if constexpr (kStep<T> == 2 || std::is_same_v<T, float>) return spreadWord(at);
    else return spread(static_cast<float>(*at));
  }
  /// The last number of an odd depth, paired with zero: the number after it in memory does not belong to the row.
  Floats half(int row, int64_t step) const {
    uint16_t bits;
    std::memcpy(&bits, first + row * stride + step * kStep<T>, sizeof bits);
    const uint32_t word = bits;
    return spreadWord(&word);
  }
};

/// A left factor whose depth is cut into parts of `part` numbers. Each part is a matrix [rows, part], and they lie `distance` numbers apart.
template <typename T, int64_t part>
struct LeftParts {
  const T* first;
  int64_t distance;
};

/// A left factor that is stored as words, step by step: [steps, stride].
struct LeftWords {
  const float* first;
  int64_t stride;

  Floats whole(int row, int64_t step) const { return spreadWord(first + step * stride + row); }
};

template <int Rows, int Vectors>
using Tile = Floats[Rows][Vectors];

/// Whether tile registers compute a product of this depth. They cannot if it is odd, because it ends in the middle of a pair.
template <typename T>
inline bool usesTiles([[maybe_unused]] int64_t depth) {
#if ADVPROP_TILES
  if constexpr (kTiled<T>) return depth % 2 == 0 && tiles::allowed();
#endif
  return false;
}

template <typename T, int Rows, int Vectors, bool Half, typename Left>
inline __attribute__((always_inline)) void multiplyStep(Tile<Rows, Vectors>& sums, const Left& left, int64_t step, const float* right) {
  Floats b[Vectors];
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) b[v] = load(right + v * kLanes);
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
    Floats a;
    if constexpr (Half) a = left.half(r, step);
    else a = left.whole(r, step);
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) multiplyAdd<T>(sums[r][v], a, b[v]);
  }
}

/// sums += left x panel
template <typename T, int Rows, int Vectors, typename Left>
inline __attribute__((always_inline)) void addProducts(Tile<Rows, Vectors>& sums, const Left& left, const float* panel, int64_t depth) {
  const int64_t whole = depth / kStep<T>;
  for (int64_t step = 0; step < whole; ++step, panel += Vectors * kLanes) multiplyStep<T, Rows, Vectors, false>(sums, left, step, panel);
  if (depth % kStep<T> != 0) multiplyStep<T, Rows, Vectors, true>(sums, left, whole, panel);
}

template <int Rows, int Vectors>
inline __attribute__((always_inline)) void setZero(Tile<Rows, Vectors>& sums) {
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sums[r][v] = Floats{};
  }
}

/// sums = left x panel by tile registers, whose shapes eachProductTile has set
template <typename T, int Rows, int Vectors>
inline __attribute__((always_inline)) void multiplyTile(Tile<Rows, Vectors>& sums, const LeftRows<T>& left, const float* panel, int64_t depth) {
#if ADVPROP_TILES
  if (usesTiles<T>(depth)) {
    tiles::product<Vectors>(&sums[0][0], [&](int64_t k) { return left.first + k; }, left.stride * sizeof(T), panel, depth);
    return;
  }
#endif
  setZero(sums);
  addProducts<T, Rows, Vectors>(sums, left, panel, depth);
}

template <typename T, int Rows, int Vectors, int64_t part>
inline __attribute__((always_inline)) void multiplyTile(Tile<Rows, Vectors>& sums, const LeftParts<T, part>& left, const float* panel, int64_t depth) {
#if ADVPROP_TILES
  static_assert(part == tiles::kDepth);
  if (usesTiles<T>(depth)) {
    tiles::product<Vectors>(&sums[0][0], [&](int64_t k) { return left.first + k / part * left.distance; }, part * sizeof(T), panel, depth);
    return;
  }
#endif
  setZero(sums);
  const T* from = left.first;
  for (int64_t k = 0; k < depth; k += part, from += left.distance, panel += part / kStep<T> * Vectors * kLanes) {
    addProducts<T, Rows, Vectors>(sums, LeftRows<T>{from, part}, panel, std::min(part, depth - k));
  }
}

/// Stores a tile. Only `last` columns of its last vector exist in the matrix.
template <int Rows, int Vectors, typename T>
inline __attribute__((always_inline)) void storeTile(const Tile<Rows, Vectors>& sums, T* to, int64_t stride, int64_t last) {
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r, to += stride) {
#pragma GCC unroll 4
    for (int v = 0; v + 1 < Vectors; ++v) store(to + v * kLanes, sums[r][v]);
    if (last >= kLanes) store(to + (Vectors - 1) * kLanes, sums[r][Vectors - 1]);
    else storeFirst(to + (Vectors - 1) * kLanes, sums[r][Vectors - 1], last);
  }
}

/// The functions `Kernel<Rows, Vectors>::run` of all tiles of a product of T, to be picked at run time.
template <typename T, template <int, int> class Kernel>
class TileTable {
 public:
  using Function = decltype(&Kernel<1, 1>::run);
  /// `rows` is 1 to tileRows(vectors).
  static Function pick(int64_t rows, int vectors) {
    if (vectors == kPanelVectors) return of<kPanelVectors>(std::make_integer_sequence<int, tileRows<T>(kPanelVectors)>())[rows - 1];
    return of<1>(std::make_integer_sequence<int, tileRows<T>(1)>())[rows - 1];
  }

 private:
  template <int Vectors, int... Before>
  static const Function* of(std::integer_sequence<int, Before...>) {
    static constexpr Function functions[] = {&Kernel<Before + 1, Vectors>::run...};
    return functions;
  }
};

/// Cuts `rows` into the fewest tiles of at most `most` rows, all of about the same size: calls `work(first row, rows)`.
template <typename Work>
void eachTile(int64_t rows, int64_t most, const Work& work) {
  const int64_t tiles = (rows + most - 1) / most;
  for (int64_t tile = 0, row = 0; tile < tiles; ++tile) {
    const int64_t next = (tile + 1) * rows / tiles;
    work(row, next - row);
    row = next;
  }
}

/// Cuts a product of `rows` rows and a panel of some vectors into tiles: calls `work(first row, rows)`, in which `multiplyTile` may be used.
/// With tile registers all tiles but the last are as large as possible, because a change of the registers' shapes takes as long as a small product.
template <typename T, typename Work>
void eachProductTile(int64_t rows, int vectors, [[maybe_unused]] int64_t depth, const Work& work) {
#if ADVPROP_TILES
  if (usesTiles<T>(depth)) {
    const int64_t whole = rows / tiles::kRows * tiles::kRows;
    if (whole > 0) tiles::configureProduct(tiles::kRows, depth);
    for (int64_t row = 0; row < whole; row += tiles::kRows) work(row, tiles::kRows);
    if (whole < rows) {
      tiles::configureProduct(rows - whole, depth);
      work(whole, rows - whole);
    }
    tiles::release();
    return;
  }
#endif
  eachTile(rows, tileRows<T>(vectors), work);
}

}  // namespace advprop
