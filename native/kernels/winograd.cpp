// 3x3 convolution with stride 1 and one zero on each side as an operator. Where Winograd's form does not apply it is libtorch's.
#include "winograd.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profiled_kernel.h"

namespace advprop {

namespace winograd {

bool applies(const at::Tensor& x, const at::Tensor& weight) {
#ifdef __AVX512F__
  constexpr bool fast = true;
#else
  constexpr bool fast = false;  // the products fill the registers of AVX-512
#endif
  const Tiles tiles(x.size(0), x.size(2), x.size(3));
  return fast && x.device().is_cpu() && weight.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         weight.scalar_type() == at::kFloat && x.size(1) % kLanes == 0 && weight.size(0) % kLanes == 0 && x.numel() > 0 &&
         weight.numel() > 0 && tiles.down * tiles.across * kPlaces < 9 * x.size(2) * x.size(3);
}

}  // namespace winograd

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct WinogradConvolution : torch::autograd::Function<WinogradConvolution> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    return winograd::convolve(x, weight);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) {
      const double elements = static_cast<double>(gradient.numel()) * saved[1].size(1) / saved[1].size(0);
      const ProfiledKernel profiled("advprop::conv2d 3x3 (input gradient)", 18.0 * saved[1].size(1) * gradient.numel(),
                                    gradient.nbytes() + saved[1].nbytes(), elements * gradient.element_size());
      gradX = winograd::inputGradient(gradient, saved[1]);
    }
    if (context->needs_input_grad(1)) {
      const ProfiledKernel profiled("advprop::conv2d 3x3 (weight gradient)", 18.0 * saved[0].size(1) * gradient.numel(),
                                    gradient.nbytes() + saved[0].nbytes(), 0);
      gradWeight = winograd::weightGradient(gradient, saved[0]);
    }
    return {gradX, gradWeight};
  }
};

at::Tensor convolution3x3(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == 3 && weight.size(3) == 3,
              "x must be [N, I, H, W] and weight [O, I, 3, 3]; got ", x.sizes(), " and ", weight.sizes());
  if (!winograd::applies(x, weight)) return at::conv2d(x, weight.to(x.scalar_type()), {}, 1, 1);
  return WinogradConvolution::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight.contiguous(at::MemoryFormat::ChannelsLast));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(advprop, library) {
  library.def("conv2d_3x3(Tensor x, Tensor weight) -> Tensor", &convolution3x3);
}

}  // namespace advprop
