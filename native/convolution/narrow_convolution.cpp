// A band of the image is copied with zeros around it, small enough for the first-level cache. In the copy the nine taps of a pixel are
// three runs of consecutive numbers, one for each row of the kernel. Runs of neighbouring pixels overlap, so they are rows of a matrix
// with a stride smaller than its width. Each run is multiplied with its part of the packed weights.
#include "narrow_convolution.h"

#include <ATen/Parallel.h>

#include "norm/rectified.h"
#include "product/packed_matrix.h"

namespace advprop::narrow {

namespace {

using Half = at::BFloat16;

/// Numbers of a band: 96 kB at most, for one row of 1,024 pixels.
constexpr int64_t kBandSize = 20'000;

constexpr int64_t kDepth = 16;  // channels that are summed over
constexpr int64_t kSteps = 9 * kDepth / kStep<Half>;

struct Sizes {
  int64_t images, height, width, outputs;
  int64_t line() const { return (width + 2) * kDepth; }
  int64_t bandRows() const { return std::clamp<int64_t>(kBandSize / line() - 2, 1, height); }
};

/// Copies rows `first` - 1 to `last` of an image through `prepare`, with zeros outside of the image.
template <typename Prepare>
void copyBand(const Half* image, const Sizes& sizes, int64_t first, int64_t last, const Prepare& prepare, Half* band) {
  const int64_t line = sizes.line();
  for (int64_t row = first - 1; row <= last; ++row, band += line) {
    const bool inside = row >= 0 && row < sizes.height;
    std::fill_n(band, inside ? kDepth : line, Half(0.f));
    if (!inside) continue;
    const Half* from = image + row * sizes.width * kDepth;
    for (int64_t i = 0; i < sizes.width * kDepth; i += kDepth) {
      for (int64_t c = 0; c < kDepth; c += kLanes) store(band + kDepth + i + c, prepare(load(from + i + c), c));
    }
    std::fill_n(band + line - kDepth, kDepth, Half(0.f));
  }
}

/// Pixels of the copy as rows of a matrix. Its stride is a constant, which saves registers for the sums.
struct Pixels {
  const Half* first;
  Floats whole(int row, int64_t step) const { return LeftRows<Half>{first, kDepth}.whole(row, step); }
};

/// Multiplies a tile of pixels of a row with one panel of outputs, and stores sums[pixel][vector] in `out`.
template <int Rows, int Vectors>
struct SumTaps {
  static void run(const Half* band, int64_t line, const float* panel, float* out) {
    Tile<Rows, Vectors> sums;
    setZero(sums);
    for (int row = 0; row < 3; ++row, band += line) {
#pragma GCC unroll 2
      for (int64_t step = 0; step < kSteps / 3; ++step, panel += Vectors * kLanes) {
        multiplyStep<Half, Rows, Vectors, false>(sums, Pixels{band}, step, panel);
      }
    }
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store(out + (r * Vectors + v) * kLanes, sums[r][v]);
    }
  }
};

template <typename Prepare, typename Finish>
void run(const Half* x, const std::vector<float>& weights, const Sizes& sizes, const Prepare& prepare, const Finish& finish, Half* y) {
  const std::vector<int64_t> starts = panelStarts(sizes.outputs);
  const int64_t line = sizes.line(), rows = sizes.bandRows(), bands = (sizes.height + rows - 1) / rows;
  at::parallel_for(0, sizes.images * bands, 1, [&](int64_t begin, int64_t end) {
    std::vector<Half> band((rows + 2) * line);
    alignas(64) float results[tileRows<Half>(kPanelVectors) * kPanelVectors * kLanes];
    for (int64_t item = begin; item < end; ++item) {
      const int64_t image = item / bands, first = item % bands * rows, last = std::min(sizes.height, first + rows);
      copyBand(x + image * sizes.height * sizes.width * kDepth, sizes, first, last, prepare, band.data());
      for (int64_t row = first; row < last; ++row) {
        const int64_t place = (image * sizes.height + row) * sizes.width * sizes.outputs;
        for (size_t panel = 0; panel + 1 < starts.size(); ++panel) {
          const int vectors = static_cast<int>(starts[panel + 1] - starts[panel]);
          const int64_t channel = starts[panel] * kLanes;
          eachTile(sizes.width, tileRows<Half>(vectors), [&](int64_t column, int64_t pixels) {
            const Half* corner = band.data() + (row - first) * line + column * kDepth;
            TileTable<Half, SumTaps>::pick(pixels, vectors)(corner, line, weights.data() + starts[panel] * kSteps * kLanes, results);
            for (int64_t i = 0; i < pixels * vectors; ++i) {
              const int64_t c = channel + i % vectors * kLanes;
              const int64_t to = place + (column + i / vectors) * sizes.outputs + c;
              store(y + to, finish(load(results + i * kLanes), to, c));
            }
          });
        }
      }
    }
  });
}

at::Tensor resultOf(const at::Tensor& x, int64_t channels) {
  return at::empty({x.size(0), channels, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
}

}  // namespace

bool applies(const at::Tensor& x, int64_t inputs, int64_t outputs) {
  constexpr bool fast = kPaired<Half> && !kTiled<Half>;
  return fast && x.scalar_type() == at::kBFloat16 && inputs == kDepth && outputs % kLanes == 0 && x.size(3) <= 1024;
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm) {
  const Sizes sizes{x.size(0), x.size(2), x.size(3), weight.size(0)};
  const at::Tensor y = resultOf(x, sizes.outputs);
  std::vector<float> words(packedWords<Half>(9 * kDepth, sizes.outputs));
  packMatrix<Half>(weight.data_ptr<float>(), 9 * kDepth, sizes.outputs, 1, 9 * kDepth, words.data());
  Half* to = y.data_ptr<Half>();
  if (norm == nullptr) run(x.data_ptr<Half>(), words, sizes, kPlainInput, kPlainResult, to);
  else run(x.data_ptr<Half>(), words, sizes, Rectified{*norm}, kPlainResult, to);
  return y;
}

at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x, const Normalization* norm) {
  const Sizes sizes{gradient.size(0), gradient.size(2), gradient.size(3), weight.size(1)};
  const at::Tensor result = resultOf(gradient, sizes.outputs);
  // [9 taps, rotated by half a turn][16 outputs of the layer][inputs of the layer]
  std::vector<float> turned(9 * kDepth * sizes.outputs), words(packedWords<Half>(9 * kDepth, sizes.outputs));
  for (int64_t tap = 0; tap < 9; ++tap) {
    for (int64_t i = 0; i < kDepth; ++i) {
      std::copy_n(weight.data_ptr<float>() + (i * 9 + 8 - tap) * sizes.outputs, sizes.outputs, turned.data() + (tap * kDepth + i) * sizes.outputs);
    }
  }
  packMatrix<Half>(turned.data(), 9 * kDepth, sizes.outputs, sizes.outputs, 1, words.data());
  const Half* from = gradient.data_ptr<Half>();
  Half* to = result.data_ptr<Half>();
  if (norm == nullptr) run(from, words, sizes, kPlainInput, kPlainResult, to);
  else run(from, words, sizes, kPlainInput, PassedBack<Half>{x.data_ptr<Half>(), *norm}, to);
  return result;
}

}  // namespace advprop::narrow
