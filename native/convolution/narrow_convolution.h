// 3x3 convolution with stride 1 and one zero on each side over sixteen channels in bfloat16, channels-last, as a plain sum. With so few
// channels the transforms of Winograd's form would cost more than the multiplications that they save.
#pragma once
#include "norm/batch_norm.h"

namespace advprop::narrow {

/// Whether this kernel takes a convolution of x from `inputs` to `outputs` channels.
bool applies(const at::Tensor& x, int64_t inputs, int64_t outputs);

/// As in winograd/winograd.h.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm = nullptr);
at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x = {}, const Normalization* norm = nullptr);

}  // namespace advprop::narrow
