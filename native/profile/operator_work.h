// The work of an operator, as far as its arguments tell: the arithmetic of a convolution or a matrix product, and the bytes of its tensors.
#pragma once
#include <ATen/core/ivalue.h>

#include <string>

namespace advprop {

using Values = c10::ArrayRef<const c10::IValue>;

struct OperatorWork {
  /// Floating-point operations; a multiply-add counts as two. `flops` is known before the operator runs; `flopsOfResult` is for each element of
  /// its first result.
  double flops = 0, flopsOfResult = 0;
  /// " 3x3" and the like, to distinguish operators of the same name. Empty for most.
  std::string detail;
};

/// The arithmetic of convolutions, of their wanted gradients, and of matrix products. Zero for other operators.
OperatorWork workOf(const std::string& name, Values inputs);

/// Bytes of the tensors among the values, lists included.
double tensorBytes(Values values);

/// Elements of the first value where that is a tensor, else 0.
double elementsOfFirst(Values values);

}  // namespace advprop
