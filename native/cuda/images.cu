// Images on the GPU: 8-bit pixels to normalised activations, augmented on the way; the normalisation of images and its
// gradient; the step of an L-infinity attack. Channels-last with three channels; a thread has one pixel, or four values.
#include "keyed_block.h"
#include "pack.h"

namespace advprop::cuda {

namespace {

/// Where an image is cut and whether it is mirrored: cropPadded, then flipHorizontal, of src/images/augmentation.ts.
struct Window {
  __device__ Window(const Augmentation& augmentation, int64_t image) {
    if (augmentation.samples == nullptr) return;
    const int64_t sample = augmentation.samples[image], padding = augmentation.padding;
    if (padding > 0) {
      const PhiloxBlock words = keyedBlock(augmentation.crop, sample, 0);
      down = toInteger(words.word[0], 2 * padding + 1) - padding;
      right = toInteger(words.word[1], 2 * padding + 1) - padding;
    }
    if (augmentation.mirrors) mirrored = toUniform(keyedBlock(augmentation.flip, sample, 0).word[0]) < 0.5f;
  }

  int64_t down = 0, right = 0;
  bool mirrored = false;
};

template <typename T>
__global__ void pixelsKernel(Pictures sizes, const uint8_t* pixels, Augmentation augmentation, const float* mean, const float* deviation, T* out) {
  const int64_t number = threadNumber();
  if (number >= sizes.count * sizes.height * sizes.width) return;
  const int64_t column = number % sizes.width, line = number / sizes.width, row = line % sizes.height, image = line / sizes.height;
  const Window window(augmentation, image);
  const int64_t fromRow = row + window.down, fromColumn = (window.mirrored ? sizes.width - 1 - column : column) + window.right;
  const bool inside = fromRow >= 0 && fromRow < sizes.height && fromColumn >= 0 && fromColumn < sizes.width;
  const int64_t from = ((image * sizes.height + fromRow) * sizes.width + fromColumn) * kColors;
#pragma unroll
  for (int color = 0; color < kColors; ++color) {
    const float value = inside ? widened(pixels[from + color]) / 255.f : 0.f;
    narrow(mean == nullptr ? value : (value - mean[color]) / deviation[color], out[number * kColors + color]);
  }
}

/// out = (in - mean) / deviation; `mean` may be null, for zeros.
template <typename In, typename Out>
__global__ void scaleKernel(int64_t pixels, const In* in, const float* mean, const float* deviation, Out* out) {
  const int64_t number = threadNumber();
  if (number >= pixels) return;
#pragma unroll
  for (int color = 0; color < kColors; ++color) {
    const float offset = mean == nullptr ? 0.f : mean[color];
    narrow((widened(in[number * kColors + color]) - offset) / deviation[color], out[number * kColors + color]);
  }
}

template <int V>
__global__ void linfKernel(int64_t packs, const float* x, const float* gradient, const float* images, float size, float epsilon, float* out) {
  const int64_t number = threadNumber(), at = number * V;
  if (number >= packs) return;
  float value[V], slope[V], image[V];
  load<V>(x + at, value);
  load<V>(gradient + at, slope);
  load<V>(images + at, image);
#pragma unroll
  for (int v = 0; v < V; ++v) {
    // Comparisons rather than fmin and fmax, so that a gradient that is not a number gives a pixel that is none.
    const float sign = slope[v] > 0.f ? 1.f : slope[v] < 0.f ? -1.f : slope[v] * 0.f;
    float moved = value[v] + size * sign;
    moved = moved < image[v] - epsilon ? image[v] - epsilon : moved;
    moved = moved > image[v] + epsilon ? image[v] + epsilon : moved;
    value[v] = moved < 0.f ? 0.f : moved > 1.f ? 1.f : moved;
  }
  store<V>(out + at, value);
}

int64_t pixelsOf(const Pictures& sizes) { return sizes.count * sizes.height * sizes.width; }

}  // namespace

int normalizePixels(const Pictures& sizes, const uint8_t* pixels, const Augmentation* augmentation, const float* mean, const float* deviation,
                    int dtype, void* out, void* stream) {
  const Augmentation drawn = augmentation == nullptr ? Augmentation{} : *augmentation;
  const int64_t blocks = blocksFor(pixelsOf(sizes));
  return withDtype(dtype, [=](auto zero) {
    using T = decltype(zero);
    return LAUNCH((pixelsKernel<T>), blocks, kThreads, stream, sizes, pixels, drawn, mean, deviation, static_cast<T*>(out));
  });
}

int normalizeImages(const Pictures& sizes, const float* images, const float* mean, const float* deviation, int dtype, void* out, void* stream) {
  const int64_t pixels = pixelsOf(sizes), blocks = blocksFor(pixels);
  return withDtype(dtype, [=](auto zero) {
    using T = decltype(zero);
    return LAUNCH((scaleKernel<float, T>), blocks, kThreads, stream, pixels, images, mean, deviation, static_cast<T*>(out));
  });
}

int normalizeImagesGradient(const Pictures& sizes, const void* gradient, int dtype, const float* deviation, float* gradImages, void* stream) {
  const int64_t pixels = pixelsOf(sizes), blocks = blocksFor(pixels);
  const float* const mean = nullptr;
  return withDtype(dtype, [=](auto zero) {
    using T = decltype(zero);
    return LAUNCH((scaleKernel<T, float>), blocks, kThreads, stream, pixels, static_cast<const T*>(gradient), mean, deviation, gradImages);
  });
}

int linfStep(int64_t values, const float* x, const float* gradient, const float* images, float size, float epsilon, float* out, void* stream) {
  if (packsFit(16, values, 4, x, gradient, images, out)) {
    return LAUNCH((linfKernel<4>), blocksFor(values / 4), kThreads, stream, values / 4, x, gradient, images, size, epsilon, out);
  }
  return LAUNCH((linfKernel<1>), blocksFor(values), kThreads, stream, values, x, gradient, images, size, epsilon, out);
}

}  // namespace advprop::cuda
