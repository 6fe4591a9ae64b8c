// Crop and mirroring of images in memory as a part of the training step. It is used where the loader leaves them to the step.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "crop_window.h"

namespace advprop {

namespace {

/// One image's window, divided by 255.
void augment(const uint8_t* from, int64_t height, int64_t width, int64_t channels, const CropWindow& window, float* to) {
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column, to += channels) {
      const int64_t source = window.source(row, column, height, width);
      for (int64_t c = 0; c < channels; ++c) to[c] = source < 0 ? 0.f : static_cast<float>(from[source * channels + c]) / 255.f;
    }
  }
}

/// float32 [N, C, H, W], channels-last, of pixels uint8 [N, H, W, C]; samples and streams are int64 [N].
at::Tensor augmentedImages(const at::Tensor& pixels, const at::Tensor& samples, const at::Tensor& streams, int64_t padding, bool flip, int64_t seed,
                           int64_t epoch) {
  if (!pixels.device().is_cpu()) {
    return augmentedImages(pixels.cpu(), samples.cpu(), streams.cpu(), padding, flip, seed, epoch).to(pixels.device());
  }
  TORCH_CHECK(pixels.dim() == 4 && pixels.scalar_type() == at::kByte, "pixels must be uint8 [N, H, W, C]; got ", pixels.scalar_type(), " ",
              pixels.sizes());
  const int64_t count = pixels.size(0), height = pixels.size(1), width = pixels.size(2), channels = pixels.size(3);
  for (const at::Tensor& keys : {samples, streams}) {
    TORCH_CHECK(keys.scalar_type() == at::kLong && keys.device().is_cpu() && keys.sizes() == at::IntArrayRef{count},
                "samples and streams must be int64 [", count, "], one for each image; got ", keys.scalar_type(), " ", keys.sizes());
  }
  TORCH_CHECK(padding >= 0, "padding must not be negative; got ", padding);
  TORCH_CHECK(seed >= 0, "seed must not be negative; got ", seed);
  TORCH_CHECK(epoch >= 0 && epoch <= UINT32_MAX, "epoch must be in [0, 2^32); got ", epoch);
  const CropAndMirror augmentation{philoxKey(seed), static_cast<uint32_t>(epoch), padding, flip};
  const at::Tensor bytes = pixels.contiguous(), sampleList = samples.contiguous(), streamList = streams.contiguous();
  at::Tensor images = at::empty(bytes.sizes(), at::kFloat);
  const int64_t size = height * width * channels;
  at::parallel_for(0, count, 1, [&, from = bytes.data_ptr<uint8_t>(), to = images.data_ptr<float>(), sample = sampleList.data_ptr<int64_t>(),
                                 stream = streamList.data_ptr<int64_t>()](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      augment(from + n * size, height, width, channels, CropWindow(augmentation, sample[n], stream[n]), to + n * size);
    }
  });
  return images.permute({0, 3, 1, 2});
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("augmented_images", &augmentedImages); }

}  // namespace advprop
