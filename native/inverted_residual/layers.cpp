#include "layers.h"

namespace advprop {

namespace {

const float* floatsOf(const at::Tensor& tensor, int64_t count, const char* name) {
  TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.numel() == count, name, " must be float32 with ", count,
              " values; got ", tensor.scalar_type(), " ", tensor.sizes());
  return tensor.data_ptr<float>();
}

}  // namespace

void checkNorm(const at::Tensor* norm, int64_t channels) {
  for (int i = 0; i < 4; ++i) {
    TORCH_CHECK(norm[i].dim() == 1 && norm[i].size(0) == channels && norm[i].scalar_type() == at::kFloat && norm[i].is_contiguous(),
                "a norm's scale, shift, mean and variance must be float32 with ", channels, " values; got ", norm[i].scalar_type(), " ", norm[i].sizes());
  }
}

InvertedResidualLayers::InvertedResidualLayers(const at::Tensor& x, int64_t expanded_, int64_t outputs_, const at::Tensor& packedExpand,
                                               const at::Tensor& packedDepthwise, at::TensorList squeeze, const at::Tensor& packedProject,
                                               int64_t kernel, int64_t stride, at::IntArrayRef padding)
    : expanded(expanded_), outputs(outputs_), expands(packedExpand.defined()) {
  TORCH_CHECK(x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.dim() == 4 && x.numel() > 0,
              "x must be float32 or bfloat16 [N, C, H, W] on the CPU; got ", x.scalar_type(), " ", x.sizes());
  TORCH_CHECK((kernel == 3 || kernel == 5) && (stride == 1 || stride == 2) && padding.size() == 4,
              "the kernel must be 3 or 5, the stride 1 or 2, the padding (left, right, top, bottom); got ", kernel, ", ", stride, " and ", padding);
  TORCH_CHECK(squeeze.size() == 4, "squeeze must be two weights and biases; got ", squeeze.size(), " tensors");
  images = x.size(0);
  inputs = x.size(1);
  squeezed = squeeze[1].numel();
  const int64_t height = x.size(2), width = x.size(3);
  const int64_t spareRows = height + padding[2] + padding[3] - kernel, spareColumns = width + padding[0] + padding[1] - kernel;
  TORCH_CHECK(spareRows >= 0 && spareColumns >= 0, "the kernel of ", kernel, " is larger than the padded input ", x.sizes());
  panel = {kPanel, height, width, spareRows / stride + 1, spareColumns / stride + 1, padding[0], padding[2], kernel, stride};
  TORCH_CHECK(expands || expanded == inputs, "without an expansion the depthwise channels are those of x");
  if (expands) {
    const PackedPointwise packed(packedExpand, x.scalar_type(), expanded, inputs);
    expand = packed.forward;
    expandGradient = packed.gradient;
  }
  const PackedPointwise packed(packedProject, x.scalar_type(), outputs, expanded);
  project = packed.forward;
  projectGradient = packed.gradient;
  depthwise = floatsOf(packedDepthwise, 2 * padded() * kernel * kernel, "the packed depthwise weight");
  depthwiseGradient = depthwise + padded() * kernel * kernel;
  reduce = floatsOf(squeeze[0], squeezed * expanded, "the reducing weight");
  reduceBias = floatsOf(squeeze[1], squeezed, "the reducing bias");
  expandGate = floatsOf(squeeze[2], squeezed * expanded, "the turned expanding weight");
  expandGateBias = floatsOf(squeeze[3], expanded, "the expanding bias");
}

}  // namespace advprop
