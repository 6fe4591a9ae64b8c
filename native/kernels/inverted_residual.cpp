// EfficientNet's inverted residual through given statistics as an operator. See inverted_residual.h.
#include "inverted_residual.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profiled_kernel.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A block with the tensors whose numbers it points to.
struct State : torch::CustomClassHolder {
  InvertedResidual block;
  std::vector<at::Tensor> alive;

  /// Multiply-adds of the convolutions and of the gate, twice.
  double flops() const {
    const double in = block.images * block.pixels(), out = block.images * block.results(), kernel = block.panel.kernel;
    const double expansion = block.expands ? in * block.inputs * block.expanded : 0;
    return 2 * (expansion + out * block.expanded * (kernel * kernel + block.outputs) + 2. * block.images * block.expanded * block.squeezed);
  }
};

struct InvertedResidualFunction : torch::autograd::Function<InvertedResidualFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const c10::intrusive_ptr<State>& state) {
    Kept kept;
    at::Tensor y = invertedResidualForward(state->block, x, &kept);
    context->save_for_backward({kept.slope, kept.v, kept.gate, kept.squeezed});
    context->saved_data["together"] = kept.together;
    context->saved_data["state"] = c10::IValue::make_capsule(state);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto state = c10::static_intrusive_pointer_cast<State>(context->saved_data["state"].toCapsule());
    const Kept kept{saved[0], saved[1], saved[2], saved[3], context->saved_data["together"].toInt()};
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const double bytes = gradient.nbytes();
    const ProfiledKernel profiled("advprop::inverted_residual (input gradient)", state->flops(), bytes, bytes);
    return {invertedResidualGradient(state->block, gradient, kept), at::Tensor()};
  }
};

/// The norm of (scale, shift, running mean, running variance) as one multiplication and addition.
Affine affineOf(const at::Tensor* norm, int64_t channels, double epsilon) {
  for (int i = 0; i < 4; ++i) {
    TORCH_CHECK(norm[i].dim() == 1 && norm[i].size(0) == channels && norm[i].scalar_type() == at::kFloat && norm[i].is_contiguous(),
                "a norm's scale, shift, mean and variance must be float32 with ", channels, " values; got ", norm[i].scalar_type(), " ", norm[i].sizes());
  }
  const int64_t padded = (channels + kPanel - 1) / kPanel * kPanel;
  Affine affine{std::vector<float>(padded), std::vector<float>(padded)};
  const float *scale = norm[0].data_ptr<float>(), *shift = norm[1].data_ptr<float>();
  const float *mean = norm[2].data_ptr<float>(), *variance = norm[3].data_ptr<float>();
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
    affine.factor[c] = static_cast<float>(factor);
    affine.shift[c] = static_cast<float>(shift[c] - mean[c] * factor);
  }
  return affine;
}

const float* floatsOf(const at::Tensor& tensor, int64_t count, const char* name) {
  TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.numel() == count, name, " must be float32 with ", count,
              " values; got ", tensor.scalar_type(), " ", tensor.sizes());
  return tensor.data_ptr<float>();
}

at::Tensor invertedResidual(const at::Tensor& x, at::TensorList expand, at::TensorList depthwise, at::TensorList squeeze, at::TensorList project,
                            int64_t kernel, int64_t stride, at::IntArrayRef padding, double epsilon, bool residual) {
  TORCH_CHECK(x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.dim() == 4 && x.numel() > 0,
              "x must be float32 or bfloat16 [N, C, H, W] on the CPU; got ", x.scalar_type(), " ", x.sizes());
  TORCH_CHECK((expand.empty() || expand.size() == 5) && depthwise.size() == 5 && squeeze.size() == 4 && project.size() == 5,
              "expand, depthwise and project are a packed weight with scale, shift, mean and variance; squeeze two weights and biases");
  TORCH_CHECK((kernel == 3 || kernel == 5) && (stride == 1 || stride == 2) && padding.size() == 4,
              "the kernel must be 3 or 5, the stride 1 or 2, the padding (left, right, top, bottom); got ", kernel, ", ", stride, " and ", padding);
  auto state = c10::make_intrusive<State>();
  InvertedResidual& block = state->block;
  block.images = x.size(0);
  block.inputs = x.size(1);
  block.expanded = depthwise[1].numel();
  block.outputs = project[1].numel();
  block.squeezed = squeeze[1].numel();
  block.expands = !expand.empty();
  block.residual = residual;
  const int64_t height = x.size(2), width = x.size(3);
  const int64_t spareRows = height + padding[2] + padding[3] - kernel, spareColumns = width + padding[0] + padding[1] - kernel;
  TORCH_CHECK(spareRows >= 0 && spareColumns >= 0, "the kernel of ", kernel, " is larger than the padded input ", x.sizes());
  block.panel = {kPanel, height, width, spareRows / stride + 1, spareColumns / stride + 1, padding[0], padding[2], kernel, stride};
  TORCH_CHECK(block.expands || block.expanded == block.inputs, "without an expansion the depthwise channels are those of x");
  TORCH_CHECK(!residual || (block.outputs == block.inputs && block.pixels() == block.results()), "a residual must have the shape of the result");
  if (block.expands) {
    block.norm1 = affineOf(&expand[1], block.expanded, epsilon);
    const PackedPointwise packed(expand[0], x.scalar_type(), block.expanded, block.inputs);
    block.expand = packed.forward;
    block.expandGradient = packed.gradient;
  } else {
    block.norm1 = {std::vector<float>(block.padded()), std::vector<float>(block.padded())};  // never read
  }
  block.norm2 = affineOf(&depthwise[1], block.expanded, epsilon);
  block.norm3 = affineOf(&project[1], block.outputs, epsilon);
  const PackedPointwise packed(project[0], x.scalar_type(), block.outputs, block.expanded);
  block.project = packed.forward;
  block.projectGradient = packed.gradient;
  block.depthwise = floatsOf(depthwise[0], 2 * block.padded() * kernel * kernel, "the packed depthwise weight");
  block.depthwiseGradient = block.depthwise + block.padded() * kernel * kernel;
  block.reduce = floatsOf(squeeze[0], block.squeezed * block.expanded, "the reducing weight");
  block.reduceBias = floatsOf(squeeze[1], block.squeezed, "the reducing bias");
  block.expandGate = floatsOf(squeeze[2], block.squeezed * block.expanded, "the turned expanding weight");
  block.expandGateBias = floatsOf(squeeze[3], block.expanded, "the expanding bias");

  const at::Tensor input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const ProfiledKernel profiled("advprop::inverted_residual (forward)", state->flops(), input.nbytes(), input.nbytes());
  if (!x.requires_grad()) return invertedResidualForward(block, input, nullptr);
  state->alive = {depthwise[0], squeeze[0], squeeze[1], squeeze[2], squeeze[3], project[0]};
  if (block.expands) state->alive.push_back(expand[0]);
  return InvertedResidualFunction::apply(input, state);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(advprop, library) {
  library.def("pack_depthwise(Tensor weight, int stride, ScalarType dtype) -> Tensor",
              [](const at::Tensor& weight, int64_t stride, at::ScalarType dtype) { return packDepthwise(weight, kPanel, stride, dtype); });
  library.def(
      "inverted_residual(Tensor x, Tensor[] expand, Tensor[] depthwise, Tensor[] squeeze, Tensor[] project, int kernel, int stride, int[4] padding, "
      "float epsilon, bool residual) -> Tensor",
      &invertedResidual);
}

}  // namespace advprop
