// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11). It gives a block of four
// 32-bit words, which is a pure function of a 128-bit counter and a 64-bit key. src/random.ts computes the same numbers.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define ADVPROP_ANYWHERE __host__ __device__
#else
#define ADVPROP_ANYWHERE
#endif

namespace advprop {

struct PhiloxKey {
  uint32_t low, high;
};

/// The key of all draws of a seed. The seed must not be negative.
inline PhiloxKey philoxKey(int64_t seed) { return {static_cast<uint32_t>(seed), static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32)}; }

/// Four words: a counter, or the block that it gives.
struct PhiloxBlock {
  ADVPROP_ANYWHERE uint32_t operator[](int64_t lane) const { return word[lane]; }

  uint32_t word[4];
};

ADVPROP_ANYWHERE inline PhiloxBlock philox4x32(PhiloxBlock counter, PhiloxKey key) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key.low, static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key.high, static_cast<uint32_t>(product0)}};
    key.low += kWeyl0;
    key.high += kWeyl1;
  }
  return counter;
}

/// A uniform number in [0, 1) with 24 bits: exact in float32.
ADVPROP_ANYWHERE inline float toUniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// floor(word bound / 2^32): uniform in [0, bound)
ADVPROP_ANYWHERE inline int64_t toInteger(uint32_t word, int64_t bound) {
  return static_cast<int64_t>((static_cast<uint64_t>(word) * static_cast<uint64_t>(bound)) >> 32);
}

}  // namespace advprop
