// Squeeze and excitation, y = x * gate with gate = sigmoid(expand(silu(reduce(mean of x over H, W)))), in as few passes
// over x as the formula allows: channels-last float32 and bfloat16 on the CPU. The gate is computed in float32. Every
// other tensor goes through libtorch's operators.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profile/disabled_kernels.h"
#include "vectors/channels.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Calls `work(zero)` with a value of the tensor's type.
template <typename Work>
void dispatch(const at::Tensor& x, const Work& work) {
  if (x.scalar_type() == at::kFloat) return work(float{});
  work(at::BFloat16{});
}

/// The values of one image: one row of channels for each pixel.
struct Image {
  explicit Image(const at::Tensor& x) : channels(x.size(1)), pixels(x.size(2) * x.size(3)), values(channels * pixels) {}

  /// Calls `work(channel)` for vectors that cover all channels. If the channels do not fill whole vectors, the last one overlaps the one before.
  template <typename Work>
  void eachVector(const Work& work) const {
    for (int64_t channel = 0; channel + kLanes <= channels; channel += kLanes) work(channel);
    if (channels % kLanes != 0) work(channels - kLanes);
  }

  int64_t channels, pixels, values;
};

/// Calls `work(image)` for every image, in parallel.
template <typename Work>
void eachImage(const at::Tensor& x, const Work& work) {
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    const Work here = work;  // a copy that no other thread sees stays in registers
    for (int64_t n = begin; n < end; ++n) here(n);
  });
}

/// Sums over the pixels of each image, [N, C] float32; `term(at)` gives what a vector of x adds. 32 values are added first, and then
/// these sums, so that even for the largest images the error is that of a few hundred additions.
template <typename Term>
at::Tensor imageSums(const at::Tensor& x, const Term& term) {
  const Image image(x);
  at::Tensor result = at::empty({x.size(0), image.channels}, at::kFloat);
  eachImage(x, [=, out = result.data_ptr<float>()](int64_t n) {
    const auto sum = [=](int64_t channel, auto width) {
      Floats total[width] = {};
      for (int64_t start = 0; start < image.pixels; start += 32) {
        Floats part[width] = {};
        for (int64_t pixel = start; pixel < std::min(image.pixels, start + 32); ++pixel) {
          const int64_t at = n * image.values + pixel * image.channels + channel;
          for (int64_t k = 0; k < width; ++k) part[k] += term(at + k * kLanes);
        }
        for (int64_t k = 0; k < width; ++k) total[k] += part[k];
      }
      for (int64_t k = 0; k < width; ++k) store(out + n * image.channels + channel + k * kLanes, total[k]);
    };
    int64_t channel = 0;
    for (; channel + 4 * kLanes <= image.channels; channel += 4 * kLanes) sum(channel, std::integral_constant<int64_t, 4>{});
    for (; channel + kLanes <= image.channels; channel += kLanes) sum(channel, std::integral_constant<int64_t, 1>{});
    if (channel < image.channels) sum(image.channels - kLanes, std::integral_constant<int64_t, 1>{});
  });
  return result;
}

