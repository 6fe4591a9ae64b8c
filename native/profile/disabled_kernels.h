// Switching kernels off, to measure what each of them saves (bench/kernels.mjs).
//
// ADVPROP_WITHOUT in the environment is a list of names, separated by commas. The operators of these kernels then call libtorch's
// operators, as they do for tensors that the kernel does not take. It is for measuring alone: results differ by rounding.
#pragma once

namespace advprop {

/// The kernels that libtorch's operators can replace. Whole inverted residuals, keyed random numbers and augmentation are not among them.
enum class Switchable {
  attackStep,
  batchNorm,
  branch,
  convolution3x3,
  depthwise,
  firstConvolution,
  gradientNorm,
  normReluConvolution,  // as one operator; the convolution by itself is convolution3x3
  optimizer,
  paddingShortcut,
  pixels,
  pointwise,
  stridedConvolution,
  weightAverage,
};

/// Whether ADVPROP_WITHOUT names the kernel.
bool isDisabled(Switchable kernel);

/// Reads ADVPROP_WITHOUT when the engine is loaded. Throws a UserError, ERR_ARGUMENT, if there is no kernel of a name.
void readDisabledKernels();

}  // namespace advprop
