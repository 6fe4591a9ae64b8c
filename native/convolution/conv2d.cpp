// Two-dimensional convolution as an operator. The shapes choose the kernel. For tensors on a GPU cuda/convolution.cpp is called first.
#include <torch/library.h>

#include "check.h"
#include "composed_convolution.h"
#include "depthwise/depthwise.h"
#include "forms.h"
#include "product/pointwise.h"

namespace advprop {

namespace {

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, int64_t stride, at::IntArrayRef padding,
                  int64_t groups) {
  checkConvolution(x, weight, stride, padding, groups);
  if (bias.has_value()) return composedConvolution(x, weight, stride, padding, groups, *bias);
  const int64_t inputs = x.size(1), outputs = weight.size(0);
  const auto isPlain = [&](int64_t kernel, int64_t zeros) {
    return groups == 1 && stride == 1 && weight.size(2) == kernel && weight.size(3) == kernel &&
           padding == at::IntArrayRef{zeros, zeros, zeros, zeros};
  };
  if (isPlain(1, 0)) return pointwiseConvolution(x, weight);
  if (groups == inputs && groups == outputs) return depthwiseConvolution(x, weight, stride, padding);
  if (groups != 1) return composedConvolution(x, weight, stride, padding, groups);
  if (inputs == 3) return imageConvolution(x, weight, stride, padding);
  if (isPlain(3, 1)) return convolution3x3(x, weight);
  return stridedConvolution(x, weight, stride, padding);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("conv2d", &conv2d); }

}  // namespace advprop
