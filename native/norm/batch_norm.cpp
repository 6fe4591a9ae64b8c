// Batch norm with residual and activation, y = act((x - mean) / sqrt(variance + epsilon) * weight + bias + residual), in as few
// passes over memory as the formula allows: channels-last float32 and bfloat16 on the CPU, statistics in float32 and
// float64. Every other tensor goes through libtorch's operators.
//
// The kernel of libtorch 1.13 for this layout adds the values of a channel one after another in float32. Over 128 x 32 x 32
// values its variance has a relative error of 1e-5, a hundred times the rounding of the result.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profile/disabled_kernels.h"

#include "batch_norm.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Calls `work` with a value of the tensor's type and the activation as a constant.
template <typename Work>
void dispatch(at::ScalarType type, int64_t activation, const Work& work) {
  const auto withType = [&](auto kind) {
    if (type == at::kFloat) return work(float{}, kind);
    return work(at::BFloat16{}, kind);
  };
  if (activation == kRelu) return withType(std::integral_constant<Activation, kRelu>{});
  if (activation == kSilu) return withType(std::integral_constant<Activation, kSilu>{});
  if (activation == kRelu6) return withType(std::integral_constant<Activation, kRelu6>{});
  return withType(std::integral_constant<Activation, kIdentity>{});
}

/// The operator, given the statistics. For the gradient it keeps x; with running statistics, a residual and ReLU the result is
/// enough.
struct Normalize : torch::autograd::Function<Normalize> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const c10::optional<at::Tensor>& added, const at::Tensor& statistics, int64_t activation, bool batch) {
    const at::Tensor residual = added.value_or(at::Tensor());
    const Channels channels(x);
    const Tables tables(channels, statistics, weight, bias);
    const Normalization normalize = tables.normalization();
    at::Tensor y = at::empty_like(x, at::MemoryFormat::ChannelsLast);
    dispatch(x.scalar_type(), activation, [&](auto zero, auto kind) {
      using T = decltype(zero);
      const T *in = x.data_ptr<T>(), *other = residual.defined() ? residual.data_ptr<T>() : nullptr;
      T* out = y.data_ptr<T>();
      if (other == nullptr) {
        channels.eachVector([=](int64_t at, int64_t column) { store(out + at, activate<T, kind>(normalize(load(in + at), column))); });
      } else {
        channels.eachVector(
            [=](int64_t at, int64_t column) { store(out + at, activate<T, kind>(normalize(load(in + at), column) + load(other + at))); });
      }
    });
    const bool needsInput = batch || weight.requires_grad() || bias.requires_grad() || (activation != kIdentity && !residual.defined());
    const bool needsResult = activation == kRelu && residual.defined();
    context->save_for_backward({needsInput ? x : at::Tensor(), needsResult ? y : at::Tensor(), weight, bias, statistics});
    context->saved_data["activation"] = activation;
    context->saved_data["batch"] = batch;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    std::array<bool, 4> wanted;
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = context->needs_input_grad(i);
    const NormGradients all = normGradients(gradients[0], saved[0], saved[1], saved[2], saved[3], saved[4], context->saved_data["activation"].toInt(),
                                            context->saved_data["batch"].toBool(), wanted);
    return {all.x, all.weight, all.bias, all.residual, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

/// running += factor * (observed - running), for one channel.
void moveTowards(const c10::optional<at::Tensor>& running, int64_t channel, double observed, double factor) {
  if (!running.has_value() || factor == 0) return;
  float& value = running->data_ptr<float>()[channel];
  value = static_cast<float>(value + factor * (observed - value));
}

/// [2, C] float64: the mean and 1 / sqrt(variance + epsilon) of each channel over the batch. The running statistics are moved
/// towards them. Sums are of differences from the first pixel, because squares in float32 would lose precision where the mean is
/// large.
at::Tensor batchStatistics(const at::Tensor& x, const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance,
                           double factor, double epsilon) {
  const Channels channels(x);
  const auto rows = static_cast<double>(channels.rows());
  std::vector<double> mean(channels.count), variance(channels.count);
  dispatch(x.scalar_type(), kIdentity, [&](auto zero, auto) {
    using T = decltype(zero);
    const T* in = x.data_ptr<T>();
    const std::vector<float> pivots = channels.tile([&](int64_t c) { return static_cast<float>(in[c]); });
    const float* pivot = pivots.data();
    const std::vector<double> sums = channels.sums([=](int64_t at, int64_t column) {
      const Floats value = load(in + at) - load(pivot + column);
      return std::array<Floats, 2>{value, value * value};
    });
    for (int64_t c = 0; c < channels.count; ++c) {
      const double offset = sums[c] / rows;
      mean[c] = pivot[c] + offset;
      variance[c] = std::max(0., sums[channels.count + c] / rows - offset * offset);
    }
  });
  return statisticsOf(mean, variance, rows, runningMean, runningVariance, factor, epsilon);
}

/// The same two rows, from the running statistics.
at::Tensor runningStatistics(const at::Tensor& runningMean, const at::Tensor& runningVariance, double epsilon) {
  const int64_t count = runningMean.numel();
  at::Tensor statistics = at::empty({2, count}, at::kDouble);
  double* values = statistics.data_ptr<double>();
  for (int64_t c = 0; c < count; ++c) {
    values[c] = runningMean.data_ptr<float>()[c];
    values[count + c] = 1 / std::sqrt(runningVariance.data_ptr<float>()[c] + epsilon);
  }
  return statistics;
}

void checkSeveralValues(const at::Tensor& x) {
  TORCH_CHECK(x.numel() > x.size(1), "batch statistics need more than one value for each channel; got ", x.sizes());
}

/// The same by libtorch's operators, for all tensors that the kernel does not take.
at::Tensor composedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& residual,
                    const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance, bool batch, double factor,
                    double epsilon, int64_t activation) {
  if (batch) checkSeveralValues(x);
  at::Tensor y = at::batch_norm(x, weight, bias, runningMean, runningVariance, batch, factor, epsilon, /*cudnn_enabled=*/x.is_cuda());
  if (residual.has_value()) y = y + *residual;
  switch (activation) {
    case kRelu: return at::relu(y);
    case kSilu: return at::silu(y);
    case kRelu6: return at::hardtanh(y, 0, 6); // its gradient is 0 at 0 and 6, like that of the kernel
    default: return y;
  }
}

void checkChannelValues(const at::Tensor& values, const char* name, const at::Tensor& x) {
  TORCH_CHECK(values.dim() == 1 && values.size(0) == x.size(1) && values.scalar_type() == at::kFloat && values.is_contiguous(), name,
              " must be float32 with one value for each of the ", x.size(1), " channels; got ", values.scalar_type(), " ", values.sizes());
}

}  // namespace

