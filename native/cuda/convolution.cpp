// The operator of convolution/conv2d.cpp on a GPU: by a kernel of this folder if there is one, otherwise by libtorch.
#include "convolution/check.h"
#include "operator.h"

namespace advprop::cuda {

namespace {

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias, int64_t stride, at::IntArrayRef padding,
                  int64_t groups) {
  checkConvolution(x, weight, stride, padding, groups);
  at::Tensor y;
  if (!bias.has_value()) {
    if (groups == x.size(1) && groups == weight.size(0)) y = depthwiseConvolution(x, weight, stride, padding);
    else if (groups == 1) y = firstConvolution(x, weight, stride, padding);
  }
  return y.defined() ? y : composed<decltype(conv2d)>("advprop::conv2d", x, weight, bias, stride, padding, groups);
}

}  // namespace

void registerConvolution(torch::Library& library) { library.impl("conv2d", &conv2d); }

}  // namespace advprop::cuda
