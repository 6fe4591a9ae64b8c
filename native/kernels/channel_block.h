// A block of neighbouring channels of one pixel of a channels-last tensor, in two vector registers as float32.
//
// Which channel lies in which lane depends on the dtype: a float32 block is two loads; of a bfloat16 block, which is one load, the even channels come into the first register and
// the odd ones into the second, because that needs one shift and one mask. Kernels that work channel by channel do not
// see the difference; what is kept in the same order (packed weights) asks `laneOf`.
#pragma once
#include "vector.h"

namespace advprop {

using UnalignedFloats = float __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
using UnalignedWords = uint32_t __attribute__((vector_size(kVectorBytes), aligned(2), may_alias));

/// Channels of a block: 32 with AVX-512.
constexpr int kBlock = 2 * kLanes;

struct ChannelBlock {
  Floats first, second;
};

inline __attribute__((always_inline)) void add(ChannelBlock& sum, const ChannelBlock& block) {
  sum.first += block.first;
  sum.second += block.second;
}

/// sum += a * b, in one rounding where the processor has fused multiply-add.
inline __attribute__((always_inline)) void multiplyAdd(ChannelBlock& sum, const ChannelBlock& a, const ChannelBlock& b) {
  sum.first += a.first * b.first;
  sum.second += a.second * b.second;
}

/// A block that was stored in the order of the lanes.
inline __attribute__((always_inline)) ChannelBlock loadLanes(const float* from) {
  return {*reinterpret_cast<const UnalignedFloats*>(from), *reinterpret_cast<const UnalignedFloats*>(from + kLanes)};
}

inline __attribute__((always_inline)) void storeLanes(float* to, const ChannelBlock& block) {
  *reinterpret_cast<UnalignedFloats*>(to) = block.first;
  *reinterpret_cast<UnalignedFloats*>(to + kLanes) = block.second;
}

/// Stores a register past the caches where the processor can; the address is then a multiple of its size.
inline __attribute__((always_inline)) void streamRegister(void* to, Words value) {
#if defined(__AVX512F__)
  _mm512_stream_si512(static_cast<__m512i*>(to), reinterpret_cast<__m512i>(value));
#else
  *static_cast<UnalignedWords*>(to) = value;
#endif
}

/// To be called by a thread after its last streamRegister, before others read.
inline void finishStreaming() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

/// How the channels of a tensor of this dtype come into a block and out of it.
template <typename T>
struct Channels;

template <>
struct Channels<float> {
  static constexpr int laneOf(int channel) { return channel; }
  static inline __attribute__((always_inline)) ChannelBlock load(const float* from) { return loadLanes(from); }
  static inline __attribute__((always_inline)) void store(float* to, const ChannelBlock& block) { storeLanes(to, block); }
  /// Past the caches, to a multiple of kVectorBytes.
  static inline __attribute__((always_inline)) void stream(float* to, const ChannelBlock& block) {
    streamRegister(to, reinterpret_cast<Words>(block.first));
    streamRegister(to + kLanes, reinterpret_cast<Words>(block.second));
  }
};

template <>
struct Channels<c10::BFloat16> {
  static constexpr int laneOf(int channel) { return (channel & 1) * kLanes + channel / 2; }

  static inline __attribute__((always_inline)) ChannelBlock load(const c10::BFloat16* from) {
    const Words words = *reinterpret_cast<const UnalignedWords*>(from);
    return {reinterpret_cast<Floats>(words << 16), reinterpret_cast<Floats>(words & 0xffff0000u)};
  }

  static inline __attribute__((always_inline)) void store(c10::BFloat16* to, const ChannelBlock& block) {
    *reinterpret_cast<UnalignedWords*>(to) = narrow(block);
  }
  static inline __attribute__((always_inline)) void stream(c10::BFloat16* to, const ChannelBlock& block) { streamRegister(to, narrow(block)); }

 private:
  static inline __attribute__((always_inline)) Words narrow(const ChannelBlock& block) {
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
    const __m512bh halves = _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(block.second), reinterpret_cast<__m512>(block.first));
    constexpr auto pair = [](int lane) { return lane | (lane + kLanes) << 16; };
    const __m512i interleave = _mm512_setr_epi32(pair(0), pair(1), pair(2), pair(3), pair(4), pair(5), pair(6), pair(7), pair(8), pair(9),
                                                 pair(10), pair(11), pair(12), pair(13), pair(14), pair(15));
    return reinterpret_cast<Words>(_mm512_permutexvar_epi16(interleave, reinterpret_cast<__m512i>(halves)));
#else
    return rounded(block.first) >> 16 | (rounded(block.second) & 0xffff0000u);
#endif
  }
};

}  // namespace advprop
