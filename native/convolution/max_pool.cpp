// Max pooling as an operator of ours, so that a kernel for GPUs can take its place. On the CPU it is libtorch's.
#include <ATen/ATen.h>
#include <torch/library.h>

namespace advprop {

namespace {

at::Tensor maxPool(const at::Tensor& x, int64_t size, int64_t stride, int64_t padding) { return at::max_pool2d(x, size, stride, padding); }

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) { library.impl("max_pool2d", &maxPool); }

}  // namespace advprop
