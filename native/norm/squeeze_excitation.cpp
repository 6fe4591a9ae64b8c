// Squeeze and excitation, y = x * gate with gate = sigmoid(expand(silu(reduce(mean of x over H and W)))), and the mean over H and W, as
// operators, so that tensors on a GPU can have kernels (cuda/squeeze_excitation.cpp). On the CPU they are libtorch's operators: most networks
// have the gate inside an inverted residual, which computes it itself. The gate and the means of bfloat16 are float32.
#include <ATen/ATen.h>
#include <torch/library.h>

namespace advprop {

namespace {

/// [N, C, H, W] to [N, C], in float32 for bfloat16. Sums are float64: libtorch adds the pixels of a channels-last image one after another.
at::Tensor averagePool(const at::Tensor& x) {
  const at::ScalarType dtype = x.scalar_type() == at::kBFloat16 ? at::kFloat : x.scalar_type();
  return x.mean({2, 3}, /*keepdim=*/false, at::kDouble).to(dtype);
}

at::Tensor squeezeExcitation(const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias, const at::Tensor& expandWeight,
                             const at::Tensor& expandBias) {
  const at::Tensor mean = averagePool(x).to(reduceWeight.scalar_type());
  const at::Tensor squeezed = at::silu(at::linear(mean, reduceWeight.flatten(1), reduceBias));
  const at::Tensor gate = at::sigmoid(at::linear(squeezed, expandWeight.flatten(1), expandBias));
  return x * gate.to(x.scalar_type()).unsqueeze(-1).unsqueeze(-1);
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("squeeze_excitation", &squeezeExcitation);
  library.impl("average_pool", &averagePool);
}

}  // namespace advprop
