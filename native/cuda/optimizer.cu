// Optimisers: all parameters of a network in one pass.
#include "launch.h"
#include "pack.h"

namespace advprop::cuda {

namespace {

/// The update of one element of a parameter. Formulas: src/optim/sgd.ts, rmsprop.ts, adamw.ts.
struct Update {
  __device__ Update(const OptimizerRule& rule_, const OptimizerEntry& entry) : rule(rule_), rate(rule_.rate), decay(entry.decay) {
    if (rule.kind != kAdamW) return;
    const double updates = static_cast<double>(entry.updates + 1);
    meanScale = static_cast<float>(1 / (1 - pow(static_cast<double>(rule.beta1), updates)));
    squareScale = static_cast<float>(1 / (1 - pow(static_cast<double>(rule.beta2), updates)));
  }

  __device__ void operator()(float& weight, float gradient, float& first, float& second) const {
    if (rule.kind == kAdamW) {
      weight *= 1.f - rate * decay;
      first = rule.beta1 * first + (1.f - rule.beta1) * gradient;
      second = rule.beta2 * second + (1.f - rule.beta2) * gradient * gradient;
      weight -= rate * (first * meanScale) / (sqrtf(second * squareScale) + rule.epsilon);
      return;
    }
    gradient += decay * weight;
    if (rule.kind == kRmsProp) {
      second = rule.decay * second + (1.f - rule.decay) * gradient * gradient;
      first = rule.momentum * first + rate * gradient / sqrtf(second + rule.epsilon);
      weight -= first;
      return;
    }
    first = rule.momentum * first + gradient;
    weight -= rate * (rule.kind == kNesterov ? gradient + rule.momentum * first : first);
  }

  OptimizerRule rule;
  float rate, decay, meanScale = 1.f, squareScale = 1.f;
};

template <int V>
__device__ inline void updatePack(const OptimizerEntry& entry, const Update& update, int64_t at) {
  float weight[V], gradient[V], first[V] = {}, second[V] = {};
  load<V>(entry.weight + at, weight);
  load<V>(entry.gradient + at, gradient);
  if (entry.first != nullptr) load<V>(entry.first + at, first);
  if (entry.second != nullptr) load<V>(entry.second + at, second);
#pragma unroll
  for (int v = 0; v < V; ++v) update(weight[v], gradient[v], first[v], second[v]);
  store<V>(entry.weight + at, weight);
  if (entry.first != nullptr) store<V>(entry.first + at, first);
  if (entry.second != nullptr) store<V>(entry.second + at, second);
}

__device__ inline bool aligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

__global__ void __launch_bounds__(kThreads) optimizerKernel(const OptimizerEntry* entries, const int32_t* chunks, OptimizerRule rule) {
  const OptimizerEntry entry = entries[chunks[2 * blockIdx.x]];
  const Update update(rule, entry);
  const int64_t begin = chunks[2 * blockIdx.x + 1] * kOptimizerChunk;
  const int64_t end = entry.size - begin < kOptimizerChunk ? entry.size : begin + kOptimizerChunk;
  const bool wide = aligned(entry.weight) && aligned(entry.gradient) && aligned(entry.first) && aligned(entry.second);
  const int64_t packed = wide ? begin + (end - begin) / 4 * 4 : begin;
  for (int64_t at = begin + 4 * static_cast<int64_t>(threadIdx.x); at < packed; at += 4 * kThreads) updatePack<4>(entry, update, at);
  for (int64_t at = packed + threadIdx.x; at < end; at += kThreads) updatePack<1>(entry, update, at);
}

}  // namespace

int optimizerStep(const OptimizerEntry* entries, const int32_t* chunks, int64_t chunkCount, const OptimizerRule& rule, void* stream) {
  return LAUNCH((optimizerKernel), chunkCount, kThreads, stream, entries, chunks, rule);
}

}  // namespace advprop::cuda
