// The gradient of a depthwise weight. Each tap's gradient is a sum over all images and pixels: the gradient of a result times the
// input that this tap multiplied for that result.
#include <ATen/Parallel.h>

#include "depthwise.h"
#include "panel.h"
#include "vectors/bands.h"

namespace advprop {

namespace {

/// kGroup: rows of the kernel whose sums are in registers at the same time. kTile: pixels of the gradient that are.
template <int Kernel>
constexpr int kGroup = Kernel == 3 ? 3 : 2;
constexpr int kTile = 4;

/// Multiplies `kTile` gradients with the inputs of `Rows` rows of the kernel, and adds the products to `sums`. Rows outside of x are null.
/// Without `Inside`, only `remaining` gradients exist, and inputs only from pixel 0 to `width`.
template <int Kernel, int Stride, int Rows, bool Inside, typename T>
inline __attribute__((always_inline)) void addTile(ChannelBlock (&sums)[Rows][Kernel], const T* const (&x)[Rows], const T* gradient, int64_t first,
                                                   int64_t width, int64_t remaining, int64_t channels) {
  ChannelBlock slopes[kTile];
  unrolled<kTile>([&](auto i) { slopes[i] = Inside || i < remaining ? BlockLayout<T>::load(gradient + i * channels) : ChannelBlock{}; });
  unrolled<Rows>([&](auto row) {
    if (x[row] == nullptr) return;
    const T* from = x[row] + first * channels;
    unrolled<Stride*(kTile - 1) + Kernel>([&](auto j) {
      if (!Inside && static_cast<uint64_t>(first + j) >= static_cast<uint64_t>(width)) return;
      const ChannelBlock value = BlockLayout<T>::load(from + j * channels);
      unrolled<kTile>([&](auto i) {
        constexpr int tap = j - Stride * i;
        if constexpr (tap >= 0 && tap < Kernel) multiplyAdd(sums[row][tap], value, slopes[i]);
      });
    });
  });
}

}  // namespace

template <typename T>
struct WeightGradientJob {
  const T *x, *gradient;
  float* sums;  // [parts, blocks, kernel, kernel, kBlock], lanes of the dtype T
  int64_t parts;
  Bands bands;  // of the gradient's rows

