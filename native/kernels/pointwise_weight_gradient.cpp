// The gradient of a pointwise weight: a product whose depth are the pixels. Factors that are not read where they lie are packed a
// block of pixels at a time; blocks are summed by themselves and then joined, so that rounding does not grow with the number of pixels.
#include <ATen/Parallel.h>

#include "bands.h"
#include "pointwise.h"

namespace advprop {

namespace {

/// Packs pixels as words for products of F, [steps, channels], with zeros up to `padded` channels.
template <typename F, typename T>
void packPixels(const T* from, int64_t stride, int64_t pixels, int64_t channels, int64_t padded, float* to) {
  const int64_t whole = channels / kLanes * kLanes;
  for (int64_t pixel = 0; pixel < pixels; pixel += kStep<F>, from += kStep<F> * stride, to += padded) {
    if constexpr (kPaired<F>) {
      const bool pair = pixel + 1 < pixels;
      const auto* even = reinterpret_cast<const uint16_t*>(from);
      const auto* odd = pair ? even + stride : even;
      const uint32_t mask = pair ? ~0u : 0xffffu;
      for (int64_t c = 0; c < whole; c += kLanes) {
        Halves first, second;
        std::memcpy(&first, even + c, sizeof first);
        std::memcpy(&second, odd + c, sizeof second);
        store(to + c, (Floats)(pairOf(first, second) & mask));
      }
      for (int64_t c = whole; c < channels; ++c) {
        const uint32_t word = (even[c] | static_cast<uint32_t>(odd[c]) << 16) & mask;
        std::memcpy(to + c, &word, sizeof word);
      }
    } else {
      for (int64_t c = 0; c < whole; c += kLanes) store(to + c, load(from + c));
      for (int64_t c = whole; c < channels; ++c) to[c] = static_cast<float>(from[c]);
    }
    for (int64_t c = channels; c < padded; ++c) to[c] = 0;
  }
}

/// Words of a block of pixels, `stride` from one step to the next.
struct Steps {
  const float* first;
  int64_t stride;
};

/// Whether the steps of a matrix of so many float32 columns can be read where they lie: those of a block must not meet in few sets of
/// the first-level cache.
bool spreadsOverCache(int64_t columns) {
  constexpr int64_t kLine = 64 / sizeof(float);
  return columns % (4 * kLine) != 0;
}

/// `channels` of `stride` numbers of each pixel as words: where they lie, if nothing is to follow them, or packed into `memory`.
template <typename F, typename T>
Steps stepsFrom(const T* from, int64_t stride, int64_t pixels, int64_t channels, int64_t padded, bool filled, float* memory) {
  if constexpr (std::is_same_v<F, float> && std::is_same_v<T, float>) {
    if (filled && spreadsOverCache(stride)) return {from, stride};
  }
  packPixels<F>(from, stride, pixels, channels, padded, memory);
  return {memory, padded};
}

/// A panel's products over a block of pixels, stored or added to what is there.
struct Block {
  /// Steps from one look ahead to the next: more memory at a time than the processor can wait for would hold it up.
  static constexpr int64_t kApart = 16;
  Steps left, right;
  int64_t steps;
  Prefetch *nextLeft, *nextRight;
  float* total;
  int64_t totalStride;
  bool isFirst;
};

template <typename F>
struct Summing {
  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const Block& job, int64_t row) {
      Tile<Rows, Vectors> sums;
      setZero(sums);
      const LeftWords left{job.left.first + row, job.left.stride};
      const float* right = job.right.first;
      for (int64_t step = 0; step < job.steps;) {
        job.nextLeft->read();
        job.nextRight->read();
        for (const int64_t end = std::min(job.steps, step + Block::kApart); step < end; ++step, right += job.right.stride) {
          multiplyStep<F, Rows, Vectors, false>(sums, left, step, right);
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

/// One gradient as the product of a matrix [pixels, rows], turned, with one [pixels, columns]. How the pixels are cut
/// depends on the sizes alone.
template <typename T>
struct Job {
  Job(const T* left_, int64_t rows_, const T* right_, int64_t columns_, int64_t pixels_)
      : left(left_), right(right_), rows(rows_), columns(columns_), pixels(pixels_), padded(vectorsOf(columns) * kLanes),
        leftStride((rows / kLanes + 1) / 2 * 2 * kLanes + kLanes),
        block(std::clamp<int64_t>(kLeftBytes / (rows * static_cast<int64_t>(sizeof(T))) / 2 * 2, 64, 256)),
        parts(std::min((pixels + block - 1) / block, std::clamp<int64_t>(pixels * (rows + columns) * static_cast<int64_t>(sizeof(T)) / (16 * rows * padded), 1, kMostParts))) {}

  /// What the packed left factor of a block may take of the second-level cache.
  static constexpr int64_t kLeftBytes = 256 << 10, kMostParts = 16;

  /// The first pixel of a part, all of about the same size; even, as pairs are packed.
  int64_t pixelOf(int64_t part) const { return part == parts ? pixels : part * pixels / parts / 2 * 2; }

  const T *left, *right;
  int64_t rows, columns, pixels;
  /// Columns of a row of totals.
  int64_t padded;
  /// Words of a packed step of the left factor: an odd number of lines, so that its steps do not meet in one set of the cache.
  int64_t leftStride;
  /// Most pixels that are packed and multiplied together.
  int64_t block;
  /// Sums of several blocks that are kept apart: so many that they are small beside the data.
  int64_t parts;
};

/// The sums over pixels `begin` to `end` for the panels from vector `first` to `last`, stored in total [rows, padded].
template <typename T>
void sumPart(const Job<T>& job, int64_t begin, int64_t end, int64_t first, int64_t last, float* total) {
  using F = WordFactor<T>;
  const int64_t steps = stepsOf<F>(job.block);
  const at::Tensor packed = at::empty({steps * (job.leftStride + kPanelVectors * kLanes)}, at::kFloat);
  float *rightMemory = packed.data_ptr<float>(), *leftMemory = rightMemory + steps * kPanelVectors * kLanes;
  const bool whole = first == 0 && last == vectorsOf(job.columns);
  eachTile((end - begin + 1) / 2, job.block / 2, [&](int64_t pair, int64_t pairs) {
    const int64_t pixel = begin + 2 * pair, pixels = std::min(2 * pairs, end - pixel), next = pixel + pixels;
    const int64_t nextEnd = std::min(next + pixels, end);
    const int64_t tiles = ((job.rows + tileRows<F>(kPanelVectors) - 1) / tileRows<F>(kPanelVectors)) * (last - first + kPanelVectors - 1) / kPanelVectors;
    const int64_t looks = tiles * ((stepsOf<F>(pixels) + Block::kApart - 1) / Block::kApart);
    Prefetch nextLeft(job.left + next * job.rows, job.left + nextEnd * job.rows, looks), nextRight;
    if (whole) nextRight = Prefetch(job.right + next * job.columns, job.right + nextEnd * job.columns, looks);
    const Steps left = stepsFrom<F>(job.left + pixel * job.rows, job.rows, pixels, job.rows, job.leftStride, /*filled=*/true, leftMemory);
    for (int64_t vector = first; vector < last;) {
      const int wide = panelVectors(vectorsOf(job.columns) - vector);
      const int64_t column = vector * kLanes, channels = std::min<int64_t>(wide * kLanes, job.columns - column);
      const bool filled = channels == wide * kLanes;
      const Steps right = stepsFrom<F>(job.right + pixel * job.columns + column, job.columns, pixels, channels, wide * kLanes, filled, rightMemory);
      const Block block{left, right, stepsOf<F>(pixels), &nextLeft, &nextRight, total + column, job.padded, pixel == begin};
      eachTile(job.rows, tileRows<F>(wide), [&](int64_t row, int64_t count) {
        TileTable<F, Summing<F>::template Kernel>::pick(count, wide)(block, row);
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
      // Where there are few parts, threads share them by panels; those of one thread share the packed left factor.
      const int64_t part = item / count, next = std::min(end, (part + 1) * count);
      sumPart(job, job.pixelOf(part), job.pixelOf(part + 1), panels[item - part * count], panels[next - part * count], to + part * length);
      item = next;
    }
  });
  return totals;
}

/// The sum of the parts in order: [outputs, inputs] from totals [parts, outputs, padded], or [parts, inputs, padded] where `turned`.
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
  // Columns are the inputs, in whose order the result lies, unless they fill no panel.
  const bool turned = inputs < kPanelVectors * kLanes && outputs > inputs;
  at::Tensor result = at::empty({outputs, inputs, 1, 1}, at::kFloat);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    const T *g = gradient.data_ptr<T>(), *in = x.data_ptr<T>();
    const at::Tensor totals = sumParts(turned ? Job<T>(in, inputs, g, outputs, pixels) : Job<T>(g, outputs, in, inputs, pixels));
    joinParts(totals, turned, outputs, inputs, result.data_ptr<float>());
  });
  return result;
}

}  // namespace advprop
