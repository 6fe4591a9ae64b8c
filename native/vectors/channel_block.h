// A block of neighbouring channels of one pixel of a channels-last tensor, as float32 in two vector registers, or in one where
// there are only 16: then a kernel's tile of results, its weights and its input fit the registers together.
//
// Which channel lies in which lane depends on the dtype. A float32 block is one load for each register. A bfloat16 block of two
// registers is a single load: its even channels go to the first register and its odd ones to the second, which takes one shift and
// one mask. Most kernels treat all channels alike and need not know. Whoever stores something in this order (packed weights)
// asks `laneOf`.
#pragma once
#include "vector.h"

namespace advprop {

constexpr int kBlockVectors = kManyRegisters ? 2 : 1;
/// Channels of a block: 32 with AVX-512, 8 with AVX2.
constexpr int kBlock = kBlockVectors * kLanes;

struct ChannelBlock {
  Floats vectors[kBlockVectors];
};

inline __attribute__((always_inline)) void add(ChannelBlock& sum, const ChannelBlock& block) {
  for (int v = 0; v < kBlockVectors; ++v) sum.vectors[v] += block.vectors[v];
}

/// sum += a * b, in one rounding where the processor has fused multiply-add.
inline __attribute__((always_inline)) void multiplyAdd(ChannelBlock& sum, const ChannelBlock& a, const ChannelBlock& b) {
  for (int v = 0; v < kBlockVectors; ++v) sum.vectors[v] += a.vectors[v] * b.vectors[v];
}

/// Loads a block that was stored in the order of the lanes.
inline __attribute__((always_inline)) ChannelBlock loadLanes(const float* from) {
  ChannelBlock block;
  for (int v = 0; v < kBlockVectors; ++v) block.vectors[v] = load(from + v * kLanes);
  return block;
}

inline __attribute__((always_inline)) void storeLanes(float* to, const ChannelBlock& block) {
  for (int v = 0; v < kBlockVectors; ++v) advprop::store(to + v * kLanes, block.vectors[v]);
}

/// Stores a register to memory without going through the caches, where the processor can. The address must be a multiple of the register's size.
inline __attribute__((always_inline)) void streamRegister(void* to, Words value) {
#if defined(__AVX512F__)
  _mm512_stream_si512(static_cast<__m512i*>(to), (__m512i)value);
#elif defined(__AVX__)
  _mm256_stream_si256(static_cast<__m256i*>(to), (__m256i)value);
#else
  std::memcpy(to, &value, sizeof value);
#endif
}

/// A thread calls this after its last streamRegister, before another thread reads.
inline void finishStreaming() {
#ifdef __AVX__
  _mm_sfence();
#endif
}

/// Loads and stores a block of a tensor of this dtype, and says which lane a channel is in.
template <typename T>
struct BlockLayout;

template <>
struct BlockLayout<float> {
  static constexpr int laneOf(int channel) { return channel; }
  static inline __attribute__((always_inline)) ChannelBlock load(const float* from) { return loadLanes(from); }
  static inline __attribute__((always_inline)) void store(float* to, const ChannelBlock& block) { storeLanes(to, block); }
  /// Stores without going through the caches; `to` must be a multiple of kVectorBytes.
  static inline __attribute__((always_inline)) void stream(float* to, const ChannelBlock& block) {
    for (int v = 0; v < kBlockVectors; ++v) streamRegister(to + v * kLanes, (Words)block.vectors[v]);
  }
};

template <>
struct BlockLayout<c10::BFloat16> {
  static constexpr int laneOf(int channel) { return kBlockVectors == 1 ? channel : (channel & 1) * kLanes + channel / 2; }

  static inline __attribute__((always_inline)) ChannelBlock load(const c10::BFloat16* from) {
    ChannelBlock block;
    if constexpr (kBlockVectors == 1) {
      block.vectors[0] = advprop::load(from);
    } else {
      Words words;
      std::memcpy(&words, from, sizeof words);
      block.vectors[0] = (Floats)(words << 16);
      block.vectors[kBlockVectors - 1] = (Floats)(words & 0xffff0000u);
    }
    return block;
  }

  static inline __attribute__((always_inline)) void store(c10::BFloat16* to, const ChannelBlock& block) {
    if constexpr (kBlockVectors == 1) {
      advprop::store(to, block.vectors[0]);
    } else {
      const Words words = narrow(block.vectors[0], block.vectors[kBlockVectors - 1]);
      std::memcpy(to, &words, sizeof words);
    }
  }

  static inline __attribute__((always_inline)) void stream(c10::BFloat16* to, const ChannelBlock& block) {
    if constexpr (kBlockVectors == 1) store(to, block);
    else streamRegister(to, narrow(block.vectors[0], block.vectors[kBlockVectors - 1]));
  }

 private:
  static inline __attribute__((always_inline)) Words narrow(Floats even, Floats odd) {
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
    const __m512bh halves = _mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
    constexpr auto pair = [](int lane) { return lane | (lane + static_cast<int>(kLanes)) << 16; };
    const __m512i interleave = _mm512_setr_epi32(pair(0), pair(1), pair(2), pair(3), pair(4), pair(5), pair(6), pair(7), pair(8), pair(9),
                                                 pair(10), pair(11), pair(12), pair(13), pair(14), pair(15));
    return (Words)_mm512_permutexvar_epi16(interleave, (__m512i)halves);
#else
    return rounded(even) >> 16 | (rounded(odd) & 0xffff0000u);
#endif
  }
};

}  // namespace advprop
