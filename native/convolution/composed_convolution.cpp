#include "composed_convolution.h"

namespace advprop {

at::Tensor composedConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding, int64_t groups,
                               const at::Tensor& bias) {
  const bool wide = x.device().is_cpu() && x.scalar_type() == at::kBFloat16;
  const at::ScalarType type = wide ? at::kFloat : x.scalar_type();
  const int64_t left = padding[0], right = padding[1], top = padding[2], bottom = padding[3];
  // If opposite sides have equal padding, libtorch's convolution pads by itself, without a padded copy of its input.
  const bool even = left == right && top == bottom;
  const at::Tensor input = even ? x : at::constant_pad_nd(x, padding);
  const std::vector<int64_t> zeros = even ? std::vector<int64_t>{top, left} : std::vector<int64_t>{0, 0};
  const at::Tensor y = at::conv2d(input.to(type), weight.to(type), bias.defined() ? bias.to(type) : bias, stride, zeros, 1, groups);
  return y.to(x.scalar_type());
}

}  // namespace advprop