  /// The first band of a part.
  int64_t firstBand(int64_t part) const { return part * bands.count() / parts; }
};

namespace {

/// Sums one band, for `Rows` rows of the kernel from `tapRow` on and the block of channels from `start` on. The sums are added to `total`,
/// or stored there if the band is the first of its part. Each band's sums start from zero, so that rounding grows with the number of
/// bands plus the number of pixels in a band, not with their product.
template <int Kernel, int Stride, int Rows, typename T>
void addRows(const WeightGradientJob<T>& job, const DepthwiseSizes& sizes, const Band& band, int tapRow, int64_t start, float* total, bool isFirst,
             Prefetch& nextX, Prefetch& nextGradient) {
  const int64_t channels = sizes.channels;
  ChannelBlock sums[Rows][Kernel] = {};
  for (int64_t r = band.begin; r < band.end; ++r) {
    nextX.read();
    nextGradient.read();
    const T* x[Rows];
    for (int n = 0; n < Rows; ++n) {
      const int64_t row = Stride * r + tapRow + n - sizes.top;
      x[n] = row >= 0 && row < sizes.height ? job.x + (band.image * sizes.height + row) * sizes.width * channels + start : nullptr;
    }
    const T* gradient = job.gradient + (band.image * sizes.rows + r) * sizes.columns * channels + start;
    for (int64_t column = 0; column < sizes.columns; column += kTile, gradient += kTile * channels) {
      const int64_t first = Stride * column - sizes.left, remaining = sizes.columns - column;
      if (remaining >= kTile && first >= 0 && first + Stride * (kTile - 1) + Kernel <= sizes.width) {
        addTile<Kernel, Stride, Rows, true>(sums, x, gradient, first, sizes.width, remaining, channels);
      } else {
        addTile<Kernel, Stride, Rows, false>(sums, x, gradient, first, sizes.width, remaining, channels);
      }
    }
  }
  unrolled<Rows>([&](auto row) {
    unrolled<Kernel>([&](auto k) {
      float* to = total + (row * Kernel + k) * kBlock;
      if (!isFirst) add(sums[row][k], loadLanes(to));
      storeLanes(to, sums[row][k]);
    });
  });
}

template <int Kernel, int Stride, typename T>
void addBand(const WeightGradientJob<T>& job, const DepthwiseSizes& sizes, const Band& band, float* sums, bool isFirst, Prefetch nextX,
             Prefetch nextGradient) {
  constexpr int group = kGroup<Kernel>, rest = Kernel % group;
  for (int64_t block = 0; block < sizes.blocks(); ++block) {
    const int64_t start = sizes.blockStart(block);
    for (int tapRow = 0; tapRow + group <= Kernel; tapRow += group, sums += group * Kernel * kBlock) {
      addRows<Kernel, Stride, group>(job, sizes, band, tapRow, start, sums, isFirst, nextX, nextGradient);
    }
    if constexpr (rest > 0) {
      addRows<Kernel, Stride, rest>(job, sizes, band, Kernel - rest, start, sums, isFirst, nextX, nextGradient);
      sums += rest * Kernel * kBlock;
    }
  }
}

/// The sums of parts `begin` to `end`.
template <int Kernel, int Stride, typename T>
void addParts(const WeightGradientJob<T>& job, const DepthwiseSizes& sizes, int64_t begin, int64_t end) {
  const auto inputRow = [&](int64_t image, int64_t row) {
    return job.x + (image * sizes.height + std::clamp<int64_t>(row, 0, sizes.height)) * sizes.width * sizes.channels;
  };
  const auto gradientRow = [&](int64_t image, int64_t row) { return job.gradient + (image * sizes.rows + row) * sizes.columns * sizes.channels; };
  for (int64_t part = begin; part < end; ++part) {
    float* sums = job.sums + part * sizes.blocks() * Kernel * Kernel * kBlock;
    for (int64_t index = job.firstBand(part); index < job.firstBand(part + 1); ++index) {
      const Band band = job.bands[index];
      Prefetch nextX, nextGradient;
      if (index + 1 < job.firstBand(end)) {
        const Band next = job.bands[index + 1];
        const int64_t steps = sizes.blocks() * band.rows() * ((Kernel + kGroup<Kernel> - 1) / kGroup<Kernel>);
        const int64_t first = Stride * next.begin - sizes.top, last = first + Stride * (next.rows() - 1) + Kernel;
        nextX = Prefetch(inputRow(next.image, first), inputRow(next.image, last), steps);
        nextGradient = Prefetch(gradientRow(next.image, next.begin), gradientRow(next.image, next.end), steps);
      }
      addBand<Kernel, Stride>(job, sizes, band, sums, index == job.firstBand(part), nextX, nextGradient);
    }
  }
}

/// Number of parts that are summed separately. It does not depend on the number of threads, and keeps the sums small compared with the
/// data.
int64_t partsOf(const Bands& bands, int64_t dataBytes, int64_t sumsBytes) {
  constexpr int64_t kLeast = 4, kMost = 16;
  return std::min(bands.count(), std::clamp(dataBytes / (4 * sumsBytes), kLeast, kMost));
}

/// Adds the parts in order, and puts the channels of each block from the order of the lanes back into their own.
template <typename T>
void joinParts(const float* sums, int64_t parts, const DepthwiseSizes& sizes, float* gradient) {
  const int64_t taps = sizes.kernel * sizes.kernel;
  const int64_t length = sizes.blocks() * taps * kBlock;
  for (int64_t block = 0; block < sizes.blocks(); ++block) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      const float* from = sums + (block * taps + tap) * kBlock;
      ChannelBlock sum = loadLanes(from);
      for (int64_t part = 1; part < parts; ++part) add(sum, loadLanes(from + part * length));
      float lanes[kBlock];
      storeLanes(lanes, sum);
      for (int channel = 0; channel < kBlock; ++channel) {
        gradient[(sizes.blockStart(block) + channel) * taps + tap] = lanes[BlockLayout<T>::laneOf(channel)];
      }
    }
  }
}

}  // namespace

