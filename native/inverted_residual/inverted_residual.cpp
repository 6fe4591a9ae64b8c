// EfficientNet's inverted residual by running statistics as an operator. See inverted_residual.h.
#include "inverted_residual.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profile/profiled_kernel.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct State : torch::CustomClassHolder {
  explicit State(InvertedResidual&& block_) : block(std::move(block_)) {}
  InvertedResidual block;

  double flops() const { return block.expandFlops() + block.depthwiseFlops() + block.projectFlops() + block.gateFlops(); }
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

/// A norm (scale, shift, running mean, running variance) as one factor and one shift for each channel.
Affine affineOf(const at::Tensor* norm, int64_t channels, double epsilon) {
  checkNorm(norm, channels);
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

at::Tensor invertedResidual(const at::Tensor& x, at::TensorList expand, at::TensorList depthwise, at::TensorList squeeze, at::TensorList project,
                            int64_t stride, at::IntArrayRef padding, double epsilon, bool residual) {
  TORCH_CHECK((expand.empty() || expand.size() == 5) && depthwise.size() == 5 && project.size() == 5,
              "expand, depthwise and project are a weight with scale, shift, mean and variance");
  auto state = c10::make_intrusive<State>(
      InvertedResidual(x, expand.empty() ? at::Tensor() : expand[0], depthwise[0], squeeze, project[0], stride, padding));
  InvertedResidual& block = state->block;
  block.residual = residual;
  TORCH_CHECK(!residual || (block.outputs == block.inputs && block.pixels() == block.results()), "a residual must have the shape of the result");
  if (block.expands) block.norm1 = affineOf(&expand[1], block.expanded, epsilon);
  else block.norm1 = {std::vector<float>(block.padded()), std::vector<float>(block.padded())};  // never read
  block.norm2 = affineOf(&depthwise[1], block.expanded, epsilon);
  block.norm3 = affineOf(&project[1], block.outputs, epsilon);

  const at::Tensor input = x.contiguous(at::MemoryFormat::ChannelsLast);
  const ProfiledKernel profiled("advprop::inverted_residual (forward)", state->flops(), input.nbytes(), input.nbytes());
  if (!x.requires_grad()) return invertedResidualForward(block, input, nullptr);
  return InvertedResidualFunction::apply(input, state);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("inverted_residual", &invertedResidual); }

}  // namespace advprop
