// Pointwise (1x1) convolution over channels-last tensors on the CPU: a matrix product, with one row for each pixel.
#pragma once
#include <ATen/ATen.h>

#include "matrix_product.h"

namespace advprop {

/// The convolution of x [N, I, H, W] with weight [O, I, 1, 1]. float32 and bfloat16 on the CPU are ours; every other case is libtorch's.
at::Tensor pointwiseConvolution(const at::Tensor& x, const at::Tensor& weight);

/// A weight [outputs, inputs, 1, 1], packed as words for activations of a dtype: first as the right factor of the forward pass,
/// [inputs, outputs], then as that of the input gradient, [outputs, inputs].
at::Tensor packPointwise(const at::Tensor& weight, at::ScalarType dtype);

/// The two factors in the memory of `packPointwise`.
struct PackedPointwise {
  PackedPointwise(const at::Tensor& packed, at::ScalarType dtype, int64_t outputs, int64_t inputs);
  PackedMatrix forward, gradient;
};

/// [N, depth, H, W] times [depth, columns]: [N, columns, H, W] of x's dtype. The pixels are the rows.
at::Tensor pointwiseProduct(const at::Tensor& x, const PackedMatrix& right);

/// The gradient of a weight, float32 [outputs, inputs, 1, 1]: the sum over all pixels of gradient x input, given
/// [N, outputs, H, W] and [N, inputs, H, W] of one dtype. Does not depend on the number of threads.
at::Tensor pointwiseWeightGradient(const at::Tensor& gradient, const at::Tensor& x);

/// Calls `work(zero)` with a value of the tensor's C++ type, float or BFloat16.
template <typename Work>
void withType(at::ScalarType type, const Work& work) {
  if (type == at::kFloat) return work(float{});
  work(at::BFloat16{});
}

}  // namespace advprop
