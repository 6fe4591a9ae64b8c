// bfloat16 matrix products by emulated tile registers, as operators for tests on any processor. The kernels are compiled again here, with the
// emulation.
#define ADVPROP_EMULATED_TILES
#include <torch/library.h>

#include "inverted_residual/products.h"
#include "product/block_product.h"
#include "product/packed_matrix.h"
#include "product/pointwise_weight_gradient.cpp"

namespace advprop {

namespace {

using Half = at::BFloat16;

at::Tensor packed(const at::Tensor& right) {
  at::Tensor words = at::empty({packedWords<Half>(right.size(0), right.size(1))}, at::kFloat);
  packMatrix<Half>(right.data_ptr<float>(), right.size(0), right.size(1), right.size(1), 1, words.data_ptr<float>());
  return words;
}

/// [rows, depth] bfloat16 times [depth, columns] float32, which is rounded: [rows, columns] float32.
at::Tensor product(const at::Tensor& left, const at::Tensor& right) {
  const at::Tensor words = packed(right), result = at::empty({left.size(0), right.size(1)}, at::kFloat);
  const Product<Half, float> job{left.data_ptr<Half>(), result.data_ptr<float>(), left.size(0), {words.data_ptr<float>(), right.size(0), right.size(1)}};
  multiplyBlock(job, 0, left.size(0), 0, vectorsOf(right.size(1)));
  return result;
}

/// The same with a left factor in panels, as the expanded channels of an inverted residual are stored. The result is bfloat16.
at::Tensor productOfPanels(const at::Tensor& left, const at::Tensor& right) {
  const int64_t rows = left.size(0), depth = left.size(1), panels = (depth + kPanel - 1) / kPanel;
  // What is beyond the depth must not be read.
  const at::Tensor padded = at::full({rows, panels * kPanel}, std::nan(""), left.options());
  padded.narrow(1, 0, depth).copy_(left);
  const at::Tensor cut = padded.view({rows, panels, kPanel}).transpose(0, 1).contiguous();
  const at::Tensor words = packed(right), result = at::empty({rows, right.size(1)}, left.options());
  FromPanels<Half>{cut.data_ptr<Half>(), {words.data_ptr<float>(), depth, right.size(1)}, result.data_ptr<Half>(), nullptr, nullptr, nullptr}.run(rows);
  return result;
}

}  // namespace

}  // namespace advprop

TORCH_LIBRARY_FRAGMENT(advprop_emulated, library) {
  library.def("tile_product(Tensor left, Tensor right) -> Tensor", &advprop::product);
  library.def("tile_product_of_panels(Tensor left, Tensor right) -> Tensor", &advprop::productOfPanels);
  library.def("tile_weight_gradient(Tensor gradient, Tensor x) -> Tensor", &advprop::pointwiseWeightGradient);
}
