// Calls a function for each vector of a panel [pixels, kPanel].
#pragma once
#include "layers.h"
#include "vectors/silu.h"

namespace advprop {

/// Work that begins with a silu, for a tensor of T: calls `use(at, channel, s)`, where s has the silu and its slope at `argument(at, channel)`.
template <typename T, typename Argument, typename Use>
struct OfSilu {
  Argument argument;
  Use use;
};
template <typename T, typename Argument, typename Use>
inline OfSilu<T, Argument, Use> ofSilu(const Argument& argument, const Use& use) {
  return {argument, use};
}

/// Calls `work(at, channel)` for the vectors of pixels `begin` to `end`.
template <typename Work>
inline __attribute__((always_inline)) void eachVectorOfPanel(int64_t begin, int64_t end, const Work& work) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
#pragma GCC unroll 4
    for (int64_t channel = 0; channel < kPanel; channel += kLanes) work(pixel * kPanel + channel, channel);
  }
}

/// The same for work with a silu: `Pixels` neighbours go through the silu side by side (`Group` in vector.h says why).
template <int Pixels, typename T, typename Argument, typename Use>
inline __attribute__((always_inline)) void besideOneAnother(int64_t pixel, const OfSilu<T, Argument, Use>& work) {
  constexpr int kVectors = Pixels * kPanelVectors;
  const int64_t first = pixel * kPanel;
  Group<kVectors> arguments;
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) arguments.vectors[v] = work.argument(first + v * kLanes, v % kPanelVectors * kLanes);
  const SiluAndSlope<Group<kVectors>> all = siluAndSlope<T>(arguments);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    work.use(first + v * kLanes, v % kPanelVectors * kLanes, SiluAndSlope<Floats>{all.value.vectors[v], all.slope.vectors[v]});
  }
}

template <typename T, typename Argument, typename Use>
inline __attribute__((always_inline)) void eachVectorOfPanel(int64_t begin, int64_t end, const OfSilu<T, Argument, Use>& work) {
  int64_t pixel = begin;
  for (; pixel + 2 <= end; pixel += 2) besideOneAnother<2>(pixel, work);
  if (pixel < end) besideOneAnother<1>(pixel, work);
}

template <typename Work>
inline __attribute__((always_inline)) void eachVectorOfPanel(int64_t pixels, const Work& work) {
  eachVectorOfPanel(0, pixels, work);
}

/// Work whose results are passed to `sink(channel, result)`.
template <typename Work, typename Sink>
inline __attribute__((always_inline)) auto into(const Sink& sink, const Work& work) {
  return [&](int64_t at, int64_t channel) { sink(channel, work(at, channel)); };
}
template <typename T, typename Argument, typename Use, typename Sink>
inline __attribute__((always_inline)) auto into(const Sink& sink, const OfSilu<T, Argument, Use>& work) {
  return ofSilu<T>(work.argument, [&](int64_t at, int64_t channel, const SiluAndSlope<Floats>& silu) { sink(channel, work.use(at, channel, silu)); });
}

}  // namespace advprop
