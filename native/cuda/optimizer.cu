// Optimisers: every parameter of a network in one pass, with the average of the weights and their bfloat16 copies.
#include "launch.h"
#include "pack.h"

namespace advprop::cuda {

namespace {

/// What one element of a parameter is changed by. Formulas: src/optim/sgd.ts, rmsprop.ts, adamw.ts.
struct Update {
  __device__ Update(const OptimizerRule& rule_, const OptimizerStep& step, const OptimizerEntry& entry)
      : rule(rule_), scale(*step.scale), rate(*step.rate), decay(entry.decay) {
    if (rule.kind != kAdamW) return;
    const double updates = static_cast<double>(*entry.updates + 1);
    meanScale = static_cast<float>(1 / (1 - pow(static_cast<double>(rule.beta1), updates)));
    squareScale = static_cast<float>(1 / (1 - pow(static_cast<double>(rule.beta2), updates)));
  }

  __device__ void operator()(float& weight, float gradient, float& first, float& second) const {
    gradient *= scale;
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
  float scale, rate, decay, meanScale = 1.f, squareScale = 1.f;
};

template <int V>
__device__ inline void updatePack(const OptimizerEntry& entry, const Update& update, const float* averageDecay, int64_t at) {
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
  if (entry.shadow != nullptr) store<V>(static_cast<BFloat16*>(entry.shadow) + at, weight);
  if (entry.average == nullptr) return;
  float average[V];
  load<V>(entry.average + at, average);
#pragma unroll
  for (int v = 0; v < V; ++v) average[v] += (1.f - *averageDecay) * (weight[v] - average[v]);
  store<V>(entry.average + at, average);
}

__device__ inline bool aligned(const void* address, int bytes) { return reinterpret_cast<uintptr_t>(address) % bytes == 0; }

__global__ void __launch_bounds__(kThreads) optimizerKernel(const OptimizerEntry* entries, const int32_t* chunks, OptimizerRule rule, OptimizerStep step) {
  const OptimizerEntry entry = entries[chunks[2 * blockIdx.x]];
  const Update update(rule, step, entry);
  const int64_t begin = chunks[2 * blockIdx.x + 1] * kOptimizerChunk;
  const int64_t end = entry.size - begin < kOptimizerChunk ? entry.size : begin + kOptimizerChunk;
  const bool wide = aligned(entry.weight, 16) && aligned(entry.gradient, 16) && aligned(entry.first, 16) && aligned(entry.second, 16) &&
                    aligned(entry.average, 16) && aligned(entry.shadow, 8);
  const int64_t packed = wide ? begin + (end - begin) / 4 * 4 : begin;
  for (int64_t at = begin + 4 * static_cast<int64_t>(threadIdx.x); at < packed; at += 4 * kThreads) {
    updatePack<4>(entry, update, step.averageDecay, at);
  }
  for (int64_t at = packed + threadIdx.x; at < end; at += kThreads) updatePack<1>(entry, update, step.averageDecay, at);
}

__global__ void countKernel(const OptimizerEntry* entries, int64_t count) {
  const int64_t number = threadNumber();
  if (number < count && entries[number].updates != nullptr) *entries[number].updates += 1;
}

}  // namespace

int optimizerStep(const OptimizerEntry* entries, const int32_t* chunks, int64_t chunkCount, const OptimizerRule& rule, const OptimizerStep& step,
                  void* stream) {
  return LAUNCH((optimizerKernel), chunkCount, kThreads, stream, entries, chunks, rule, step);
}

int countUpdates(const OptimizerEntry* entries, int64_t entryCount, void* stream) {
  return LAUNCH((countKernel), blocksFor(entryCount), kThreads, stream, entries, entryCount);
}

}  // namespace advprop::cuda
