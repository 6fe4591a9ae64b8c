// Batch norm over the batches of all ranks together. By libtorch's operators, for any dtype and device.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "process_group.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kAllButChannels[] = {0, 2, 3};

/// [1, C, 1, 1] in a dtype.
at::Tensor byChannel(const at::Tensor& values, const at::Tensor& like) { return values.to(like.options()).view({1, -1, 1, 1}); }

/// Sums float64 values of each channel over all ranks (on the same device), and the number of values of a channel.
std::pair<std::vector<at::Tensor>, double> overRanks(const std::vector<at::Tensor>& values, int64_t rows) {
  at::Tensor all = at::cat({at::stack(values).flatten().cpu(), at::full({1}, static_cast<double>(rows), at::kDouble)});
  currentGroup().sum(all);
  const double total = all[-1].item<double>();
  const auto sums = all.slice(0, 0, -1).view({static_cast<int64_t>(values.size()), -1}).to(values[0].device());
  return {sums.unbind(0), total};
}

at::Tensor sumOf(const at::Tensor& x) { return at::sum(x, kAllButChannels, /*keepdim=*/false, at::kDouble); }

/// Activations in bfloat16 are normalised in float32.
at::Tensor precise(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

/// y = (x - mean) inverse weight + bias, with the mean and the biased variance over all ranks. Running statistics move towards the mean and
/// the unbiased variance. Let S be the sum over a channel's n values on all ranks and h = (x - mean) inverse. Then
/// gradX = weight inverse (g - S(g) / n - h S(g h) / n) is the gradient of the sum of all ranks' losses. The gradients of the parameters are
/// those of this rank's batch, as for every other parameter.
struct SyncedNorm : torch::autograd::Function<SyncedNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance, double factor, double epsilon) {
    const at::Tensor values = precise(x);
    const int64_t rows = x.numel() / x.size(1);
    // Squares are of differences from this rank's own mean, so that float32 loses no precision.
    const at::Tensor ownMean = sumOf(values) / rows;
    const at::Tensor ownSquares = sumOf(at::square(values - byChannel(ownMean, values)));
    const auto [sums, total] = overRanks({ownMean * rows, ownSquares + at::square(ownMean) * rows}, rows);
    const at::Tensor mean = sums[0] / total, variance = at::clamp_min(sums[1] / total - at::square(mean), 0);
    const at::Tensor inverse = at::rsqrt(variance + epsilon);
    if (runningMean.has_value()) runningMean->mul_(1 - factor).add_(mean, factor);
    if (runningVariance.has_value()) runningVariance->mul_(1 - factor).add_(variance * (total / (total - 1)), factor);
    context->save_for_backward({x, weight, mean, inverse});
    context->saved_data["total"] = total;
    const at::Tensor normal = (values - byChannel(mean, values)) * byChannel(inverse, values);
    return (normal * byChannel(weight, values) + byChannel(bias, values)).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &inverse = saved[3];
    const at::Tensor values = precise(x), gradient = precise(gradients[0]);
    const at::Tensor normal = (values - byChannel(saved[2], values)) * byChannel(inverse, values);
    const at::Tensor sum = sumOf(gradient), product = sumOf(gradient * normal);
    // Always sum: even if this rank wants no gradient, another may.
    const auto [sums, counted] = overRanks({sum, product}, x.numel() / x.size(1));
    TORCH_CHECK(counted == context->saved_data["total"].toDouble(), "the ranks are at different places of the network");
    at::Tensor gradX;
    if (context->needs_input_grad(0)) {
      const at::Tensor inner = gradient - byChannel(sums[0] / counted, values) - normal * byChannel(sums[1] / counted, values);
      gradX = (inner * byChannel(inverse, values) * byChannel(weight, values)).to(x.scalar_type());
    }
    return {gradX, product.to(weight.scalar_type()), sum.to(weight.scalar_type()), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor syncedNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& runningMean,
                      const c10::optional<at::Tensor>& runningVariance, double factor, double epsilon) {
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "x must be [N, C, H, W] with at least one value; got ", x.sizes());
  return SyncedNorm::apply(x, weight, bias, runningMean, runningVariance, factor, epsilon);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("synced_norm", &syncedNorm); }

}  // namespace advprop
