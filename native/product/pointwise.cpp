// Pointwise (1x1) convolution, stride 1, without groups and bias: y[n, o, h, w] = sum over i of
// x[n, i, h, w] weight[o, i], for channels-last float32 and bfloat16. Every other tensor is libtorch's.
#include "pointwise.h"

#include "convolution/composed_convolution.h"
#include "packed_matrix.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"
#include "tensors/packed_weights.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct PointwiseConvolution : torch::autograd::Function<PointwiseConvolution> {
  /// Keeps x only for the gradient of the weight, and the packed weight only for that of x.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& packed) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? packed : at::Tensor()});
    context->saved_data["inputs"] = x.size(1);
    context->saved_data["dtype"] = weight.scalar_type();
    return pointwiseProduct(x, PackedPointwise(packed, x.scalar_type(), weight.size(0), weight.size(1)).forward);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const int64_t outputs = gradient.size(1), inputs = context->saved_data["inputs"].toInt();
    // Each gradient needs as much arithmetic as the forward pass.
    const double flops = 2.0 * gradient.numel() * inputs, outputBytes = gradient.nbytes(), inputBytes = outputBytes / outputs * inputs;
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) {
      const ProfiledKernel profiled("advprop::conv2d 1x1 (input gradient)", flops, outputBytes, inputBytes);
      gradX = pointwiseProduct(gradient, PackedPointwise(saved[1], gradient.scalar_type(), outputs, inputs).gradient);
    }
    if (context->needs_input_grad(1)) {
      const ProfiledKernel profiled("advprop::conv2d 1x1 (weight gradient)", flops, outputBytes + inputBytes, 0);
      gradWeight = pointwiseWeightGradient(gradient, saved[0]).to(context->saved_data["dtype"].toScalarType());
    }
    return {gradX, gradWeight, at::Tensor()};
  }
};

bool isFloat(at::ScalarType type) { return type == at::kFloat || type == at::kBFloat16; }

}  // namespace

at::Tensor pointwiseConvolution(const at::Tensor& x, const at::Tensor& weight) {
  if (!x.device().is_cpu() || !isFloat(x.scalar_type()) || !isFloat(weight.scalar_type()) || x.numel() == 0 || weight.numel() == 0 ||
      isDisabled(Switchable::pointwise)) {
    // In an attack no gradient of the weight is wanted, so a GPU can use the rounded weight again in every pass.
    const bool round = !x.device().is_cpu() && isFloat(x.scalar_type()) && !weight.requires_grad();
    return composedConvolution(x, round ? packedWeight(weight, x.scalar_type(), &packPointwise) : weight, 1, {0, 0, 0, 0});
  }
  const at::Tensor packed = packedWeight(weight, x.scalar_type(), &packPointwise);
  return PointwiseConvolution::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight, packed);
}

at::Tensor packPointwise(const at::Tensor& weight, at::ScalarType dtype) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(2) == 1 && weight.size(3) == 1 && isFloat(dtype),
              "weight must be [O, I, 1, 1] and the dtype float32 or bfloat16; got ", weight.sizes(), " and ", dtype);
  if (!weight.device().is_cpu()) return weight.detach().to(dtype);  // libtorch's convolution reads it as it is
  const at::Tensor plain = weight.detach().to(at::kFloat).contiguous();
  const int64_t outputs = weight.size(0), inputs = weight.size(1);
  at::Tensor packed;
  withType(dtype, [&](auto zero) {
    using T = decltype(zero);
    packed = at::empty({packedWords<T>(inputs, outputs) + packedWords<T>(outputs, inputs)}, plain.options());
    float* words = packed.data_ptr<float>();
    packMatrix<T>(plain.data_ptr<float>(), inputs, outputs, 1, inputs, words);
    packMatrix<T>(plain.data_ptr<float>(), outputs, inputs, inputs, 1, words + packedWords<T>(inputs, outputs));
  });
  return packed;
}

PackedPointwise::PackedPointwise(const at::Tensor& packed, at::ScalarType dtype, int64_t outputs, int64_t inputs) {
  withType(dtype, [&](auto zero) {
    using T = decltype(zero);
    const int64_t length = packedWords<T>(inputs, outputs);
    TORCH_CHECK(packed.scalar_type() == at::kFloat && packed.is_contiguous() && packed.numel() == length + packedWords<T>(outputs, inputs),
                "the packed weight is not one of [", outputs, ", ", inputs, ", 1, 1] for ", dtype);
    const float* words = packed.data_ptr<float>();
    forward = {words, inputs, outputs};
    gradient = {words + length, outputs, inputs};
  });
}

}  // namespace advprop
