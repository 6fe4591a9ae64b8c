// Weights in the order in which kernels read them. A weight is packed once after each change, for all passes until the next.
#pragma once
#include <ATen/ATen.h>

namespace advprop {

/// Packs a weight, which is detached, for activations of a dtype.
using Pack = at::Tensor (*)(const at::Tensor& weight, at::ScalarType dtype);

/// pack(weight, dtype). The result is kept until the weight's elements change or are freed. A detached tensor shares elements and version
/// with its weight, so it gets the same result. A result that is a view of the weight is not kept, because it would keep the weight alive.
///
/// Each thread has its own, because no two threads use the same tensor.
at::Tensor packedWeight(const at::Tensor& weight, at::ScalarType dtype, Pack pack);

/// Frees what this thread keeps of weights that were freed.
void freeUnusedPackedWeights();

/// Frees everything that this thread keeps. It is called before and after a CUDA graph is captured: the graph must pack the weights in
/// each replay, and what was packed during the capture has no values before the first.
void forgetPackedWeights();

}  // namespace advprop
