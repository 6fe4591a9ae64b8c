// The activation x sigmoid(x), for a vector or a group of vectors. `T` is the type of the tensor: for bfloat16 a less precise
// sigmoid is enough.
#pragma once
#include <type_traits>

#include "vector.h"

namespace advprop {

template <typename T, typename V>
inline __attribute__((always_inline)) V sigmoidFor(const V& x) {
  return sigmoid<std::is_same_v<T, at::BFloat16>>(x);
}

template <typename T>
inline Floats silu(Floats x) {
  return x * sigmoidFor<T>(x);
}

template <typename V>
struct SiluAndSlope {
  V value, slope;
};

/// silu(x) and its derivative.
template <typename T, typename V>
inline __attribute__((always_inline)) SiluAndSlope<V> siluAndSlope(const V& x) {
  const V s = sigmoidFor<T>(x);
  const V value = each([](Floats a, Floats b) { return a * b; }, x, s);
  return {value, each([](Floats of, Floats silu) { return of + silu * (1.f - of); }, s, value)};
}

/// The derivative of silu alone.
template <typename T>
inline Floats siluSlope(Floats x) {
  return siluAndSlope<T>(x).slope;
}

}  // namespace advprop
