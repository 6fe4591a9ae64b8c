// The forms of convolution that the operator advprop::conv2d chooses from, besides depthwise and pointwise convolution. Their kernels take
// float32 and bfloat16 on the CPU. Other tensors go to libtorch's convolution. Padding is (left, right, top, bottom).
#pragma once
#include <ATen/ATen.h>

namespace advprop {

/// Of images, whose channels are three colours, by 3x3 and 7x7 kernels.
at::Tensor imageConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);

/// 3x3 with stride 1 and one zero on each side.
at::Tensor convolution3x3(const at::Tensor& x, const at::Tensor& weight);

/// Without groups, of any square kernel and stride.
at::Tensor stridedConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);

}  // namespace advprop
