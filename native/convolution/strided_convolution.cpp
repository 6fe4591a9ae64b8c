// Dense convolution of any stride, without groups and bias, with any zeros on each of the four sides; x is not copied to pad it. Every other
// case goes through libtorch's padding and convolution.
#include "strided_convolution.h"

#include <torch/csrc/autograd/custom_function.h>

#include "composed_convolution.h"
#include "forms.h"
#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct StridedConvolution : torch::autograd::Function<StridedConvolution> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const StridedSizes& sizes) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    context->saved_data["sizes"] = std::vector<int64_t>{sizes.images, sizes.inputs,  sizes.height, sizes.width, sizes.outputs, sizes.rows,
                                                        sizes.columns, sizes.kernel, sizes.stride, sizes.left,  sizes.top};
    return stridedForward(x, weight, sizes);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const std::vector<int64_t> list = context->saved_data["sizes"].toIntVector();
    const StridedSizes sizes{list[0], list[1], list[2], list[3], list[4], list[5], list[6], list[7], list[8], list[9], list[10]};
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const double flops = 2 * sizes.multiplications(), gradientBytes = gradient.nbytes();
    const double inputBytes = static_cast<double>(sizes.images) * sizes.patches().imageSize() * gradient.element_size();
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) {
      const ProfiledKernel profiled(convolutionGradient("input", ConvolutionKind::dense, sizes.kernel, sizes.stride).c_str(),
                                    flops, gradientBytes, inputBytes);
      gradX = stridedInputGradient(gradient, saved[1], sizes);
    }
    if (context->needs_input_grad(1)) {
      const ProfiledKernel profiled(convolutionGradient("weight", ConvolutionKind::dense, sizes.kernel, sizes.stride).c_str(),
                                    flops, gradientBytes + inputBytes, 0);
      gradWeight = stridedWeightGradient(gradient, saved[0], sizes);
    }
    return {gradX, gradWeight, at::Tensor()};
  }
};

bool isOurs(const at::Tensor& x, const at::Tensor& weight) {
  return x.device().is_cpu() && weight.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         weight.scalar_type() == at::kFloat && x.numel() > 0 && weight.numel() > 0 && weight.size(2) == weight.size(3) &&
         !isDisabled(Switchable::stridedConvolution);
}

}  // namespace

at::Tensor stridedConvolution(const at::Tensor& x, const at::Tensor& given, int64_t stride, at::IntArrayRef padding) {
  const at::Tensor weight = floatWeight(given);
  if (!isOurs(x, weight)) return composedConvolution(x, weight, stride, padding);
  const int64_t left = padding[0], right = padding[1], top = padding[2], bottom = padding[3];
  const int64_t height = x.size(2), width = x.size(3), kernel = given.size(2);
  const int64_t rows = (height + top + bottom - kernel) / stride + 1, columns = (width + left + right - kernel) / stride + 1;
  const StridedSizes sizes{x.size(0), x.size(1), height, width, given.size(0), rows, columns, kernel, stride, left, top};
  return StridedConvolution::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight.contiguous(at::MemoryFormat::ChannelsLast), sizes);
}

}  // namespace advprop
