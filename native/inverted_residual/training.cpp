// EfficientNet's inverted residual by the batch's statistics as an operator. See training.h.
#include "training.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A block and its running statistics.
struct TrainedState : torch::CustomClassHolder {
  explicit TrainedState(TrainedInvertedResidual&& block_) : block(std::move(block_)) {}
  TrainedInvertedResidual block;
  RunningStatistics running1, running2;
  double epsilon;
};

/// The parameters are arguments only so that they are part of the graph; the kernel reads them from the block. Those of the expansion come
/// last, because an argument that is missing has no index among the gradients.
struct TrainedInvertedResidualFunction : torch::autograd::Function<TrainedInvertedResidualFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& depthwise, const at::Tensor& scale2,
                            const at::Tensor& shift2, const at::Tensor& reduce, const at::Tensor& reduceBias, const at::Tensor& expandGate,
                            const at::Tensor& expandGateBias, const at::Tensor& project, const c10::optional<at::Tensor>& expand,
                            const c10::optional<at::Tensor>& scale1, const c10::optional<at::Tensor>& shift1,
                            const c10::intrusive_ptr<TrainedState>& state) {
    TrainedInvertedResidual& block = state->block;
    if (block.expands) {
      block.scale1 = scale1->detach();
      block.shift1 = shift1->detach();
    }
    block.scale2 = scale2.detach();
    block.shift2 = shift2.detach();
    TrainedKept kept;
    at::Tensor y = trainedForward(block, x, state->running1, state->running2, state->epsilon, kept);
    context->save_for_backward({x, kept.u, kept.v, kept.statistics1, kept.statistics2, kept.mean, kept.gate, kept.squeezed});
    context->saved_data["state"] = c10::IValue::make_capsule(state);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto state = c10::static_intrusive_pointer_cast<TrainedState>(context->saved_data["state"].toCapsule());
    const TrainedKept kept{saved[1], saved[2], saved[3], saved[4], saved[5], saved[6], saved[7]};
    const bool expands = state->block.expands;
    const WantedWeights wanted{expands && context->needs_input_grad(9), context->needs_input_grad(1), context->needs_input_grad(8)};
    const TrainedGradients all =
        trainedGradients(state->block, saved[0], gradients[0].contiguous(at::MemoryFormat::ChannelsLast), kept, wanted);
    const GateGradients& gate = all.gate;
    variable_list results{all.x,       all.depthwise,   all.scale2,  all.shift2, gate.reduce, gate.reduceBias, gate.expand, gate.expandBias,
                          all.project, all.expand, all.scale1, all.shift1, {}};
    for (size_t i = 0; i < (expands ? 12 : 9); ++i) {
      if (!context->needs_input_grad(i)) results[i].reset();
    }
    return results;
  }
};

at::Tensor trainedInvertedResidual(const at::Tensor& x, at::TensorList expand, at::TensorList depthwise, at::TensorList squeeze,
                                   const at::Tensor& project, int64_t stride, at::IntArrayRef padding, double epsilon,
                                   at::ArrayRef<double> factors) {
  TORCH_CHECK((expand.empty() || expand.size() == 5) && depthwise.size() == 5 && factors.size() == 2,
              "expand and depthwise are a weight with scale, shift, mean and variance; factors are two");
  const bool expands = !expand.empty();
  const at::Tensor& weight = depthwise[0];
  auto state = c10::make_intrusive<TrainedState>(
      TrainedInvertedResidual(x, expands ? expand[0] : at::Tensor(), weight, squeeze, project, stride, padding));
  const int64_t channels = state->block.expanded;
  TORCH_CHECK(state->block.images * state->block.results() > 1, "batch statistics need more than one value a channel; got x ", x.sizes());
  checkNorm(&depthwise[1], channels);
  state->running2 = {depthwise[3], depthwise[4], factors[1]};
  if (expands) {
    checkNorm(&expand[1], channels);
    state->running1 = {expand[3], expand[4], factors[0]};
  }
  state->epsilon = epsilon;
  const auto ofExpansion = [&](int i) { return expands ? c10::make_optional(expand[i]) : c10::nullopt; };
  return TrainedInvertedResidualFunction::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight, depthwise[1], depthwise[2], squeeze[0], squeeze[1],
                                                squeeze[2], squeeze[3], project, ofExpansion(0), ofExpansion(1), ofExpansion(2), state);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("inverted_residual_training", &trainedInvertedResidual); }

}  // namespace advprop
