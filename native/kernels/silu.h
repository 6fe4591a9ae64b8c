// The activation x sigmoid(x), a vector at a time. `T` is the type of the tensor they belong to: sigmoids need no more
// precision than it has.
#pragma once
#include <type_traits>

#include "vector.h"

namespace advprop {

template <typename T>
inline Floats silu(Floats x) {
  return x * sigmoid<std::is_same_v<T, at::BFloat16>>(x);
}

struct SiluAndSlope {
  Floats value, slope;
};

/// It and its derivative.
template <typename T>
inline SiluAndSlope siluAndSlope(Floats x) {
  const Floats s = sigmoid<std::is_same_v<T, at::BFloat16>>(x);
  const Floats value = x * s;
  return {value, s + value * (1.f - s)};
}

/// Its derivative alone.
template <typename T>
inline Floats siluSlope(Floats x) {
  return siluAndSlope<T>(x).slope;
}

}  // namespace advprop
