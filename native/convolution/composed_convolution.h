// Convolutions by libtorch, for the cases that our kernels do not take.
#pragma once
#include <ATen/ATen.h>

namespace advprop {

/// libtorch's convolution of x [N, C, H, W] with weight [O, C / groups, k, k], a bias [O] if it is defined, and zeros on each side (left,
/// right, top, bottom). The result has x's dtype. bfloat16 is computed in float32, because libtorch adds in bfloat16 where the processor has
/// no instructions for it.
at::Tensor composedConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding, int64_t groups = 1,
                               const at::Tensor& bias = {});

/// Our kernels read float32 weights: converts a bfloat16 weight, and returns any other as it is.
inline at::Tensor floatWeight(const at::Tensor& weight) { return weight.scalar_type() == at::kBFloat16 ? weight.to(at::kFloat) : weight; }

}  // namespace advprop
