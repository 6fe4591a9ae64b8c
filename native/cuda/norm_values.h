// Batch norm's arithmetic on the values of one thread.
#pragma once
#include "launch.h"
#include "row_tiles.h"

namespace advprop::cuda {

/// 1 / (1 + e^-x). With bfloat16 the fast exponential and division are exact enough.
template <typename T>
__device__ inline float sigmoid(float x) {
  return sizeof(T) == 2 ? __fdividef(1.f, 1.f + __expf(-x)) : 1.f / (1.f + expf(-x));
}

template <typename T>
__device__ inline float activate(float x, int activation) {
  if (activation == kRelu) return x < 0.f ? 0.f : x;  // NaN stays
  if (activation == kSilu) return x * sigmoid<T>(x);
  if (activation == kRelu6) return x < 0.f ? 0.f : x > 6.f ? 6.f : x;
  return x;
}

/// The gradient of the activation's argument, given that of its result. For ReLU `x` may be the result instead of the argument.
/// Where x is NaN the gradient passes.
template <typename T>
__device__ inline float backThrough(float gradient, float x, int activation) {
  if (activation == kRelu) return x <= 0.f ? 0.f : gradient;
  if (activation == kRelu6) return x <= 0.f || x >= 6.f ? 0.f : gradient;
  if (activation == kSilu) {
    const float s = sigmoid<T>(x);
    return gradient * (s + x * s * (1.f - s));
  }
  return gradient;
}

/// The normalisation of a thread's channels, (x - mean) factor + shift.
template <int V>
struct Normalization {
  __device__ Normalization(const float* statistics, const float* weight, const float* bias, int64_t channels, int64_t channel) {
#pragma unroll
    for (int v = 0; v < V; ++v) {
      mean[v] = statistics[channel + v];
      inverse[v] = statistics[channels + channel + v];
      factor[v] = inverse[v] * weight[channel + v];
      shift[v] = bias[channel + v];
    }
  }
  __device__ float operator()(float x, int v) const { return (x - mean[v]) * factor[v] + shift[v]; }

  float mean[V], inverse[V], factor[V], shift[V];
};

/// Rows of one thread if nothing is summed: enough that the time to read the tables does not matter.
constexpr int kMapSteps = 8;
/// Rows that a thread reads before it uses the first: if it reads one tensor and writes another, and in all other cases.
constexpr int kAheadOfOne = 8, kAhead = 4;

}  // namespace advprop::cuda
