#include "operator_work.h"

#include "profiled_kernel.h"

#include <ATen/ATen.h>

namespace advprop {

namespace {

/// The tensor at a place, undefined where there is none.
at::Tensor tensorAt(Values values, size_t place) {
  return place < values.size() && values[place].isTensor() ? values[place].toTensor() : at::Tensor();
}

/// Floating-point operations of each output element, for a weight [outputs, ...]: convolutions and affine layers alike.
double flopsByWeight(const at::Tensor& weight) { return weight.size(0) == 0 ? 0 : 2.0 * weight.numel() / weight.size(0); }

/// " 3x3", " depthwise 5x5 stride 2", " 7x7 of images stride 2"
std::string kernelDetail(ConvolutionKind kind, int64_t rows, int64_t columns, int64_t stride) {
  std::string detail = kind == ConvolutionKind::depthwise ? " depthwise " : " ";
  detail += std::to_string(rows) + "x" + std::to_string(columns);
  if (kind == ConvolutionKind::ofImages) detail += " of images";
  if (stride > 1) detail += " stride " + std::to_string(stride);
  return detail;
}

std::string kernelDetail(const at::Tensor& weight, ConvolutionKind other = ConvolutionKind::dense, int64_t stride = 1) {
  if (weight.dim() != 4) return "";
  const bool depthwise = weight.size(1) == 1 && weight.size(0) > 1;
  return kernelDetail(depthwise ? ConvolutionKind::depthwise : other, weight.size(2), weight.size(3), stride);
}

/// convolution_backward(gradient, input, weight, ..., output_mask): each gradient costs what the forward pass did.
OperatorWork convolutionGradients(Values inputs) {
  const at::Tensor gradient = tensorAt(inputs, 0), weight = tensorAt(inputs, 2);
  if (!gradient.defined() || !weight.defined() || !inputs.back().isBoolList()) return {};
  const auto mask = inputs.back().toBoolList();
  const bool input = mask.size() > 0 && mask[0], ofWeight = mask.size() > 1 && mask[1];
  const char* which = input && ofWeight ? " (both gradients)" : input ? " (input gradient)" : " (weight gradient)";
  return {(input + ofWeight) * flopsByWeight(weight) * gradient.numel(), 0, kernelDetail(weight) + which};
}

}  // namespace

OperatorWork workOf(const std::string& name, Values inputs) {
  if (name == "aten::convolution_backward") return convolutionGradients(inputs);
  if (name == "aten::conv2d" || name == "aten::convolution") {
    const at::Tensor weight = tensorAt(inputs, 1);
    return weight.defined() ? OperatorWork{0, flopsByWeight(weight), kernelDetail(weight)} : OperatorWork{};
  }
  if (name == "advprop::conv2d" && inputs.size() == 6) {
    const at::Tensor x = tensorAt(inputs, 0), weight = tensorAt(inputs, 1);
    if (!x.defined() || !weight.defined() || weight.dim() != 4) return {};
    const bool ofImages = x.dim() == 4 && x.size(1) == 3 && weight.size(2) > 1;
    const ConvolutionKind kind = ofImages ? ConvolutionKind::ofImages : ConvolutionKind::dense;
    return {0, flopsByWeight(weight), kernelDetail(weight, kind, inputs[3].toInt())};
  }
  if (name == "advprop::norm_relu_conv2d_3x3") return {0, flopsByWeight(tensorAt(inputs, 8)), ""};
  if (name == "aten::linear") {
    const at::Tensor weight = tensorAt(inputs, 1);
    return weight.defined() ? OperatorWork{0, flopsByWeight(weight), ""} : OperatorWork{};
  }
  const bool addition = name == "aten::addmm";
  if (addition || name == "aten::mm" || name == "aten::matmul" || name == "aten::bmm") {
    const at::Tensor left = tensorAt(inputs, addition ? 1 : 0);
    return left.defined() && left.dim() > 0 ? OperatorWork{0, 2.0 * left.size(-1), ""} : OperatorWork{};
  }
  return {};
}

std::string convolutionGradient(const char* which, ConvolutionKind kind, int64_t kernel, int64_t stride) {
  return "advprop::conv2d" + kernelDetail(kind, kernel, kernel, stride) + " (" + which + " gradient)";
}

double tensorBytes(Values values) {
  double bytes = 0;
  const auto add = [&](const at::Tensor& tensor) {
    if (tensor.defined()) bytes += static_cast<double>(tensor.numel()) * tensor.element_size();
  };
  for (const c10::IValue& value : values) {
    if (value.isTensor()) add(value.toTensor());
    else if (value.isTensorList()) for (const at::Tensor& tensor : value.toTensorVector()) add(tensor);
  }
  return bytes;
}

double elementsOfFirst(Values values) {
  const at::Tensor first = tensorAt(values, 0);
  return first.defined() ? static_cast<double>(first.numel()) : 0;
}

}  // namespace advprop
