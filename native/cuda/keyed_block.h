// Keyed draws on the GPU: the numbers of src/random.ts and native/step/keyed_random.cpp.
#pragma once
#include "../step/philox.h"
#include "device.h"
#include "launch.h"

namespace advprop::cuda {

/// Block `index` of a sample's draws.
__device__ inline PhiloxBlock keyedBlock(const DrawKey& key, int64_t sample, int64_t index) {
  return philox4x32({{static_cast<uint32_t>(index), static_cast<uint32_t>(sample), key.epoch, key.use}}, key.seed);
}

}  // namespace advprop::cuda
