// What other kernels use of batch norm: the formula for a vector, the statistics, the gradients.
#pragma once
#include "vectors/channels.h"
#include "vectors/silu.h"

namespace advprop {

/// The integers that stand for activations in the operator's schema.
enum Activation : int64_t { kIdentity = 0, kRelu = 1, kSilu = 2, kRelu6 = 3 };

/// `T` is the tensor's type.
template <typename T, Activation kind>
Floats activate(Floats x) {
  if constexpr (kind == kRelu) return maximum(Floats{}, x);
  if constexpr (kind == kSilu) return silu<T>(x);
  if constexpr (kind == kRelu6) return minimum(spread(6.f), maximum(Floats{}, x));
  return x;
}

/// The gradient of the activation's argument, given that of its result. For ReLU `x` may be the result instead of the argument.
/// Where x is NaN the gradient passes, so that an overflow does not look like a gradient of 0.
template <typename T, Activation kind>
Floats backThrough(Floats gradient, Floats x) {
  if constexpr (kind == kRelu) return x <= 0.f ? Floats{} : gradient;
  if constexpr (kind == kSilu) return gradient * siluSlope<T>(x);
  if constexpr (kind == kRelu6) return (x <= 0.f) | (x >= 6.f) ? Floats{} : gradient;
  return gradient;
}

/// The normalisation of each channel, (x - mean) * factor + shift, by tables that {@link Tables} owns.
struct Normalization {
  Floats operator()(Floats x, int64_t column) const { return (x - load(mean + column)) * load(factor + column) + load(shift + column); }

  const float *mean, *factor, *shift;
};

struct Tables {
  Tables(const Channels& channels, const at::Tensor& statistics, const at::Tensor& weight, const at::Tensor& bias)
      : mean(channels.tile([m = statistics.data_ptr<double>()](int64_t c) { return m[c]; })),
        factor(channels.tile([i = statistics.data_ptr<double>() + channels.count, w = weight.data_ptr<float>()](int64_t c) { return i[c] * w[c]; })),
        shift(channels.tile([b = bias.data_ptr<float>()](int64_t c) { return b[c]; })) {}

  Normalization normalization() const { return {mean.data(), factor.data(), shift.data()}; }

  const std::vector<float> mean, factor, shift;
};

/// [2, C] float64: the mean and 1 / sqrt(variance + epsilon) of each channel, given the mean and the biased variance over `rows` values.
/// Running statistics, where given, move by `factor` towards the mean and the unbiased variance.
at::Tensor statisticsOf(const std::vector<double>& mean, const std::vector<double>& variance, double rows, const c10::optional<at::Tensor>& runningMean,
                        const c10::optional<at::Tensor>& runningVariance, double factor, double epsilon);

/// The mean and 1 / sqrt(variance + epsilon) of each channel, [2, C] float64. With `batch` they are of x, and running statistics, where
/// given, move by `factor` towards x's mean and unbiased variance; else they are the running ones. Checks all tensors of channels.
at::Tensor normStatistics(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& runningMean,
                          const c10::optional<at::Tensor>& runningVariance, bool batch, double factor, double epsilon);

struct NormGradients {
  at::Tensor x, weight, bias, residual;
};

/// Gradients of y = act((x - mean) inverse weight + bias + residual), given that of y: those of x, weight, bias and residual that are
/// wanted. `y` is needed for ReLU with a residual only. `x` may be undefined where no gradient is computed from it.
NormGradients normGradients(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& statistics, int64_t activation, bool batch, std::array<bool, 4> wanted);

/// The operator: act(norm(x) + residual).
at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& residual,
                     const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance, bool batch, double factor,
                     double epsilon, int64_t activation);

}  // namespace advprop
