// Images on the GPU: from 8-bit pixels, augmented or as they are; their normalisation and its gradient; the step of an
// L-infinity attack. Channels-last with three channels; a thread has one pixel, or four values.
#include "keyed_block.h"
#include "pack.h"

namespace advprop::cuda {

namespace {

__device__ float fraction(uint8_t value) { return widened(value) / 255.f; }

template <typename T>
__global__ void fractionKernel(int64_t pixels, const uint8_t* in, T* out) {
  const int64_t number = threadNumber();
  if (number >= pixels) return;
#pragma unroll
  for (int color = 0; color < kColors; ++color) narrow(fraction(in[number * kColors + color]), out[number * kColors + color]);
}

__global__ void augmentKernel(Pictures sizes, const uint8_t* pixels, const int64_t* samples, const int64_t* streams, CropAndMirror augmentation,
                              float* out) {
  const int64_t number = threadNumber();
  if (number >= sizes.count * sizes.height * sizes.width) return;
  const int64_t column = number % sizes.width, line = number / sizes.width, row = line % sizes.height, image = line / sizes.height;
  const CropWindow window(augmentation, samples[image], streams[image]);
  const int64_t source = window.source(row, column, sizes.height, sizes.width), first = image * sizes.height * sizes.width;
#pragma unroll
  for (int color = 0; color < kColors; ++color) {
    out[number * kColors + color] = source < 0 ? 0.f : fraction(pixels[(first + source) * kColors + color]);
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
    // Comparisons instead of fmin and fmax, so that a gradient of NaN gives a pixel of NaN.
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

int imagesFromPixels(const Pictures& sizes, const uint8_t* pixels, int dtype, void* out, void* stream) {
  const int64_t count = pixelsOf(sizes), blocks = blocksFor(count);
  return withDtype(dtype, [=](auto zero) {
    using T = decltype(zero);
    return LAUNCH((fractionKernel<T>), blocks, kThreads, stream, count, pixels, static_cast<T*>(out));
  });
}

int augmentedImages(const Pictures& sizes, const uint8_t* pixels, const int64_t* samples, const int64_t* streams, const CropAndMirror& augmentation,
                    float* out, void* stream) {
  return LAUNCH((augmentKernel), blocksFor(pixelsOf(sizes)), kThreads, stream, sizes, pixels, samples, streams, augmentation, out);
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
