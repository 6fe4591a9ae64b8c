// The gate of squeeze and excitation for one image in an inverted residual: two small layers in float32.
#pragma once
#include "layers.h"
#include "vectors/silu.h"

namespace advprop {

inline float dot(const float* a, const float* b, int64_t count) {
  Floats sums{};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) sums += load(a + i) * load(b + i);
  float sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) sum += sums[lane];
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

/// to += factor from
inline void addScaled(float* to, const float* from, float factor, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(to + i) + load(from + i) * factor);
  for (; i < count; ++i) to[i] += from[i] * factor;
}

inline float sigmoidOf(float x) { return sigmoid(spread(x))[0]; }

/// Computes gate[padded], and squeezed[squeezed], which is the argument of the silu, from the means of all channels.
inline void computeGate(const InvertedResidualLayers& block, const float* mean, float* gate, float* squeezed) {
  const int64_t expanded = block.expanded;
  std::copy(block.expandGateBias, block.expandGateBias + expanded, gate);
  std::fill(gate + expanded, gate + block.padded(), 0.f);
  for (int64_t j = 0; j < block.squeezed; ++j) {
    squeezed[j] = dot(block.reduce + j * expanded, mean, expanded) + block.reduceBias[j];
    addScaled(gate, block.expandGate + j * expanded, squeezed[j] * sigmoidOf(squeezed[j]), expanded);
  }
  for (int64_t c = 0; c < block.padded(); c += kLanes) store(gate + c, sigmoid(load(gate + c)));
}

/// Given the gradient of the gate, computes those of the means, share[padded], and of the silu's argument, gradSqueezed[squeezed]. The
/// gradient of the sigmoid's argument is written over that of the gate.
inline void gateGradient(const InvertedResidualLayers& block, const float* gate, const float* squeezed, float* gradient, float* share,
                         float* gradSqueezed) {
  const int64_t expanded = block.expanded;
  for (int64_t c = 0; c < block.padded(); c += kLanes) {
    const Floats g = load(gate + c);
    store(gradient + c, load(gradient + c) * g * (1.f - g));
  }
  std::fill(share, share + block.padded(), 0.f);
  for (int64_t j = 0; j < block.squeezed; ++j) {
    const float sigmoid = sigmoidOf(squeezed[j]);
    const float slope = sigmoid * (1 + squeezed[j] * (1 - sigmoid));
    gradSqueezed[j] = slope * dot(block.expandGate + j * expanded, gradient, expanded);
    addScaled(share, block.reduce + j * expanded, gradSqueezed[j], expanded);
  }
}

}  // namespace advprop
