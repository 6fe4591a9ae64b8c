// 3x3 convolution with stride 1 and one zero on each side in bfloat16, channels-last, by libtorch. Where the processor has AMX, libtorch's
// plain sum is up to three times as fast as our Winograd form in float32 (docs/speed.md).
#pragma once
#include "norm/batch_norm.h"

namespace advprop::direct {

/// Whether x is bfloat16 with at least as many pixels as 8 x 8, and the processor has tile registers.
bool applies(const at::Tensor& x);

/// As in winograd/winograd.h.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm = nullptr);
at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x = {}, const Normalization* norm = nullptr);

}  // namespace advprop::direct
