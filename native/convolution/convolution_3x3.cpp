// 3x3 convolution with stride 1 and one zero on each side: of x, and as an operator of relu(norm(x)). It is computed in Winograd's form. For
// bfloat16 it is the plain sum over sixteen channels (narrow_convolution.h) or with AMX (direct_convolution.h). Everything else is libtorch's.
#include "composed_convolution.h"
#include "direct_convolution.h"
#include "forms.h"
#include "narrow_convolution.h"
#include "winograd/winograd.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm = nullptr) {
  if (direct::applies(x)) return direct::convolve(x, weight, norm);
  const bool few = narrow::applies(x, weight.size(1), weight.size(0));
  return few ? narrow::convolve(x, weight, norm) : winograd::convolve(x, weight, norm);
}

at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x = {}, const Normalization* norm = nullptr) {
  if (direct::applies(gradient)) return direct::inputGradient(gradient, weight, x, norm);
  const bool few = narrow::applies(gradient, weight.size(0), weight.size(1));
  return few ? narrow::inputGradient(gradient, weight, x, norm) : winograd::inputGradient(gradient, weight, x, norm);
}

/// A gradient's row in a profile. Its arithmetic is counted as if the convolution were computed as a plain sum.
class ProfiledGradient : ProfiledKernel {
 public:
  ProfiledGradient(const char* name, const at::Tensor& gradient, const at::Tensor& x, int64_t inputs)
      : ProfiledKernel(name, 18.0 * inputs * gradient.numel(), gradient.nbytes() + (x.defined() ? x.nbytes() : 0),
                       static_cast<double>(gradient.nbytes()) * inputs / gradient.size(1)) {}
};

constexpr const char* kInputGradient = "advprop::conv2d 3x3 (input gradient)";
constexpr const char* kWeightGradient = "advprop::conv2d 3x3 (weight gradient)";

struct PlainConvolution : torch::autograd::Function<PlainConvolution> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    return convolve(x, weight);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(1)) {
      const ProfiledGradient profiled(kWeightGradient, gradient, x, x.size(1));
      gradWeight = winograd::weightGradient(gradient, x);
    }
    if (context->needs_input_grad(0)) {
      const ProfiledGradient profiled(kInputGradient, gradient, {}, weight.size(1));
      gradX = inputGradient(gradient, weight);
    }
    return {gradX, gradWeight};
  }
};

/// The convolution of relu(norm(x)), given the norm's statistics. The only activation that it keeps is x.
struct NormalizedConvolution : torch::autograd::Function<NormalizedConvolution> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, const at::Tensor& weight,
                            const at::Tensor& statistics, bool batch) {
    context->save_for_backward({x, scale, shift, weight, statistics});
    context->saved_data["batch"] = batch;
    const Tables tables(Channels(x), statistics, scale, shift);
    const Normalization norm = tables.normalization();
    return convolve(x, weight, &norm);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &scale = saved[1], &shift = saved[2], &weight = saved[3], &statistics = saved[4];
    const bool batch = context->saved_data["batch"].toBool();
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const Tables tables(Channels(x), statistics, scale, shift);
    const Normalization norm = tables.normalization();
    at::Tensor gradWeight;
    if (context->needs_input_grad(3)) {
      const ProfiledGradient profiled(kWeightGradient, gradient, x, x.size(1));
      gradWeight = winograd::weightGradient(gradient, x, &norm);
    }
    const std::array<bool, 4> wanted{context->needs_input_grad(0), context->needs_input_grad(1), context->needs_input_grad(2), false};
    if (!batch && !wanted[1] && !wanted[2]) {
      const ProfiledGradient profiled(kInputGradient, gradient, x, x.size(1));
      return {wanted[0] ? inputGradient(gradient, weight, x, &norm) : at::Tensor(), {}, {}, gradWeight, {}, {}};
    }
    at::Tensor ofRectified;
    {
      const ProfiledGradient profiled(kInputGradient, gradient, {}, x.size(1));
      ofRectified = inputGradient(gradient, weight);
    }
    const ProfiledKernel profiled("advprop::batch_norm (gradient)", 0, 2.0 * x.nbytes(), static_cast<double>(x.nbytes()));
    const NormGradients all = normGradients(ofRectified, x, {}, scale, shift, statistics, kRelu, batch, wanted);
    return {all.x, all.weight, all.bias, gradWeight, {}, {}};
  }
};

bool hasKernel(const at::Tensor& x, const at::Tensor& weight) { return winograd::applies(x, weight) && !isDisabled(Switchable::convolution3x3); }

at::Tensor normalizedConvolution(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, const c10::optional<at::Tensor>& runningMean,
                                 const c10::optional<at::Tensor>& runningVariance, bool batch, double factor, double epsilon, const at::Tensor& given) {
  TORCH_CHECK(x.dim() == 4 && given.dim() == 4 && given.size(1) == x.size(1) && given.size(2) == 3 && given.size(3) == 3,
              "x must be [N, I, H, W] and weight [O, I, 3, 3]; got ", x.sizes(), " and ", given.sizes());
  const at::Tensor weight = floatWeight(given);
  if (!hasKernel(x, weight) || !isChannelsLast(x) || isDisabled(Switchable::normReluConvolution)) {
    return convolution3x3(batchNorm(x, scale, shift, {}, runningMean, runningVariance, batch, factor, epsilon, kRelu), weight);
  }
  const at::Tensor statistics = normStatistics(x, scale, shift, runningMean, runningVariance, batch, factor, epsilon);
  return NormalizedConvolution::apply(x, scale, shift, weight.contiguous(at::MemoryFormat::ChannelsLast), statistics, batch);
}

}  // namespace

at::Tensor convolution3x3(const at::Tensor& x, const at::Tensor& given) {
  const at::Tensor weight = floatWeight(given);
  if (!hasKernel(x, weight)) return composedConvolution(x, weight, 1, {1, 1, 1, 1});
  return PlainConvolution::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight.contiguous(at::MemoryFormat::ChannelsLast));
}

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("norm_relu_conv2d_3x3", &normalizedConvolution); }

}  // namespace advprop
