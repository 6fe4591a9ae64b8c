// Weights in the order in which kernels read them: packed once after each change, however many passes read them.
#pragma once
#include <ATen/ATen.h>

namespace advprop {

/// Gives a weight, outside of every graph, as kernels read it for activations of a dtype.
using Pack = at::Tensor (*)(const at::Tensor& weight, at::ScalarType dtype);

/// pack(weight, dtype), which is kept until the weight's elements change or are freed. A tensor that shares the elements and their
/// version, as a detached one does, finds what was kept. A result that is itself a view of the weight is not kept.
///
/// Each thread keeps its own, because no tensor is used by two.
at::Tensor packedWeight(const at::Tensor& weight, at::ScalarType dtype, Pack pack);

/// Frees what this thread keeps of weights that were freed.
void freeUnusedPackedWeights();

/// Frees all that this thread keeps: what is packed while a graph is captured has no values before the graph is replayed, and what
/// was packed before that would not be packed anew by a replay.
void forgetPackedWeights();

}  // namespace advprop