at::Tensor statisticsOf(const std::vector<double>& mean, const std::vector<double>& variance, double rows, const c10::optional<at::Tensor>& runningMean,
                        const c10::optional<at::Tensor>& runningVariance, double factor, double epsilon) {
  const auto count = static_cast<int64_t>(mean.size());
  at::Tensor statistics = at::empty({2, count}, at::kDouble);
  double* values = statistics.data_ptr<double>();
  for (int64_t c = 0; c < count; ++c) {
    values[c] = mean[c];
    values[count + c] = 1 / std::sqrt(variance[c] + epsilon);
    moveTowards(runningMean, c, mean[c], factor);
    moveTowards(runningVariance, c, variance[c] * rows / (rows - 1), factor);
  }
  return statistics;
}

at::Tensor normStatistics(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& runningMean,
                          const c10::optional<at::Tensor>& runningVariance, bool batch, double factor, double epsilon) {
  checkChannelValues(weight, "weight", x);
  checkChannelValues(bias, "bias", x);
  if (runningMean.has_value()) checkChannelValues(*runningMean, "running_mean", x);
  if (runningVariance.has_value()) checkChannelValues(*runningVariance, "running_var", x);
  TORCH_CHECK(batch || (runningMean.has_value() && runningVariance.has_value()), "running statistics are needed where the batch's are not used");
  if (batch) checkSeveralValues(x);
  return batch ? batchStatistics(x, runningMean, runningVariance, factor, epsilon) : runningStatistics(*runningMean, *runningVariance, epsilon);
}

