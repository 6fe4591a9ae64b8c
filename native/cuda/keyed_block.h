// Keyed draws on the GPU: the numbers of src/random.ts and native/kernels/keyed_random.cpp.
#pragma once
#include "../kernels/philox.h"
#include "device.h"
#include "launch.h"

namespace advprop::cuda {

/// Block `index` of a sample's draws.
__device__ inline PhiloxBlock keyedBlock(const DrawKey& key, int64_t sample, int64_t index) {
  return philox4x32({{static_cast<uint32_t>(index), static_cast<uint32_t>(sample), key.epoch, key.use}}, {key.seedLow, key.seedHigh});
}

/// floor(word bound / 2^32): uniform in [0, bound)
__device__ inline int64_t toInteger(uint32_t word, int64_t bound) {
  return static_cast<int64_t>((static_cast<uint64_t>(word) * static_cast<uint64_t>(bound)) >> 32);
}

}  // namespace advprop::cuda
