// Cross-entropy of float32 logits [N, K] with hard labels, and its gradient. Sums over a row are float64. Other tensors go through libtorch's
// operators.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "profile/disabled_kernels.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The integers that libtorch uses for them.
enum Reduction : int64_t { kNone = 0, kMean = 1, kSum = 2 };

/// The loss of a row of logits z is log sum_k e^(z_k) - (1 - smoothing) z_label - smoothing mean_k z_k.
struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits, const at::Tensor& labels, int64_t reduction, double smoothing) {
    const int64_t rows = logits.size(0), classes = logits.size(1);
    const float* z = logits.data_ptr<float>();
    const int64_t* label = labels.data_ptr<int64_t>();
    at::Tensor normalizers = at::empty({rows}, at::kDouble), losses = at::empty({rows}, at::kFloat);
    double* normalizer = normalizers.data_ptr<double>();
    double total = 0;
    for (int64_t n = 0; n < rows; ++n, z += classes) {
      TORCH_CHECK_INDEX(label[n] >= 0 && label[n] < classes, "Target ", label[n], " is out of bounds.");
      const float largest = *std::max_element(z, z + classes);
      double powers = 0, sum = 0;
      for (int64_t k = 0; k < classes; ++k) {
        powers += std::exp(z[k] - largest);
        sum += z[k];
      }
      normalizer[n] = largest + std::log(powers);
      // Without smoothing the mean must not be used: 0 times an infinite logit would be NaN.
      const double other = smoothing == 0 ? 0 : smoothing * (sum / static_cast<double>(classes));
      const double loss = normalizer[n] - (1 - smoothing) * z[label[n]] - other;
      losses.data_ptr<float>()[n] = static_cast<float>(loss);
      total += loss;
    }
    context->save_for_backward({logits, labels, normalizers});
    context->saved_data["reduction"] = reduction;
    context->saved_data["smoothing"] = smoothing;
    if (reduction == kNone) return losses;
    return at::scalar_tensor(reduction == kMean ? total / static_cast<double>(rows) : total, at::kFloat);
  }

  /// softmax(z)_k - smoothing / K - (1 - smoothing) [k = label], times the gradient of the row's loss.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &logits = saved[0], &labels = saved[1], &normalizers = saved[2], losses = gradients[0].contiguous();
    const int64_t reduction = context->saved_data["reduction"].toInt(), rows = logits.size(0), classes = logits.size(1);
    const double smoothing = context->saved_data["smoothing"].toDouble();
    at::Tensor result = at::empty_like(logits);
    const float *z = logits.data_ptr<float>(), *loss = losses.data_ptr<float>();
    float* to = result.data_ptr<float>();
    for (int64_t n = 0; n < rows; ++n, z += classes, to += classes) {
      const double weight = reduction == kNone ? loss[n] : reduction == kMean ? *loss / static_cast<double>(rows) : *loss;
      const auto factor = static_cast<float>(weight), share = static_cast<float>(smoothing / static_cast<double>(classes));
      const double normalizer = normalizers.data_ptr<double>()[n];
      for (int64_t k = 0; k < classes; ++k) to[k] = (std::exp(static_cast<float>(z[k] - normalizer)) - share) * factor;
      to[labels.data_ptr<int64_t>()[n]] -= static_cast<float>(1 - smoothing) * factor;
    }
    return {result, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor crossEntropy(const at::Tensor& logits, const at::Tensor& labels, int64_t reduction, double smoothing) {
  TORCH_CHECK(reduction >= kNone && reduction <= kSum, "reduction must be 0, 1 or 2; got ", reduction);
  const bool ours = logits.device().is_cpu() && logits.scalar_type() == at::kFloat && logits.dim() == 2 && logits.numel() > 0 &&
                    labels.device().is_cpu() && labels.scalar_type() == at::kLong && labels.dim() == 1 && labels.size(0) == logits.size(0) &&
                    !isDisabled(Switchable::crossEntropy);
  if (!ours) return at::cross_entropy_loss(logits, labels, {}, reduction, /*ignore_index=*/-100, smoothing);
  return CrossEntropy::apply(logits.contiguous(), labels.contiguous(), reduction, smoothing);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("cross_entropy", &crossEntropy); }

}  // namespace advprop