struct SqueezeExcitation : torch::autograd::Function<SqueezeExcitation> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias,
                            const at::Tensor& expandWeight, const at::Tensor& expandBias) {
    const Image image(x);
    const at::Tensor reduce = reduceWeight.flatten(1), expand = expandWeight.flatten(1);
    at::Tensor y = at::empty_like(x, at::MemoryFormat::ChannelsLast), mean, squeezed, gate;
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const T* in = x.data_ptr<T>();
      T* out = y.data_ptr<T>();
      mean = imageSums(x, [=](int64_t at) { return load(in + at); }).div_(image.pixels);
      squeezed = at::addmm(reduceBias, mean, reduce.t());
      gate = at::addmm(expandBias, at::silu(squeezed), expand.t()).sigmoid_();
      eachImage(x, [=, factors = gate.data_ptr<float>()](int64_t n) {
        const float* factor = factors + n * image.channels;
        for (int64_t at = n * image.values; at < (n + 1) * image.values; at += image.channels) {
          image.eachVector([=](int64_t channel) { store(out + at + channel, load(in + at + channel) * load(factor + channel)); });
        }
      });
    });
    context->save_for_backward({x, reduceWeight, expandWeight, mean, squeezed, gate});
    return y;
  }

  /// Let g be the gradient of y and S the sum over the pixels of an image. The gradient of the sigmoid's argument is
  /// d = S(g x) gate (1 - gate), and gradX = g gate + gradMean / pixels.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &mean = saved[3], &squeezed = saved[4], &gate = saved[5];
    const at::Tensor reduce = saved[1].flatten(1), expand = saved[2].flatten(1);
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const Image image(x);
    variable_list results(5);
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const T *in = x.data_ptr<T>(), *g = gradient.data_ptr<T>();
      const at::Tensor gradGate = imageSums(x, [=](int64_t at) { return load(g + at) * load(in + at); });
      const at::Tensor gradExpanded = gradGate * gate * (1 - gate);
      const at::Tensor sigmoid = at::sigmoid(squeezed), hidden = squeezed * sigmoid;
      const at::Tensor gradSqueezed = at::mm(gradExpanded, expand) * (sigmoid * (1 + squeezed * (1 - sigmoid)));
      if (context->needs_input_grad(1)) results[1] = at::mm(gradSqueezed.t(), mean).view_as(saved[1]);
      if (context->needs_input_grad(2)) results[2] = gradSqueezed.sum(0);
      if (context->needs_input_grad(3)) results[3] = at::mm(gradExpanded.t(), hidden).view_as(saved[2]);
      if (context->needs_input_grad(4)) results[4] = gradExpanded.sum(0);
      if (!context->needs_input_grad(0)) return;
      const at::Tensor gradMean = at::mm(gradSqueezed, reduce).div_(image.pixels);
      results[0] = at::empty_like(x, at::MemoryFormat::ChannelsLast);
      eachImage(x, [=, out = results[0].data_ptr<T>(), factors = gate.data_ptr<float>(), shares = gradMean.data_ptr<float>()](int64_t n) {
        const float *factor = factors + n * image.channels, *share = shares + n * image.channels;
        for (int64_t at = n * image.values; at < (n + 1) * image.values; at += image.channels) {
          image.eachVector([=](int64_t channel) {
            store(out + at + channel, load(g + at + channel) * load(factor + channel) + load(share + channel));
          });
        }
      });
    });
    return results;
  }
};

at::Tensor composed(const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias, const at::Tensor& expandWeight,
                    const at::Tensor& expandBias) {
  const at::Tensor mean = x.mean({2, 3}, /*keepdim=*/false, reduceWeight.scalar_type());
  const at::Tensor squeezed = at::silu(at::linear(mean, reduceWeight.flatten(1), reduceBias));
  const at::Tensor gate = at::sigmoid(at::linear(squeezed, expandWeight.flatten(1), expandBias));
  return x * gate.to(x.scalar_type()).unsqueeze(-1).unsqueeze(-1);
}

at::Tensor squeezeExcitation(const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias, const at::Tensor& expandWeight,
                             const at::Tensor& expandBias) {
  const bool ours = isChannelsLast(x) && x.size(1) >= kLanes && reduceWeight.scalar_type() == at::kFloat && !isDisabled(Switchable::squeezeExcitation);
  if (!ours) return composed(x, reduceWeight, reduceBias, expandWeight, expandBias);
  return SqueezeExcitation::apply(x, reduceWeight, reduceBias, expandWeight, expandBias);
}

/// The mean over H and W, in float32 for bfloat16: [N, C, H, W] to [N, C].
struct AveragePool : torch::autograd::Function<AveragePool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["dtype"] = static_cast<int64_t>(x.scalar_type());
    at::Tensor sums;
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const T* in = x.data_ptr<T>();
      sums = imageSums(x, [=](int64_t at) { return load(in + at); });
    });
    return sums.div_(x.size(2) * x.size(3));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const std::vector<int64_t> shape = context->saved_data["shape"].toIntVector();
    const auto dtype = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
    const at::Tensor share = (gradients[0] / (shape[2] * shape[3])).to(dtype).unsqueeze(-1).unsqueeze(-1);
    return {share.expand(shape).contiguous(at::MemoryFormat::ChannelsLast)};
  }
};

at::Tensor averagePool(const at::Tensor& x) {
  if (isChannelsLast(x) && x.size(1) >= kLanes && !isDisabled(Switchable::averagePool)) return AveragePool::apply(x);
  return x.mean({2, 3}, /*keepdim=*/false, x.scalar_type() == at::kBFloat16 ? at::kFloat : x.scalar_type());
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("squeeze_excitation", &squeezeExcitation);
  library.impl("average_pool", &averagePool);
}

}  // namespace advprop
