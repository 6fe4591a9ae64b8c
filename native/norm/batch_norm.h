// Batch norm as other kernels see it: the formula by vectors, the statistics, the gradients.
#pragma once
#include "vectors/channels.h"
#include "vectors/silu.h"

namespace advprop {

/// Codes of the schema.
enum Activation : int64_t { kIdentity = 0, kRelu = 1, kSilu = 2, kRelu6 = 3 };

/// `T` is the tensor's type.
template <typename T, Activation kind>
Floats activate(Floats x) {
  if constexpr (kind == kRelu) return maximum(Floats{}, x);
  if constexpr (kind == kSilu) return silu<T>(x);
  if constexpr (kind == kRelu6) return minimum(spread(6.f), maximum(Floats{}, x));
  return x;
}

/// The gradient through the activation. For the rectifier its result serves as well as its argument.
template <typename T, Activation kind>
Floats backThrough(Floats gradient, Floats x) {
  if constexpr (kind == kRelu) return x > 0.f ? gradient : Floats{};
  if constexpr (kind == kSilu) return gradient * siluSlope<T>(x);
  if constexpr (kind == kRelu6) return (x > 0.f) & (x < 6.f) ? gradient : Floats{};
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

/// [2, C] float64: the mean and 1 / sqrt(variance + epsilon) of each channel, given the mean and the biased variance over so many
/// rows, towards whose mean and unbiased variance the running ones, where given, move by `factor`.
at::Tensor statisticsOf(const std::vector<double>& mean, const std::vector<double>& variance, double rows, const c10::optional<at::Tensor>& runningMean,
                        const c10::optional<at::Tensor>& runningVariance, double factor, double epsilon);

/// The mean and 1 / sqrt(variance + epsilon) of each channel, [2, C] float64: the batch's, towards whose mean and unbiased
/// variance the running ones, where given, move by `factor`, or the running ones. Checks the tensors of channels.
at::Tensor normStatistics(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& runningMean,
                          const c10::optional<at::Tensor>& runningVariance, bool batch, double factor, double epsilon);

struct NormGradients {
  at::Tensor x, weight, bias, residual;
};

/// The gradients that are wanted (of x, weight, bias, residual) of y = act((x - mean) inverse weight + bias + residual), given
/// that of y. `x` may be undefined where nothing is computed from it, `y` where there is no rectifier with a residual.
NormGradients normGradients(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& statistics, int64_t activation, bool batch, std::array<bool, 4> wanted);

/// The operator: act(norm(x) + residual).
at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& residual,
                     const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance, bool batch, double factor,
                     double epsilon, int64_t activation);

}  // namespace advprop
