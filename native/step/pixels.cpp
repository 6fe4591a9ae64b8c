// From 8-bit pixels to the input of a network, and the gradient back to images: one pass each.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profile/disabled_kernels.h"
#include "vectors/channels.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// pixels / 255 as [N, 3, H, W], channels-last: the layout that the bytes [N, H, W, 3] already have.
at::Tensor imagesFromPixels(const at::Tensor& pixels, at::ScalarType dtype) {
  TORCH_CHECK(pixels.dim() == 4 && pixels.scalar_type() == at::kByte, "pixels must be uint8 [N, H, W, C]; got ", pixels.scalar_type(), " ",
              pixels.sizes());
  if (!pixels.device().is_cpu() || dtype != at::kFloat || isDisabled(Switchable::pixels)) return pixels.permute({0, 3, 1, 2}).to(dtype).div_(255);
  const at::Tensor bytes = pixels.contiguous();
  at::Tensor images = at::empty(bytes.sizes(), at::kFloat);
  const uint8_t* from = bytes.data_ptr<uint8_t>();
  float* to = images.data_ptr<float>();
  at::parallel_for(0, bytes.numel(), 32768, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = static_cast<float>(from[i]) / 255.f;
  });
  return images.permute({0, 3, 1, 2});
}

/// Calls `work(zero)` with a value of the type that the network computes in.
template <typename Work>
void dispatch(at::ScalarType type, const Work& work) {
  if (type == at::kFloat) return work(float{});
  work(at::BFloat16{});
}

/// (x - mean) / deviation by channel, rounded to the network's type; the gradient is float32.
struct NormalizePixels : torch::autograd::Function<NormalizePixels> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& mean, const at::Tensor& deviation,
                            at::ScalarType dtype) {
    const Channels channels(x);
    const std::vector<float> means = channels.tile([m = mean.data_ptr<float>()](int64_t c) { return m[c]; });
    const std::vector<float> deviations = channels.tile([d = deviation.data_ptr<float>()](int64_t c) { return d[c]; });
    at::Tensor y = at::empty(x.sizes(), x.options().dtype(dtype), at::MemoryFormat::ChannelsLast);
    dispatch(dtype, [&](auto zero) {
      const float* from = x.data_ptr<float>();
      auto* to = y.data_ptr<decltype(zero)>();
      channels.eachVector([=, m = means.data(), d = deviations.data()](int64_t at, int64_t column) {
        store(to + at, (load(from + at) - load(m + column)) / load(d + column));
      });
    });
    context->save_for_backward({deviation});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast), deviation = context->get_saved_variables()[0];
    const Channels channels(gradient);
    const std::vector<float> deviations = channels.tile([d = deviation.data_ptr<float>()](int64_t c) { return d[c]; });
    at::Tensor result = at::empty(gradient.sizes(), gradient.options().dtype(at::kFloat), at::MemoryFormat::ChannelsLast);
    dispatch(gradient.scalar_type(), [&](auto zero) {
      const auto* from = gradient.data_ptr<decltype(zero)>();
      float* to = result.data_ptr<float>();
      channels.eachVector([=, d = deviations.data()](int64_t at, int64_t column) { store(to + at, load(from + at) / load(d + column)); });
    });
    return {result, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor normalizePixels(const at::Tensor& images, const at::Tensor& mean, const at::Tensor& deviation, at::ScalarType dtype) {
  const auto isOfColors = [&](const at::Tensor& values) {
    return values.scalar_type() == at::kFloat && values.numel() == images.size(1) && values.is_contiguous() && values.is_cpu();
  };
  const bool ours = isChannelsLast(images) && images.scalar_type() == at::kFloat && isOfColors(mean) && isOfColors(deviation) &&
                    (dtype == at::kFloat || dtype == at::kBFloat16) && !isDisabled(Switchable::pixels);
  if (!ours) return ((images - mean) / deviation).to(dtype);
  return NormalizePixels::apply(images, mean, deviation, dtype);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("images_from_pixels", &imagesFromPixels);
  library.impl("normalize_pixels", &normalizePixels);
}

}  // namespace advprop