at::Tensor depthwiseWeightGradient(const at::Tensor& gradient, const at::Tensor& x, const DepthwiseSizes& sizes) {
  const auto options = x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
  at::Tensor result = at::empty({sizes.channels, 1, sizes.kernel, sizes.kernel}, options);
  const int64_t sumsOfPart = sizes.blocks() * sizes.kernel * sizes.kernel * kBlock;
  const int64_t pixelBytes = sizes.channels * static_cast<int64_t>(x.element_size());
  const Bands bands(sizes.images, sizes.rows, [&](int64_t rows) {
    return ((sizes.stride * (rows - 1) + sizes.kernel) * sizes.width + rows * sizes.columns) * pixelBytes;
  });
  const int64_t parts = partsOf(bands, (x.numel() + gradient.numel()) * x.element_size(), sumsOfPart * sizeof(float));
  const int64_t work = gradient.numel() * sizes.kernel * sizes.kernel / parts;
  const at::Tensor sums = at::empty({parts * sumsOfPart}, options);
  withScalar(x, [&](auto scalar) {
    using T = decltype(scalar);
    const WeightGradientJob<T> job{x.data_ptr<T>(), gradient.data_ptr<T>(), sums.data_ptr<float>(), parts, bands};
    withKernel(sizes, [&](auto kernel, auto stride) {
      at::parallel_for(0, parts, kLeastWork / std::max<int64_t>(1, work) + 1,
                       [&](int64_t begin, int64_t end) { addParts<kernel, stride>(job, sizes, begin, end); });
    });
    joinParts<T>(sums.data_ptr<float>(), parts, sizes, result.data_ptr<float>());
  });
  return result;
}

template <typename T>
void addDepthwisePanelGradient(const T* x, const T* gradient, float* sums, bool isFirst, const PanelSizes& s) {
  constexpr int64_t kPixels = 1024;  // of a band: rounding grows with this number
  const DepthwiseSizes sizes{1, s.channels, s.height, s.width, s.rows, s.columns, s.left, s.top, s.kernel, s.stride};
  const int64_t rows = std::max<int64_t>(1, kPixels / s.columns);
  const Bands none(1, s.rows, [](int64_t) { return 0; });
  const WeightGradientJob<T> job{x, gradient, sums, 1, none};
  withKernel(sizes, [&](auto kernel, auto stride) {
    for (int64_t row = 0; row < s.rows; row += rows) {
      addBand<kernel, stride>(job, sizes, Band{0, row, std::min(s.rows, row + rows)}, sums, isFirst && row == 0, Prefetch(), Prefetch());
    }
  });
}

template void addDepthwisePanelGradient(const float*, const float*, float*, bool, const PanelSizes&);
template void addDepthwisePanelGradient(const at::BFloat16*, const at::BFloat16*, float*, bool, const PanelSizes&);

at::Tensor joinDepthwisePanels(const at::Tensor& sums, int64_t channels, int64_t kernel, at::ScalarType dtype) {
  DepthwiseSizes sizes{};
  sizes.channels = sums.size(1) / (kernel * kernel);
  sizes.kernel = kernel;
  at::Tensor result = at::empty({sizes.channels, 1, kernel, kernel}, sums.options());
  const auto join = [&](auto zero) { joinParts<decltype(zero)>(sums.data_ptr<float>(), sums.size(0), sizes, result.data_ptr<float>()); };
  if (dtype == at::kFloat) join(float());
  else join(at::BFloat16());
  return result.narrow(0, 0, channels);
}

}  // namespace advprop
