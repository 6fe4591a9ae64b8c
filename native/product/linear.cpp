// The affine layer as an operator, y[n, o] = sum over i of x[n, i] weight[o, i] + bias[o], in float32. A mini-batch has few rows, so
// each number of the weight is read once for several of them. Every other case goes through libtorch's operator.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"
#include "register_product.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int kRows = 8;                  // rows that are computed together: each number of the right factor is read once for them
constexpr int64_t kColumns = 2 * kLanes;  // columns of a tile

float sumOf(Floats values) {
  float sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) sum += values[lane];
  return sum;
}

/// The results of `Rows` rows for `Outputs` outputs.
template <int Rows, int Outputs>
void dot(const float* x, const float* weight, const float* bias, int64_t inputs, float* y, int64_t outputs) {
  Floats sums[Rows][Outputs] = {};
  for (int64_t i = 0; i < inputs; i += kLanes) {
#pragma GCC unroll 2
    for (int o = 0; o < Outputs; ++o) {
      const Floats w = load(weight + o * inputs + i);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) sums[r][o] += w * load(x + r * inputs + i);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int o = 0; o < Outputs; ++o) y[r * outputs + o] = sumOf(sums[r][o]) + bias[o];
  }
}

/// Calls `work(first, constant)` for groups of `most` of `count`, then for single ones.
template <int most, typename Work>
void inGroups(int64_t count, const Work& work) {
  int64_t at = 0;
  for (; at + most <= count; at += most) work(at, std::integral_constant<int, most>{});
  for (; at < count; ++at) work(at, std::integral_constant<int, 1>{});
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const int64_t rows = x.size(0), inputs = x.size(1), outputs = weight.size(0);
  at::Tensor y = at::empty({rows, outputs}, x.options());
  const float *in = x.data_ptr<float>(), *w = weight.data_ptr<float>(), *b = bias.data_ptr<float>();
  float* out = y.data_ptr<float>();
  at::parallel_for(0, (outputs + 1) / 2, 16, [=](int64_t begin, int64_t end) {
    const int64_t first = 2 * begin;
    inGroups<2>(std::min(outputs, 2 * end) - first, [=](int64_t o, auto together) {
      inGroups<kRows>(rows, [=](int64_t r, auto rowsTogether) {
        dot<rowsTogether(), together()>(in + r * inputs, w + (first + o) * inputs, b + first + o, inputs, out + r * outputs + first + o, outputs);
      });
    });
  });
  return y;
}

/// out[rows, columns] = a b. Rows of a [rows, depth] are `row` numbers apart and its columns `step`; b [depth, columns] is contiguous.
void multiply(const float* a, int64_t row, int64_t step, const float* b, int64_t rows, int64_t columns, int64_t depth, float* out) {
  at::parallel_for(0, columns / kColumns, 1, [=](int64_t begin, int64_t end) {
    for (int64_t column = begin * kColumns; column < end * kColumns; column += kColumns) {
      inGroups<kRows>(rows, [=](int64_t r, auto together) {
        product<together(), 2>(a + r * row, row, step, b + column, columns, depth, out + r * columns + column, columns);
      });
    }
  });
}

struct Linear : torch::autograd::Function<Linear> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    return advprop::forward(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], gradient = gradients[0].contiguous();
    const int64_t rows = gradient.size(0), outputs = gradient.size(1);
    const float* g = gradient.data_ptr<float>();
    at::Tensor gradX, gradWeight, gradBias;
    if (context->needs_input_grad(0)) {
      const ProfiledKernel profiled("advprop::linear (input gradient)", 2.0 * rows * weight.numel(), weight.nbytes() + gradient.nbytes(), 0);
      gradX = at::empty({rows, weight.size(1)}, gradient.options());
      multiply(g, outputs, 1, weight.data_ptr<float>(), rows, weight.size(1), outputs, gradX.data_ptr<float>());
    }
    if (context->needs_input_grad(1)) {
      const ProfiledKernel profiled("advprop::linear (weight gradient)", 2.0 * outputs * x.numel(), x.nbytes() + gradient.nbytes(), 0);
      gradWeight = at::empty({outputs, x.size(1)}, gradient.options());
      multiply(g, 1, outputs, x.data_ptr<float>(), outputs, x.size(1), rows, gradWeight.data_ptr<float>());
    }
    if (context->needs_input_grad(2)) gradBias = gradient.sum(0);
    return {gradX, gradWeight, gradBias};
  }
};

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto ours = [](const at::Tensor& tensor) { return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.numel() > 0; };
  if (!ours(x) || !ours(weight) || !ours(bias) || x.dim() != 2 || weight.dim() != 2 || x.size(1) != weight.size(1) ||
      bias.numel() != weight.size(0) || x.size(1) % kColumns != 0 || isDisabled(Switchable::linear)) {
    return at::linear(x, weight, bias);
  }
  return Linear::apply(x.contiguous(), weight.contiguous(), bias.contiguous());
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("linear", &linear); }

}  // namespace advprop
