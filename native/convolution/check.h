// What the arguments of a convolution must be, on any device.
#pragma once
#include <ATen/ATen.h>

#include <algorithm>

namespace advprop {

/// Checks the shapes of x [N, I, H, W] and weight [O, I / groups, k, k], the stride and the zeros (left, right, top, bottom).
inline void checkConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding, int64_t groups) {
  TORCH_CHECK(groups >= 1, "groups must be at least 1; got ", groups);
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) * groups == x.size(1) && weight.size(0) % groups == 0,
              "x must be [N, I, H, W] and weight [O, I / groups, k, k]; got ", x.sizes(), " and ", weight.sizes(), " with groups ", groups);
  TORCH_CHECK(stride >= 1, "stride must be at least 1; got ", stride);
  TORCH_CHECK(padding.size() == 4 && std::all_of(padding.begin(), padding.end(), [](int64_t zeros) { return zeros >= 0; }),
              "padding must be four numbers (left, right, top, bottom), none negative; got ", padding);
  TORCH_CHECK(x.size(2) + padding[2] + padding[3] >= weight.size(2) && x.size(3) + padding[0] + padding[1] >= weight.size(3),
              "the padded input must be at least as large as the kernel; got x ", x.sizes(), ", padding ", padding, " and weight ", weight.sizes());
}

}  // namespace advprop
