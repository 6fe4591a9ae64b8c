// The first convolution of a network over three colours. 3x3: the result and the gradient of the images. A thread computes four neighbouring
// pixels: of the result for a pack of channels, of the gradient for all colours. 7x7: images as blocks of pixels.
#include "launch.h"
#include "row_tiles.h"

namespace advprop::cuda {

namespace {

constexpr int kSide = 3, kTaps = kSide * kSide * kColors, kPixels = 4;
/// Values of the weight of one output channel in shared memory, in whole vectors.
constexpr int kTapsPadded = 28;

/// y[r, c, o] = sum over i, j, k of x[S r + i - top, S c + j - left, k] weight[o, k, i, j]
template <typename T, int V, int S>
__global__ void __launch_bounds__(kThreads)
    imageConvolveKernel(const T* __restrict__ x, const float* __restrict__ weight, ImageConvolution sizes, RowTiles tiles, T* __restrict__ y) {
  constexpr int kRead = (kPixels - 1) * S + kSide;
  SHARED(float, shared, kTaps* kMostWidth* V);
  const int wide = tiles.width * V;
  const int64_t firstChannel = static_cast<int64_t>(blockIdx.y) * wide;
  for (int i = threadIdx.x; i < wide * kTaps; i += kThreads) {
    const int channel = i / kTaps, k = i % kTaps / (kSide * kSide), tap = i % (kSide * kSide);
    shared[(tap * kColors + k) * wide + channel] = firstChannel + channel < sizes.outputs ? weight[firstChannel * kTaps + i] : 0.f;
  }
  __syncthreads();
  const Place place(tiles);
  const int64_t number = place.row(tiles, 0);
  if (!place.active || number >= tiles.rows) return;
  const int strips = static_cast<int>((sizes.columns + kPixels - 1) / kPixels);
  const int column = static_cast<int>(number % strips) * kPixels, line = static_cast<int>(number / strips % sizes.rows);
  const int64_t image = number / strips / sizes.rows;
  float sum[kPixels][V] = {};
#pragma unroll
  for (int i = 0; i < kSide; ++i) {
    const int64_t row = S * line + i - sizes.top, left = S * column - sizes.left;
    if (row < 0 || row >= sizes.height) continue;
    const T* from = x + (image * sizes.height + row) * sizes.width * kColors;
    float value[kRead][kColors];
#pragma unroll
    for (int j = 0; j < kRead; ++j) {
      const bool inside = left + j >= 0 && left + j < sizes.width;
      const T* const pixel = from + (inside ? left + j : 0) * kColors;
#pragma unroll
      for (int k = 0; k < kColors; ++k) value[j][k] = inside ? widened(pixel[k]) : 0.f;
    }
#pragma unroll
    for (int j = 0; j < kSide; ++j) {
#pragma unroll
      for (int k = 0; k < kColors; ++k) {
        float factor[V];
        loadFours<V>(shared + ((i * kSide + j) * kColors + k) * wide + place.lane * V, factor);
#pragma unroll
        for (int q = 0; q < kPixels; ++q) {
#pragma unroll
          for (int v = 0; v < V; ++v) sum[q][v] += value[q * S + j][k] * factor[v];
        }
      }
    }
  }
  T* to = y + ((image * sizes.rows + line) * sizes.columns + column) * sizes.outputs + static_cast<int64_t>(place.pack) * V;
#pragma unroll
  for (int q = 0; q < kPixels; ++q) {
    if (column + q < sizes.columns) store<V>(to + q * sizes.outputs, sum[q]);
  }
}

/// Blocks of S rows and kPixels columns of an image, which begin where row + top and column + left are multiples of S.
template <int S>
struct GradientBlocks {
  explicit GradientBlocks(const ImageConvolution& sizes)
      : firstRow(-static_cast<int>(sizes.top % S)), firstColumn(-static_cast<int>(sizes.left % S)),
        down(static_cast<int>((sizes.height - firstRow + S - 1) / S)), across(static_cast<int>((sizes.width - firstColumn + kPixels - 1) / kPixels)),
        count(sizes.images * down * across) {}
  int firstRow, firstColumn, down, across;
  int64_t count;
};

/// gradX[r, c, k] = sum over o, i, j of gradient[(r + top - i) / S, (c + left - j) / S, o] weight[o, k, i, j], where these are whole.
template <typename T, int V, int S>
__global__ void __launch_bounds__(kThreads)
    imageGradientKernel(const T* __restrict__ gradient, const float* __restrict__ weight, ImageConvolution sizes, GradientBlocks<S> blocks,
                        T* __restrict__ gradX) {
  constexpr int kBefore = (kSide - 1) / S, kRows = kBefore + 1, kAcross = kBefore + (kPixels - 1) / S + 1;
  SHARED(float, shared, kTapsPadded* kMostImageOutputs);
  const int outputs = static_cast<int>(sizes.outputs);
  for (int i = threadIdx.x; i < outputs * kTaps; i += kThreads) shared[i / kTaps * kTapsPadded + i % kTaps] = weight[i];
  for (int i = threadIdx.x; i < outputs; i += kThreads) shared[i * kTapsPadded + kTaps] = 0.f;
  __syncthreads();
  const int64_t number = threadNumber();
  if (number >= blocks.count) return;
  const int left = blocks.firstColumn + static_cast<int>(number % blocks.across) * kPixels;
  const int top = blocks.firstRow + static_cast<int>(number / blocks.across % blocks.down) * S;
  const int64_t image = number / blocks.across / blocks.down;
  const int64_t line = (top + sizes.top) / S - kBefore, column = (left + sizes.left) / S - kBefore;
  float sum[S][kPixels][kColors] = {};
#pragma unroll 1
  for (int o = 0; o < outputs; o += V) {
    Pack<T, V> packs[kRows][kAcross];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
#pragma unroll
      for (int c = 0; c < kAcross; ++c) {
        const bool inside = line + r >= 0 && line + r < sizes.rows && column + c >= 0 && column + c < sizes.columns;
        packs[r][c] = fetchIf<V>(inside, gradient + ((image * sizes.rows + line + r) * sizes.columns + column + c) * outputs + o);
      }
    }
#pragma unroll
    for (int v = 0; v < V; ++v) {
      float factor[kTapsPadded];
      loadFours<kTapsPadded>(shared + (o + v) * kTapsPadded, factor);
#pragma unroll
      for (int a = 0; a < S; ++a) {
#pragma unroll
        for (int q = 0; q < kPixels; ++q) {
#pragma unroll
          for (int i = a; i < kSide; i += S) {
#pragma unroll
            for (int j = q % S; j < kSide; j += S) {
              const float slope = widened(packs[kBefore + (a - i) / S][kBefore + (q - j + kSide * S) / S - kSide].value[v]);
#pragma unroll
              for (int k = 0; k < kColors; ++k) sum[a][q][k] += slope * factor[(k * kSide + i) * kSide + j];
            }
          }
        }
      }
    }
  }
#pragma unroll
  for (int a = 0; a < S; ++a) {
#pragma unroll
    for (int q = 0; q < kPixels; ++q) {
      const int row = top + a, at = left + q;
      if (row < 0 || row >= sizes.height || at < 0 || at >= sizes.width) continue;
#pragma unroll
      for (int k = 0; k < kColors; ++k) narrow(sum[a][q][k], gradX[((image * sizes.height + row) * sizes.width + at) * kColors + k]);
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) toBlocksKernel(const T* __restrict__ x, PixelBlocks sizes, T* __restrict__ blocks) {
  const int64_t number = threadNumber();
  if (number >= sizes.images * sizes.down * sizes.across) return;
  const int64_t top = number / sizes.across % sizes.down * 2 - sizes.top, left = number % sizes.across * 2 - sizes.left;
  const T* from = x + number / sizes.across / sizes.down * sizes.height * sizes.width * kColors;
  float value[kBlockChannels] = {};
#pragma unroll
  for (int a = 0; a < 2; ++a) {
#pragma unroll
    for (int b = 0; b < 2; ++b) {
      const bool inside = top + a >= 0 && top + a < sizes.height && left + b >= 0 && left + b < sizes.width;
      const T* const pixel = from + (inside ? (top + a) * sizes.width + left + b : 0) * kColors;
#pragma unroll
      for (int k = 0; k < kColors; ++k) value[(a * 2 + b) * kColors + k] = inside ? widened(pixel[k]) : 0.f;
    }
  }
  constexpr int kWide = kPack<T>;
#pragma unroll
  for (int c = 0; c < kBlockChannels; c += kWide) {
    float part[kWide];
#pragma unroll
    for (int v = 0; v < kWide; ++v) part[v] = value[c + v];
    store<kWide>(blocks + number * kBlockChannels + c, part);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) fromBlocksKernel(const T* __restrict__ gradient, PixelBlocks sizes, T* __restrict__ gradX) {
  const int64_t number = threadNumber();
  if (number >= sizes.images * sizes.height * sizes.width) return;
  const int64_t row = number / sizes.width % sizes.height + sizes.top, column = number % sizes.width + sizes.left;
  const int64_t block = (number / sizes.width / sizes.height * sizes.down + row / 2) * sizes.across + column / 2;
  const bool inside = row / 2 < sizes.down && column / 2 < sizes.across;
#pragma unroll
  for (int k = 0; k < kColors; ++k) {
    const T* const from = gradient + (inside ? block : 0) * kBlockChannels + (row % 2 * 2 + column % 2) * kColors + k;
    narrow(inside ? widened(*from) : 0.f, gradX[number * kColors + k]);
  }
}

/// Calls `work` with the stride as a constant.
template <typename Work>
int withStride(const ImageConvolution& sizes, const Work& work) {
  return sizes.stride == 1 ? work(Constant<1>{}) : work(Constant<2>{});
}

}  // namespace

int imageConvolution(const ImageConvolution& sizes, const void* x, const float* weight, void* y, void* stream) {
  return withPack(
      sizes.dtype, sizes.outputs,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        return withStride(sizes, [=](auto step) {
          const RowTiles tiles(sizes.images * sizes.rows * ((sizes.columns + kPixels - 1) / kPixels), sizes.outputs / pack, 1);
          return LAUNCH((imageConvolveKernel<T, decltype(pack)::value, decltype(step)::value>), tiles.blocks(), kThreads, stream,
                        static_cast<const T*>(x), weight, sizes, tiles, static_cast<T*>(y));
        });
      },
      y);
}

int imageConvolutionGradient(const ImageConvolution& sizes, const void* gradient, const float* weight, void* gradX, void* stream) {
  return withPack(
      sizes.dtype, sizes.outputs,
      [=](auto zero, auto pack) {
        using T = decltype(zero);
        return withStride(sizes, [=](auto step) {
          constexpr int kStep = decltype(step)::value;
          const GradientBlocks<kStep> blocks(sizes);
          return LAUNCH((imageGradientKernel<T, decltype(pack)::value, kStep>), blocksFor(blocks.count), kThreads, stream,
                        static_cast<const T*>(gradient), weight, sizes, blocks, static_cast<T*>(gradX));
        });
      },
      gradient);
}

int toBlocks(const PixelBlocks& sizes, const void* x, void* blocks, void* stream) {
  const int64_t count = blocksFor(sizes.images * sizes.down * sizes.across);
  return withDtype(sizes.dtype, [=](auto zero) {
    using T = decltype(zero);
    return LAUNCH((toBlocksKernel<T>), count, kThreads, stream, static_cast<const T*>(x), sizes, static_cast<T*>(blocks));
  });
}

int fromBlocks(const PixelBlocks& sizes, const void* gradient, void* gradX, void* stream) {
  const int64_t count = blocksFor(sizes.images * sizes.height * sizes.width);
  return withDtype(sizes.dtype, [=](auto zero) {
    using T = decltype(zero);
    return LAUNCH((fromBlocksKernel<T>), count, kThreads, stream, static_cast<const T*>(gradient), sizes, static_cast<T*>(gradX));
  });
}

}  // namespace advprop::cuda
