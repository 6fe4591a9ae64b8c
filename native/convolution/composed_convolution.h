// What convolutions without a kernel of ours go through.
#pragma once
#include <ATen/ATen.h>

namespace advprop {

/// libtorch's convolution of x [N, C, H, W] with weight [O, C / groups, k, k], perhaps a bias [O], and zeros on each side (left, right,
/// top, bottom): in x's dtype, but bfloat16 by way of float32, because libtorch adds in bfloat16 where the processor has no
/// instructions for it.
at::Tensor composedConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding, int64_t groups = 1,
                               const at::Tensor& bias = {});

/// A bfloat16 weight as the float32 one that our kernels read; any other as it is.
inline at::Tensor floatWeight(const at::Tensor& weight) { return weight.scalar_type() == at::kBFloat16 ? weight.to(at::kFloat) : weight; }

}  // namespace advprop
