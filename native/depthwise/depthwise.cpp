// Depthwise convolution: each channel has its own kernel of 3x3 or 5x5; stride 1 or 2, any zeros on each of the four sides; x is not copied
// to pad it. Every other case goes through libtorch's padding and convolution.
#include "depthwise.h"

#include <torch/csrc/autograd/custom_function.h>

#include "convolution/composed_convolution.h"
#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct DepthwiseConvolution : torch::autograd::Function<DepthwiseConvolution> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const DepthwiseSizes& sizes) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    context->saved_data["sizes"] = std::vector<int64_t>{sizes.images,  sizes.channels, sizes.height, sizes.width,  sizes.rows,
                                                        sizes.columns, sizes.left,     sizes.top,    sizes.kernel, sizes.stride};
    context->saved_data["dtype"] = weight.scalar_type();
    return depthwiseForward(x, weight, sizes);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const std::vector<int64_t> list = context->saved_data["sizes"].toIntVector();
    const DepthwiseSizes sizes{list[0], list[1], list[2], list[3], list[4], list[5], list[6], list[7], list[8], list[9]};
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor gradX, gradWeight;
    // Each gradient needs as much arithmetic as the forward pass.
    const double flops = 2.0 * sizes.kernel * sizes.kernel * gradient.numel();
    const double inputBytes = static_cast<double>(sizes.images) * sizes.channels * sizes.height * sizes.width * gradient.element_size();
    if (context->needs_input_grad(0)) {
      const ProfiledKernel profiled(convolutionGradient("input", ConvolutionKind::depthwise, sizes.kernel, sizes.stride).c_str(), flops,
                                    gradient.nbytes(), inputBytes);
      gradX = depthwiseInputGradient(gradient, saved[1], sizes);
    }
    if (context->needs_input_grad(1)) {
      const ProfiledKernel profiled(convolutionGradient("weight", ConvolutionKind::depthwise, sizes.kernel, sizes.stride).c_str(), flops,
                                    gradient.nbytes() + inputBytes, 0);
      gradWeight = depthwiseWeightGradient(gradient, saved[0], sizes).to(context->saved_data["dtype"].toScalarType());
    }
    return {gradX, gradWeight, at::Tensor()};
  }
};

bool isOurs(const at::Tensor& x, const at::Tensor& weight, int64_t stride) {
  const auto isFloat = [](const at::Tensor& tensor) { return tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16; };
  const int64_t kernel = weight.size(2);
  return x.device().is_cpu() && weight.device().is_cpu() && isFloat(x) && isFloat(weight) && x.numel() > 0 && x.size(1) >= kBlock &&
         (kernel == 3 || kernel == 5) && weight.size(3) == kernel && (stride == 1 || stride == 2) && !isDisabled(Switchable::depthwise);
}

}  // namespace

at::Tensor depthwiseConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding) {
  if (!isOurs(x, weight, stride)) return composedConvolution(x, weight, stride, padding, x.size(1));
  const int64_t left = padding[0], right = padding[1], top = padding[2], bottom = padding[3];
  const int64_t height = x.size(2), width = x.size(3), kernel = weight.size(2);
  const int64_t rows = (height + top + bottom - kernel) / stride + 1, columns = (width + left + right - kernel) / stride + 1;
  const DepthwiseSizes sizes{x.size(0), x.size(1), height, width, rows, columns, left, top, kernel, stride};
  return DepthwiseConvolution::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight, sizes);
}

}  // namespace advprop
