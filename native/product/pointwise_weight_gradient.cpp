// The gradient of a pointwise weight: a matrix product that sums over pixels. A factor is read where it is, or packed for a block of
// pixels at a time. Each block's sum starts from zero and the sums are then added, so that rounding does not grow with the number of pixels.
#include <ATen/Parallel.h>

#include "pixel_words.h"
#include "pointwise.h"
#include "vectors/bands.h"

namespace advprop {

namespace {

/// Words of a block of pixels, `stride` from one step to the next.
struct Steps {
  const float* first;
  int64_t stride;
};

/// Whether a float32 matrix with this many columns can be read without packing. It cannot where the rows of a block would share a few
/// sets of the first-level cache and push each other out.
bool spreadsOverCache(int64_t columns) {
  constexpr int64_t kLine = 64 / sizeof(float);
  return columns % (4 * kLine) != 0;
}

/// The first `channels` of each pixel's `stride` numbers as words: read where they are if no padding is needed, else packed into `memory`.
template <typename T>
Steps stepsFrom(const T* from, int64_t stride, int64_t pixels, int64_t channels, int64_t padded, bool filled, float* memory) {
  if constexpr (std::is_same_v<T, float>) {
    if (filled && spreadsOverCache(stride)) return {from, stride};
  }
  packPixels(from, stride, pixels, channels, padded, memory);
  return {memory, padded};
}

/// Steps between two prefetches: the processor would stall if it had too many of them outstanding at once.
constexpr int64_t kApart = 16;

/// Multiplies a block of pixels with one panel, and stores the result or adds it to what is there. For tile registers the left factor is
/// transposed: its stride is the distance from one channel to the next.
struct Block {
  Steps left, right;
  int64_t steps;
  Prefetch *nextLeft, *nextRight;
  float* total;
  int64_t totalStride;
  bool isFirst;

  void lookAhead() const {
    nextLeft->read();
    nextRight->read();
  }
};

template <typename T>
struct Summing {
  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const Block& job, int64_t row) {
      Tile<Rows, Vectors> sums;
      if constexpr (kTiled<T>) {
        job.lookAhead();
        const int64_t stride = job.left.stride;
        const LeftRows<T> left{reinterpret_cast<const T*>(job.left.first + row * stride), stride * kStep<T>};
        multiplyTile<T, Rows, Vectors>(sums, left, job.right.first, job.steps * kStep<T>);
      } else {
        setZero(sums);
        const LeftWords left{job.left.first + row, job.left.stride};
        const float* right = job.right.first;
        for (int64_t step = 0; step < job.steps;) {
          job.lookAhead();
          for (const int64_t end = std::min(job.steps, step + kApart); step < end; ++step, right += job.right.stride) {
            multiplyStep<T, Rows, Vectors, false>(sums, left, step, right);
          }
        }
      }
      float* to = job.total + row * job.totalStride;
#pragma GCC unroll 32
      for (int r = 0; r < Rows; ++r, to += job.totalStride) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) store(to + v * kLanes, job.isFirst ? sums[r][v] : load(to + v * kLanes) + sums[r][v]);
      }
    }
  };
};

/// One gradient: the transpose of a matrix [pixels, rows] times a matrix [pixels, columns]. How the pixels are cut into blocks and parts
/// depends on the sizes alone.
template <typename T>
struct Job {
  Job(const T* left_, int64_t rows_, const T* right_, int64_t columns_, int64_t pixels_)
      : left(left_), right(right_), rows(rows_), columns(columns_), pixels(pixels_), padded(vectorsOf(columns) * kLanes),
        block(std::clamp<int64_t>(kLeftBytes / (rows * static_cast<int64_t>(sizeof(T))) / 2 * 2, 64, 256)),
        parts(std::min((pixels + block - 1) / block, std::clamp<int64_t>(pixels * (rows + columns) * static_cast<int64_t>(sizeof(T)) / (16 * rows * padded), 1, kMostParts))),
        leftStride(oddVectors(kTiled<T> ? stepsOf<T>(block) : rows)) {}

  /// Bytes of the second-level cache for the packed left factor of a block.
  static constexpr int64_t kLeftBytes = 256 << 10, kMostParts = 16;

  /// The first pixel of a part. Parts have about the same size; the pixel is even, because pixels are packed in pairs.
  int64_t pixelOf(int64_t part) const { return part == parts ? pixels : part * pixels / parts / 2 * 2; }

  const T *left, *right;
  int64_t rows, columns, pixels;
  /// Columns of a row of totals, with padding.
  int64_t padded;
  /// Most pixels that are packed and multiplied together.
  int64_t block;
  /// Number of parts that are summed separately: their sums must be small compared with the data.
  int64_t parts;
  /// Words of one step of the packed left factor; where it is transposed, words of one channel.
  int64_t leftStride;

  int64_t leftWords() const { return (kTiled<T> ? vectorsOf(rows) * kLanes : stepsOf<T>(block)) * leftStride; }

 private:
  /// An odd number of vectors: with an even one all rows could begin in the same set of the cache.
  static int64_t oddVectors(int64_t words) { return (words / kLanes + 1) / 2 * 2 * kLanes + kLanes; }
};

