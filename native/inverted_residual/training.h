// EfficientNet's inverted residual by the batch's statistics, up to its projection, with the gradients of all parameters. Each of the two
// norms needs the whole batch before the next layer can begin. So a pass goes over the expanded tensors once for each layer, but no more
// often: statistics are taken from a panel when it is computed; norm, activation and gate are applied when it is read. Only the inputs of
// the two norms are kept.
//
// Tensors of panels are [units][panels][pixels of the unit's images][kPanel].
#pragma once
#include "layers.h"
#include "norm/batch_norm.h"

namespace advprop {

/// One block on one batch, with scale and shift of its norms, float32 [expanded].
struct TrainedInvertedResidual : InvertedResidualLayers {
  using InvertedResidualLayers::InvertedResidualLayers;
  at::Tensor scale1, shift1, scale2, shift2;

  /// Images of a unit: enough pixels to fill tiles and to make use of the weights that are read, but several units, so that threads can share
  /// the work. The number does not depend on the number of threads, because sums over units must not.
  int64_t together() const {
    constexpr int64_t kPixels = 64, kUnits = 4;
    return std::clamp<int64_t>((kPixels + results() - 1) / results(), 1, std::max<int64_t>(1, images / kUnits));
  }
  int64_t units() const { return (images + together() - 1) / together(); }
};

/// The running statistics of a norm, and the factor by which they move towards the batch's.
struct RunningStatistics {
  at::Tensor mean, variance;
  double factor;
};

/// What the forward pass keeps for the gradient.
struct TrainedKept {
  at::Tensor u, v;                      // of panels, of x's dtype
  at::Tensor statistics1, statistics2;  // of u and v: mean and 1 / sqrt(variance + epsilon), float64 [2, expanded]
  at::Tensor mean, gate, squeezed;      // of s, the gate, and the argument of the gate's silu: float32 [images, padded or squeezed]
};

/// y, before its norm. `running1` is not read without an expansion.
at::Tensor trainedForward(const TrainedInvertedResidual& block, const at::Tensor& x, const RunningStatistics& running1,
                          const RunningStatistics& running2, double epsilon, TrainedKept& kept);

/// Weights and biases of the gate.
struct GateGradients {
  at::Tensor reduce, reduceBias, expand, expandBias;
};

struct TrainedGradients {
  at::Tensor x, expand, scale1, shift1, depthwise, scale2, shift2, project;
  GateGradients gate;
};

/// Whether the gradient of a convolution's weight is wanted.
struct WantedWeights {
  bool expand, depthwise, project;
};

/// The gradients, given that of y: those of the wanted weights, and of everything else.
TrainedGradients trainedGradients(const TrainedInvertedResidual& block, const at::Tensor& x, const at::Tensor& gradient, const TrainedKept& kept,
                                  const WantedWeights& wanted);

}  // namespace advprop
