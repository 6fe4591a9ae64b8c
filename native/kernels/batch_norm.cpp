// Batch norm by the batch's own statistics, channels-last float32 on the CPU; every other tensor goes to libtorch's.
//
// libtorch 1.13's kernel for this layout adds the values of a channel one after another in float32: over 128 x 32 x 32
// of them the variance is off by 1e-5, a hundred times the rounding of its result. Here the sums are float64, which
// costs nothing: the loops wait for memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A channels-last tensor as a matrix: one row a pixel, one column a channel.
struct Matrix {
  explicit Matrix(const at::Tensor& x) : rows(x.numel() / x.size(1)), channels(x.size(1)) {}
  int64_t rows, channels;
};

/// Two sums for each channel: `add(row, first, second)` adds the terms of one row. The parts do not depend on the number
/// of threads and are joined in order, so neither does the result.
template <typename Add>
std::vector<double> channelSums(const Matrix& matrix, const Add& add) {
  const int64_t columns = 2 * matrix.channels;
  const int64_t rowsOfPart = std::max<int64_t>(128, 32768 / matrix.channels);
  const int64_t parts = (matrix.rows + rowsOfPart - 1) / rowsOfPart;
  std::vector<double> sums(parts * columns);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      double* first = sums.data() + part * columns;
      const int64_t last = std::min(matrix.rows, (part + 1) * rowsOfPart);
      for (int64_t row = part * rowsOfPart; row < last; ++row) add(row, first, first + matrix.channels);
    }
  });
  for (int64_t part = 1; part < parts; ++part) {
    for (int64_t c = 0; c < columns; ++c) sums[c] += sums[part * columns + c];
  }
  sums.resize(columns);
  return sums;
}

/// Calls `work(row)` for every row, in parallel.
template <typename Work>
void eachRow(const Matrix& matrix, const Work& work) {
  const int64_t grain = std::max<int64_t>(1, at::internal::GRAIN_SIZE / matrix.channels);
  at::parallel_for(0, matrix.rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) work(row);
  });
}

/// The normalisation itself, given the batch's statistics: y = (x - mean) * inverse * weight + bias.
struct Normalize : torch::autograd::Function<Normalize> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& mean, const at::Tensor& inverse) {
    context->save_for_backward({x, weight, mean, inverse});
    at::Tensor y = at::empty_like(x, at::MemoryFormat::ChannelsLast);
    const Matrix matrix(x);
    const at::Tensor scale = (inverse * weight).to(at::kFloat), center = mean.to(at::kFloat), shift = bias.contiguous();
    const float *in = x.data_ptr<float>(), *a = scale.data_ptr<float>(), *m = center.data_ptr<float>(), *b = shift.data_ptr<float>();
    float* out = y.data_ptr<float>();
    eachRow(matrix, [&](int64_t row) {
      const float* __restrict from = in + row * matrix.channels;
      float* __restrict to = out + row * matrix.channels;
      for (int64_t c = 0; c < matrix.channels; ++c) to[c] = (from[c] - m[c]) * a[c] + b[c];
    });
    return y;
  }

  /// With S the sum over a channel's n values: gradBias = S(g), gradWeight = S(g (x - mean)) inverse,
  /// gradX = weight inverse (g - S(g) / n - (x - mean) inverse^2 S(g (x - mean)) / n).
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse = saved[3];
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const Matrix matrix(x);
    const int64_t channels = matrix.channels;
    const float *in = x.data_ptr<float>(), *g = gradient.data_ptr<float>();
    const double* m = mean.data_ptr<double>();
    std::vector<double> sums = channelSums(matrix, [&](int64_t row, double* __restrict first, double* __restrict second) {
      const float *__restrict values = in + row * channels, *__restrict slopes = g + row * channels;
      for (int64_t c = 0; c < channels; ++c) {
        first[c] += slopes[c];
        second[c] += slopes[c] * (values[c] - m[c]);
      }
    });
    const at::Tensor both = at::from_blob(sums.data(), {2, channels}, at::kDouble);
    const at::Tensor sum = both[0], product = both[1];

    at::Tensor gradX, gradWeight, gradBias;
    if (context->needs_input_grad(0)) {
      gradX = at::empty_like(x, at::MemoryFormat::ChannelsLast);
      const at::Tensor offset = (sum / matrix.rows).to(at::kFloat), center = mean.to(at::kFloat);
      const at::Tensor slope = (product * inverse * inverse / matrix.rows).to(at::kFloat);
      const at::Tensor factor = (inverse * weight).to(at::kFloat);
      const float *o = offset.data_ptr<float>(), *s = slope.data_ptr<float>(), *f = factor.data_ptr<float>(), *mid = center.data_ptr<float>();
      float* out = gradX.data_ptr<float>();
      eachRow(matrix, [&](int64_t row) {
        const float *__restrict values = in + row * channels, *__restrict slopes = g + row * channels;
        float* __restrict to = out + row * channels;
        for (int64_t c = 0; c < channels; ++c) to[c] = (slopes[c] - o[c] - (values[c] - mid[c]) * s[c]) * f[c];
      });
    }
    if (context->needs_input_grad(1)) gradWeight = (product * inverse).to(at::kFloat);
    if (context->needs_input_grad(2)) gradBias = sum.to(at::kFloat);
    return {gradX, gradWeight, gradBias, at::Tensor(), at::Tensor()};
  }
};

bool isOurs(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 4 && x.numel() > 0 &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

/// running += factor * (observed - running)
void moveTowards(const c10::optional<at::Tensor>& running, const at::Tensor& observed, double factor) {
  if (running.has_value()) running->copy_(running->to(at::kDouble).lerp(observed, factor));
}

at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& runningMean,
                     const c10::optional<at::Tensor>& runningVariance, double factor, double epsilon) {
  if (!isOurs(x)) return at::batch_norm(x, weight, bias, runningMean, runningVariance, /*training=*/true, factor, epsilon, /*cudnn_enabled=*/false);
  for (const at::Tensor& parameter : {weight, bias}) {
    TORCH_CHECK(parameter.dim() == 1 && parameter.size(0) == x.size(1) && parameter.scalar_type() == at::kFloat,
                "weight and bias must be float32 with one value for each of the ", x.size(1), " channels; got ", parameter.sizes());
  }
  const Matrix matrix(x);
  const float* in = x.data_ptr<float>();
  // The squares of float32 numbers are exact in float64, so one pass over the data suffices.
  std::vector<double> sums = channelSums(matrix, [&](int64_t row, double* __restrict first, double* __restrict second) {
    const float* __restrict values = in + row * matrix.channels;
    for (int64_t c = 0; c < matrix.channels; ++c) {
      const double value = values[c];
      first[c] += value;
      second[c] += value * value;
    }
  });
  const at::Tensor both = at::from_blob(sums.data(), {2, matrix.channels}, at::kDouble) / matrix.rows;
  const at::Tensor mean = both[0], variance = (both[1] - mean * mean).clamp_min(0);
  {
    const at::NoGradGuard noGrad;
    moveTowards(runningMean, mean, factor);
    moveTowards(runningVariance, variance * matrix.rows / (matrix.rows - 1), factor);
  }
  return Normalize::apply(x, weight, bias, mean, (variance + epsilon).rsqrt());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(advprop, library) {
  library.def(
      "batch_norm(Tensor x, Tensor weight, Tensor bias, Tensor(a!)? running_mean, Tensor(b!)? running_var, float factor, float epsilon) -> Tensor",
      &batchNorm);
}

}  // namespace advprop
