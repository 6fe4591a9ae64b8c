#include "layers.h"

#include "tensors/packed_weights.h"

namespace advprop {

namespace {

const float* floatsOf(const at::Tensor& tensor, int64_t count, const char* name) {
  TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.numel() == count, name, " must be float32 with ", count,
              " values; got ", tensor.scalar_type(), " ", tensor.sizes());
  return tensor.data_ptr<float>();
}

at::Tensor packedPointwise(const at::Tensor& weight, int64_t outputs, int64_t inputs, at::ScalarType dtype) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(0) == outputs && weight.size(1) == inputs, "a 1x1 convolution's weight must be [", outputs, ", ", inputs,
              ", 1, 1]; got ", weight.sizes());
  return packedWeight(weight, dtype, &packPointwise);
}

template <int64_t stride>
at::Tensor packDepthwisePanels(const at::Tensor& weight, at::ScalarType dtype) {
  return packDepthwise(weight, kPanel, stride, dtype);
}

/// [E, S, 1, 1] to [S, E].
at::Tensor transpose(const at::Tensor& weight, at::ScalarType) { return weight.flatten(1).t().contiguous(); }

}  // namespace

void checkNorm(const at::Tensor* norm, int64_t channels) {
  for (int i = 0; i < 4; ++i) {
    TORCH_CHECK(norm[i].dim() == 1 && norm[i].size(0) == channels && norm[i].scalar_type() == at::kFloat && norm[i].is_contiguous(),
                "a norm's scale, shift, mean and variance must be float32 with ", channels, " values; got ", norm[i].scalar_type(), " ", norm[i].sizes());
  }
}

InvertedResidualLayers::InvertedResidualLayers(const at::Tensor& x, const at::Tensor& expand_, const at::Tensor& depthwise_, at::TensorList squeeze,
                                               const at::Tensor& project_, int64_t stride, at::IntArrayRef padding)
    : expands(expand_.defined()) {
  TORCH_CHECK(x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.dim() == 4 && x.numel() > 0,
              "x must be float32 or bfloat16 [N, C, H, W] on the CPU; got ", x.scalar_type(), " ", x.sizes());
  TORCH_CHECK(depthwise_.dim() == 4 && (depthwise_.size(2) == 3 || depthwise_.size(2) == 5) && (stride == 1 || stride == 2) && padding.size() == 4,
              "the depthwise weight must be [C, 1, k, k] with k 3 or 5, the stride 1 or 2, the padding (left, right, top, bottom); got ",
              depthwise_.sizes(), ", ", stride, " and ", padding);
  TORCH_CHECK(squeeze.size() == 4, "squeeze must be two weights and biases; got ", squeeze.size(), " tensors");
  images = x.size(0);
  inputs = x.size(1);
  expanded = depthwise_.size(0);
  outputs = project_.size(0);
  squeezed = squeeze[1].numel();
  const int64_t height = x.size(2), width = x.size(3), kernel = depthwise_.size(2);
  const int64_t spareRows = height + padding[2] + padding[3] - kernel, spareColumns = width + padding[0] + padding[1] - kernel;
  TORCH_CHECK(spareRows >= 0 && spareColumns >= 0, "the kernel of ", kernel, " is larger than the padded input ", x.sizes());
  panel = {kPanel, height, width, spareRows / stride + 1, spareColumns / stride + 1, padding[0], padding[2], kernel, stride};
  TORCH_CHECK(expands || expanded == inputs, "without an expansion the depthwise channels are those of x");
  TORCH_CHECK(inputs > 0 && expanded > 0 && outputs > 0, "the layers must have channels");
  const at::ScalarType dtype = x.scalar_type();
  if (expands) {
    const PackedPointwise packed(keep(packedPointwise(expand_, expanded, inputs, dtype)), dtype, expanded, inputs);
    expand = packed.forward;
    expandGradient = packed.gradient;
  }
  const PackedPointwise packed(keep(packedPointwise(project_, outputs, expanded, dtype)), dtype, outputs, expanded);
  project = packed.forward;
  projectGradient = packed.gradient;
  const at::Tensor taps = packedWeight(depthwise_, dtype, stride == 1 ? &packDepthwisePanels<1> : &packDepthwisePanels<2>);
  depthwise = floatsOf(keep(taps), 2 * padded() * kernel * kernel, "the packed depthwise weight");
  depthwiseGradient = depthwise + padded() * kernel * kernel;
  reduce = floatsOf(keep(squeeze[0].detach()), squeezed * expanded, "the reducing weight");
  reduceBias = floatsOf(keep(squeeze[1].detach()), squeezed, "the reducing bias");
  expandGate = floatsOf(keep(packedWeight(squeeze[2], at::kFloat, &transpose)), squeezed * expanded, "the expanding weight");
  expandGateBias = floatsOf(keep(squeeze[3].detach()), expanded, "the expanding bias");
}

const at::Tensor& InvertedResidualLayers::keep(const at::Tensor& tensor) {
  alive.push_back(tensor);
  return alive.back();
}

}  // namespace advprop