/// The sums over pixels `begin` to `end` for the panels from vector `first` to `last`, stored in total [rows, padded].
template <typename T>
void sumPart(const Job<T>& job, int64_t begin, int64_t end, int64_t first, int64_t last, float* total) {
  const int64_t rightWords = stepsOf<T>(job.block) * kPanelVectors * kLanes;
  const at::Tensor packed = at::empty({rightWords + job.leftWords()}, at::kFloat);
  float *rightMemory = packed.data_ptr<float>(), *leftMemory = rightMemory + rightWords;
  const bool whole = first == 0 && last == vectorsOf(job.columns);
  eachTile((end - begin + 1) / 2, job.block / 2, [&](int64_t pair, int64_t pairs) {
    const int64_t pixel = begin + 2 * pair, pixels = std::min(2 * pairs, end - pixel), next = pixel + pixels;
    const int64_t nextEnd = std::min(next + pixels, end);
    const int64_t rowsOfTile = tileRows<T>(kPanelVectors), looksOfTile = kTiled<T> ? 1 : (stepsOf<T>(pixels) + kApart - 1) / kApart;
    const int64_t looks = (job.rows + rowsOfTile - 1) / rowsOfTile * (last - first + kPanelVectors - 1) / kPanelVectors * looksOfTile;
    Prefetch nextLeft(job.left + next * job.rows, job.left + nextEnd * job.rows, looks), nextRight;
    if (whole) nextRight = Prefetch(job.right + next * job.columns, job.right + nextEnd * job.columns, looks);
    Steps left{leftMemory, job.leftStride};
    if constexpr (kTiled<T>) packPixelsTurned(job.left + pixel * job.rows, pixels, job.rows, leftMemory, job.leftStride);
    else left = stepsFrom(job.left + pixel * job.rows, job.rows, pixels, job.rows, job.leftStride, /*filled=*/true, leftMemory);
    for (int64_t vector = first; vector < last;) {
      const int wide = panelVectors(vectorsOf(job.columns) - vector);
      const int64_t column = vector * kLanes, channels = std::min<int64_t>(wide * kLanes, job.columns - column);
      const bool filled = channels == wide * kLanes;
      const Steps right = stepsFrom(job.right + pixel * job.columns + column, job.columns, pixels, channels, wide * kLanes, filled, rightMemory);
      const Block block{left, right, stepsOf<T>(pixels), &nextLeft, &nextRight, total + column, job.padded, pixel == begin};
      eachProductTile<T>(job.rows, wide, block.steps * kStep<T>, [&](int64_t row, int64_t count) {
        TileTable<T, Summing<T>::template Kernel>::pick(count, wide)(block, row);
      });
      vector += wide;
    }
  });
}

/// The total of each part of the pixels, [parts, rows, padded].
template <typename T>
at::Tensor sumParts(const Job<T>& job) {
  at::Tensor totals = at::empty({job.parts, job.rows, job.padded}, at::kFloat);
  const std::vector<int64_t> panels = panelStarts(job.columns);
  const int64_t count = panels.size() - 1;
  const int64_t length = job.rows * job.padded, work = job.pixels * length / (job.parts * count);
  at::parallel_for(0, job.parts * count, kLeastWork / (work + 1) + 1, [&, to = totals.data_ptr<float>()](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end;) {
      // If there are few parts, the panels of a part are divided among threads. A thread packs the left factor once for all its panels.
      const int64_t part = item / count, next = std::min(end, (part + 1) * count);
      sumPart(job, job.pixelOf(part), job.pixelOf(part + 1), panels[item - part * count], panels[next - part * count], to + part * length);
      item = next;
    }
  });
  return totals;
}

/// Adds the parts in order: [outputs, inputs] from totals [parts, outputs, padded], or from [parts, inputs, padded] if `turned`.
void joinParts(const at::Tensor& totals, bool turned, int64_t outputs, int64_t inputs, float* result) {
  const float* from = totals.data_ptr<float>();
  const int64_t parts = totals.size(0), padded = totals.size(2), length = totals.size(1) * padded;
  const int64_t down = turned ? 1 : padded, across = turned ? padded : 1;
  at::parallel_for(0, outputs, kLeastWork / (16 * parts * inputs) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      float* to = result + o * inputs;
      for (int64_t i = 0; i < inputs; ++i) to[i] = from[o * down + i * across];
      for (int64_t part = 1; part < parts; ++part) {
        for (int64_t i = 0; i < inputs; ++i) to[i] += from[part * length + o * down + i * across];
      }
    }
  });
}

}  // namespace

at::Tensor pointwiseWeightGradient(const at::Tensor& gradient, const at::Tensor& x) {
  const int64_t outputs = gradient.size(1), inputs = x.size(1), pixels = x.numel() / inputs;
  at::Tensor result = at::empty({outputs, inputs, 1, 1}, at::kFloat);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    // The columns are the inputs, which is the order of the result. They are the outputs instead where the inputs do not fill a panel, or where it is
    // cheaper to transpose the inputs for tile registers.
    const bool turned = outputs > inputs && (kTiled<T> || inputs < kPanelVectors * kLanes);
    const T *g = gradient.data_ptr<T>(), *in = x.data_ptr<T>();
    const at::Tensor totals = sumParts(turned ? Job<T>(in, inputs, g, outputs, pixels) : Job<T>(g, outputs, in, inputs, pixels));
    joinParts(totals, turned, outputs, inputs, result.data_ptr<float>());
  });
  return result;
}

}  // namespace advprop
