// What an operator's arguments say about its work: the multiplications of a convolution or a matrix product, the bytes of
// the tensors that go in and come out.
#pragma once
#include <ATen/core/ivalue.h>

#include <string>

namespace advprop {

using Values = c10::ArrayRef<const c10::IValue>;

struct OperatorWork {
  /// Floating-point operations, a multiplication and an addition being two: those that are known before the operator runs,
  /// and those of each element of its first result.
  double flops = 0, flopsOfResult = 0;
  /// " 3x3" and the like: what tells apart the operators of one name, empty for most.
  std::string detail;
};

/// The arithmetic of convolutions, their gradients (those that are asked for) and matrix products; nothing for others.
OperatorWork workOf(const std::string& name, Values inputs);

/// Bytes of the tensors among the values, lists included.
double tensorBytes(Values values);

/// Elements of the first value where that is a tensor, else 0.
double elementsOfFirst(Values values);

}  // namespace advprop