/// Let p be the gradient of the activation's argument, S the sum over a channel's n values, inverse = 1 / sqrt(variance + epsilon):
///
/// gradResidual = p,  gradBias = S(p),  gradWeight = S(p (x - mean)) inverse
/// gradX = weight inverse p                                                                 by running statistics
/// gradX = weight inverse (p - S(p) / n - (x - mean) inverse^2 S(p (x - mean)) / n)         by the batch's statistics
NormGradients normGradients(const at::Tensor& gradientOfY, const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& statistics, int64_t activation, bool batch, std::array<bool, 4> wanted) {
  const at::Tensor gradient = gradientOfY.contiguous(at::MemoryFormat::ChannelsLast);
  const Channels channels(gradient);
  const Tables tables(channels, statistics, weight, bias);
  const Normalization normalize = tables.normalization();
  const double* inverse = statistics.data_ptr<double>() + channels.count;
  const bool parameters = wanted[1] || wanted[2];

  at::Tensor gradX, gradWeight, gradBias, gradResidual;
  if (wanted[0]) gradX = at::empty_like(gradient, at::MemoryFormat::ChannelsLast);
  if (wanted[3]) {
    gradResidual = activation == kIdentity ? gradient : at::empty_like(gradient, at::MemoryFormat::ChannelsLast);
  }
  dispatch(gradient.scalar_type(), activation, [&](auto zero, auto kind) {
    using T = decltype(zero);
    const T* g = gradient.data_ptr<T>();
    const T* in = x.defined() ? x.data_ptr<T>() : nullptr;
    const T* result = y.defined() ? y.data_ptr<T>() : nullptr;
    T* toResidual = gradResidual.defined() && activation != kIdentity ? gradResidual.data_ptr<T>() : nullptr;
    // p at one place.
    const auto before = [=](int64_t at, int64_t column) {
      if constexpr (kind == kIdentity) return load(g + at);
      if constexpr (kind == kRelu) {
        if (result != nullptr) return backThrough<T, kind>(load(g + at), load(result + at));
      }
      return backThrough<T, kind>(load(g + at), normalize(load(in + at), column));
    };
    const auto observe = [=](int64_t at, Floats p) {
      if (toResidual != nullptr) store(toResidual + at, p);
      return p;
    };
    std::vector<double> sums;
    if (batch || parameters) {
      sums = channels.sums([=](int64_t at, int64_t column) {
        const Floats p = observe(at, before(at, column));
        return std::array<Floats, 2>{p, p * (load(in + at) - load(normalize.mean + column))};
      });
    }
    const double *sum = sums.data(), *product = sum + channels.count;
    if (gradX.defined() && batch) {
      T* out = gradX.data_ptr<T>();
      const auto rows = static_cast<double>(channels.rows());
      const std::vector<float> offsets = channels.tile([=](int64_t c) { return sum[c] / rows; });
      const std::vector<float> slopes = channels.tile([=](int64_t c) { return product[c] * inverse[c] * inverse[c] / rows; });
      channels.eachVector([=, offset = offsets.data(), slope = slopes.data()](int64_t at, int64_t column) {
        const Floats centered = load(in + at) - load(normalize.mean + column);
        const Floats p = before(at, column) - load(offset + column) - centered * load(slope + column);
        store(out + at, p * load(normalize.factor + column));
      });
    } else if (gradX.defined()) {
      T* out = gradX.data_ptr<T>();
      channels.eachVector(
          [=](int64_t at, int64_t column) { store(out + at, observe(at, before(at, column)) * load(normalize.factor + column)); });
    } else if (toResidual != nullptr && sums.empty()) {
      channels.eachVector([=](int64_t at, int64_t column) { observe(at, before(at, column)); });
    }
    if (wanted[1]) {
      gradWeight = at::empty_like(weight);
      for (int64_t c = 0; c < channels.count; ++c) gradWeight.data_ptr<float>()[c] = static_cast<float>(product[c] * inverse[c]);
    }
    if (wanted[2]) {
      gradBias = at::empty_like(bias);
      for (int64_t c = 0; c < channels.count; ++c) gradBias.data_ptr<float>()[c] = static_cast<float>(sum[c]);
    }
  });
  return {gradX, gradWeight, gradBias, gradResidual};
}

at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& residual,
                     const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance, bool batch, double factor,
                     double epsilon, int64_t activation) {
  TORCH_CHECK(activation >= kIdentity && activation <= kRelu6, "activation must be 0, 1, 2 or 3; got ", activation);
  // With silu or relu6 the residual would have to be kept for the gradient. libtorch's operators do that; the kernel does not.
  if (!isChannelsLast(x) || (residual.has_value() && activation >= kSilu) || isDisabled(Switchable::batchNorm)) {
    return composedNorm(x, weight, bias, residual, runningMean, runningVariance, batch, factor, epsilon, activation);
  }
  c10::optional<at::Tensor> other;
  if (residual.has_value()) {
    TORCH_CHECK(residual->sizes() == x.sizes() && residual->scalar_type() == x.scalar_type(), "the residual must have the shape and dtype of x, ",
                x.sizes(), "; got ", residual->sizes());
    other = residual->contiguous(at::MemoryFormat::ChannelsLast);
  }
  const at::Tensor statistics = normStatistics(x, weight, bias, runningMean, runningVariance, batch, factor, epsilon);
  return Normalize::apply(x, weight, bias, other, statistics, activation, batch);
}

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("batch_norm", &batchNorm); }

}  // namespace advprop
