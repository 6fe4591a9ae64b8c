// Squeeze and excitation and the global average on a GPU: the operators of native/norm/squeeze_excitation.cpp. Passes over images are kernels of
// this folder. What is between them is small, and libtorch's.
#include <torch/csrc/autograd/custom_function.h>

#include "operator.h"

namespace advprop::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

Images imagesOf(const at::Tensor& x) { return {x.size(0), x.size(2) * x.size(3), x.size(1), dtypeCode(x.scalar_type())}; }

/// share times the sums over H and W of x, or of x times another, float32 [N, C].
at::Tensor sumsOf(const at::Tensor& x, const at::Tensor& other, double share) {
  const Launch launch(x);
  at::Tensor sums = floats({x.size(0), x.size(1)}, x);
  check(imageSums(imagesOf(x), dataOf(x), dataOf(other), static_cast<float>(share), floatsOf(sums), launch.stream), "sums over an image");
  return sums;
}

/// x factor + share offset, each [N, C]; without offset where that is not defined.
at::Tensor scaled(const at::Tensor& x, const at::Tensor& factor, const at::Tensor& offset, double share) {
  const Launch launch(x);
  at::Tensor y = at::empty_like(x, kChannelsLast);
  check(scaleImages(imagesOf(x), dataOf(x), floatsOf(factor), floatsOf(offset), static_cast<float>(share), dataOf(y), launch.stream),
        "factors of an image");
  return y;
}

struct SqueezeExcitation : torch::autograd::Function<SqueezeExcitation> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias,
                            const at::Tensor& expandWeight, const at::Tensor& expandBias) {
    const at::Tensor mean = sumsOf(x, {}, 1.0 / (x.size(2) * x.size(3)));
    const at::Tensor squeezed = at::addmm(reduceBias, mean, reduceWeight.flatten(1).t());
    const at::Tensor gate = at::addmm(expandBias, at::silu(squeezed), expandWeight.flatten(1).t()).sigmoid_();
    context->save_for_backward({x, reduceWeight, expandWeight, reduceWeight.requires_grad() ? mean : at::Tensor(), squeezed, gate});
    return scaled(x, gate, {}, 0);
  }

  /// The formulas are those of native/norm/squeeze_excitation.cpp.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &mean = saved[3], &squeezed = saved[4], &gate = saved[5];
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    const at::Tensor gradExpanded = at::sigmoid_backward(sumsOf(gradient, x, 1), gate);
    const at::Tensor gradSqueezed = at::silu_backward(at::mm(gradExpanded, saved[2].flatten(1)), squeezed);
    variable_list results(5);
    if (context->needs_input_grad(0)) {
      results[0] = scaled(gradient, gate, at::mm(gradSqueezed, saved[1].flatten(1)), 1.0 / (x.size(2) * x.size(3)));
    }
    if (context->needs_input_grad(1)) results[1] = at::mm(gradSqueezed.t(), mean).view_as(saved[1]);
    if (context->needs_input_grad(2)) results[2] = gradSqueezed.sum(0);
    if (context->needs_input_grad(3)) results[3] = at::mm(gradExpanded.t(), at::silu(squeezed)).view_as(saved[2]);
    if (context->needs_input_grad(4)) results[4] = gradExpanded.sum(0);
    return results;
  }
};

bool isTaken(const at::Tensor& x) { return isOurs(x) && isKernelDtype(x) && x.dim() == 4 && x.numel() > 0 && x.is_contiguous(kChannelsLast); }

at::Tensor squeezeExcitation(const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias, const at::Tensor& expandWeight,
                             const at::Tensor& expandBias) {
  if (!isTaken(x) || reduceWeight.scalar_type() != at::kFloat) {
    return composed<decltype(squeezeExcitation)>("advprop::squeeze_excitation", x, reduceWeight, reduceBias, expandWeight, expandBias);
  }
  return SqueezeExcitation::apply(x, reduceWeight, reduceBias, expandWeight, expandBias);
}

struct AveragePool : torch::autograd::Function<AveragePool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["dtype"] = static_cast<int64_t>(x.scalar_type());
    return sumsOf(x, {}, 1.0 / (x.size(2) * x.size(3)));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const std::vector<int64_t> shape = context->saved_data["shape"].toIntVector();
    const auto dtype = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
    const at::Tensor share = (gradients[0] / (shape[2] * shape[3])).to(dtype).unsqueeze(-1).unsqueeze(-1);
    return {share.expand(shape).contiguous(kChannelsLast)};
  }
};

at::Tensor averagePool(const at::Tensor& x) {
  if (!isTaken(x)) return composed<decltype(averagePool)>("advprop::average_pool", x);
  return AveragePool::apply(x);
}

}  // namespace

void registerSqueezeExcitation(torch::Library& library) {
  library.impl("squeeze_excitation", &squeezeExcitation);
  library.impl("average_pool", &averagePool);
}

}  // namespace advprop::cuda
