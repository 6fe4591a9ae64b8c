// The matrix products of an inverted residual: from rows in memory to one panel, and from all panels to rows in memory.
#pragma once
#include <ATen/Parallel.h>

#include "panel_walk.h"

namespace advprop {

/// left [rows, depth] times the columns of one panel.
template <typename T>
struct IntoPanel {
  const Factor<T>* left;
  int64_t depth;
  const float* right;
  /// [rows, kPanel]
  T* product;

  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const IntoPanel& job, int64_t row) {
      Tile<Rows, Vectors> sums;
      multiplyTile<Factor<T>, Rows, Vectors>(sums, LeftRows<Factor<T>>{job.left + row * job.depth, job.depth}, job.right, job.depth);
      storeTile<Rows, Vectors>(sums, job.product + row * kPanel, kPanel, kLanes);
    }
  };

  /// Computes all rows for a panel of `vectors` vectors. Calls `finish(at, rows)` for rows that are complete; they begin at product + at.
  template <typename Finish>
  void run(int64_t rows, int vectors, const Finish& finish) const {
    eachProductTile<Factor<T>>(rows, vectors, depth, [&](int64_t row, int64_t count) {
      TileTable<Factor<T>, Kernel>::pick(count, vectors)(*this, row);
      finish(row * kPanel, count);
    });
  }
};

/// The panels [panels][rows, kPanel] times right [depth, columns], depth being the channels of all panels.
template <typename T>
struct FromPanels {
  const Factor<T>* panels;
  PackedMatrix right;
  /// [rows, columns]: result = product * factor + shift + added. factor and shift may be null together, and so may added.
  T* result;
  const float *factor, *shift;
  const T* added;

  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const FromPanels& job, int64_t rows, int64_t row, int64_t vector) {
      const int64_t columns = job.right.columns;
      Tile<Rows, Vectors> sums;
      const LeftParts<Factor<T>, kPanel> left{job.panels + row * kPanel, rows * kPanel};
      multiplyTile<Factor<T>, Rows, Vectors>(sums, left, job.right.template panel<T>(vector), job.right.depth);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        const int64_t column = (vector + v) * kLanes, count = std::min(kLanes, columns - column);
        if (job.factor != nullptr) {
          const Floats factor = load(job.factor + column), shift = load(job.shift + column);
#pragma GCC unroll 32
          for (int r = 0; r < Rows; ++r) sums[r][v] = sums[r][v] * factor + shift;
        }
        if (job.added != nullptr) {
          const T* added = job.added + row * columns + column;
#pragma GCC unroll 32
          for (int r = 0; r < Rows; ++r) sums[r][v] += count == kLanes ? load(added + r * columns) : loadFirst(added + r * columns, count);
        }
      }
      storeTile<Rows, Vectors>(sums, job.result + row * columns + vector * kLanes, columns, columns - (vector + Vectors - 1) * kLanes);
    }
  };

  void run(int64_t rows) const {
    const int64_t all = vectorsOf(right.columns);
    for (int64_t vector = 0; vector < all; vector += kPanelVectors) {
      const int wide = panelVectors(all - vector);
      eachProductTile<Factor<T>>(rows, wide, right.depth, [&](int64_t row, int64_t count) {
        TileTable<Factor<T>, Kernel>::pick(count, wide)(*this, rows, row, vector);
      });
    }
  }
};

/// The images that a thread takes together.
struct Unit {
  int64_t first, images;
};

/// Copies the channels of a panel from pixels with all channels.
template <typename T>
void gatherPanel(const T* from, int64_t stride, int64_t pixels, int64_t channels, T* to) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) std::copy(from + pixel * stride, from + pixel * stride + channels, to + pixel * kPanel);
}

/// Multiplies s, the panels of a unit's results, by each image's gates [images, padded].
template <typename F>
void applyGates(const InvertedResidualLayers& block, const float* gates, F* s, const Unit& unit) {
  for (int64_t p = 0; p < block.panels(); ++p) {
    for (int64_t n = 0; n < unit.images; ++n) {
      F* to = s + (p * unit.images + n) * block.results() * kPanel;
      const float* gate = gates + n * block.padded() + p * kPanel;
      eachVectorOfPanel(block.results(), [=](int64_t i, int64_t c) { store(to + i, load(to + i) * load(gate + c)); });
    }
  }
}

/// Calls `work(unit, memory)` for every unit, in parallel. `memory` has `scratchBytes` bytes of the thread; the next unit uses them again.
template <typename Work>
void eachUnit(int64_t images, int64_t together, int64_t scratchBytes, const Work& work) {
  const int64_t units = (images + together - 1) / together;
  at::parallel_for(0, units, 1, [&](int64_t begin, int64_t end) {
    const at::Tensor memory = at::empty({scratchBytes}, at::kByte);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = unit * together;
      work(Unit{first, std::min(together, images - first)}, memory.data_ptr());
    }
  });
}

/// Calls `work(begin, end)` for all `rows` rows at once if they fit the second-level cache, else for bands of them. A row has `rowBytes` bytes.
template <typename Work>
void eachBand(int64_t rows, int64_t rowBytes, const Work& work) {
  constexpr int64_t kWholeBytes = 384 << 10, kBandBytes = 128 << 10;
  const int64_t step = rows * rowBytes <= kWholeBytes ? rows : std::max<int64_t>(1, kBandBytes / rowBytes);
  for (int64_t row = 0; row < rows; row += step) work(row, std::min(rows, row + step));
}

/// Hands out parts of a thread's memory one after another. Each begins at a cache line.
class Scratch {
 public:
  explicit Scratch(void* memory) : at_(static_cast<char*>(memory)) {}
  template <typename T>
  T* take(int64_t count) {
    T* part = reinterpret_cast<T*>(at_);
    at_ += bytesOf(count * sizeof(T));
    return part;
  }
  static int64_t bytesOf(int64_t bytes) { return (bytes + 63) / 64 * 64; }

 private:
  char* at_;
};

/// Whether T and Factor<T> are the same type.
template <typename T>
constexpr bool kAreFactors = std::is_same_v<T, Factor<T>>;

/// Numbers of a tensor as numbers of a left factor: the numbers themselves, or converted copies in scratch memory.
template <typename T>
const Factor<T>* asFactors(const T* from, int64_t count, Scratch& scratch) {
  if constexpr (kAreFactors<T>) {
    return from;
  } else {
    Factor<T>* to = scratch.take<Factor<T>>(count);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
    for (; i < count; ++i) to[i] = static_cast<float>(from[i]);
    return to;
  }
}
/// Bytes of scratch memory that `asFactors` takes.
template <typename T>
int64_t factorBytes(int64_t count) {
  return kAreFactors<T> ? 0 : Scratch::bytesOf(count * sizeof(Factor<T>));
}

}  // namespace advprop
