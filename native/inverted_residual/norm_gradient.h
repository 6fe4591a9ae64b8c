// The gradient through a norm by the batch's statistics in an inverted residual. Let p be the gradient of the activation's argument, S
// the sum over the batch, and n the number of values of a channel:
//
//     gradU = scale inverse (p - S(p) / n - (u - mean) inverse^2 S(p (u - mean)) / n)
#pragma once
#include "products.h"
#include "training.h"

namespace advprop {

/// A norm in the backward pass. First all units add p to its sums; then it gives the gradient of u for each p.
class NormBackwards {
 public:
  NormBackwards(const TrainedInvertedResidual& block, const at::Tensor& statistics, const at::Tensor& scale, const at::Tensor& shift, int64_t ofImage)
      : block_(block), channels_(block.expanded, 0), statistics_(statistics), scale_(scale), tables_(channels_, statistics, scale, shift),
        count_(static_cast<double>(block.images * ofImage)), sums_(at::zeros({block.units(), 2, block.padded()}, at::kDouble)) {}

  Normalization normalization() const { return tables_.normalization(); }

  /// Where a unit adds its sums of p and of p (u - mean) for a panel: two rows, `padded` apart.
  double* sumsOf(const Unit& unit, int64_t panel) const {
    return sums_.data_ptr<double>() + unit.first / block_.together() * 2 * block_.padded() + panel * kPanel;
  }

  /// Call this after all units have added their sums. Returns the gradients of scale and shift.
  std::pair<at::Tensor, at::Tensor> finish() {
    const at::Tensor total = sums_.sum(0);
    const double *sum = total.data_ptr<double>(), *product = sum + block_.padded(), *inverse = statistics_.data_ptr<double>() + block_.expanded;
    offsets_ = channels_.tile([sum, count = count_](int64_t c) { return sum[c] / count; });
    slopes_ = channels_.tile([product, inverse, count = count_](int64_t c) { return product[c] * inverse[c] * inverse[c] / count; });
    at::Tensor scale = at::empty_like(scale_), shift = at::empty_like(scale_);
    for (int64_t c = 0; c < block_.expanded; ++c) {
      scale.data_ptr<float>()[c] = static_cast<float>(product[c] * inverse[c]);
      shift.data_ptr<float>()[c] = static_cast<float>(sum[c]);
    }
    return {scale, shift};
  }

  /// The gradient of u given p and u.
  struct Through {
    Floats operator()(Floats p, Floats u, int64_t channel) const {
      const Floats centered = u - load(norm.mean + channel);
      return (p - load(offset + channel) - centered * load(slope + channel)) * load(norm.factor + channel);
    }
    Normalization norm;
    const float *offset, *slope;
  };
  Through through() const { return {normalization(), offsets_.data(), slopes_.data()}; }

 private:
  const TrainedInvertedResidual& block_;
  const Channels channels_;
  const at::Tensor statistics_, scale_;
  const Tables tables_;
  const double count_;
  const at::Tensor sums_;
  std::vector<float> offsets_, slopes_;
};

}  // namespace advprop
