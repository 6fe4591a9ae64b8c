// The activation x sigmoid(x), sixteen values at a time. `T` is the type of the tensor they belong to: sigmoids need no more
// precision than it has.
#pragma once
#include <type_traits>

#include "vector.h"

namespace advprop {

template <typename T>
inline Floats silu(Floats x) {
  return x * sigmoid<std::is_same_v<T, at::BFloat16>>(x);
}

/// Its derivative.
template <typename T>
inline Floats siluSlope(Floats x) {
  const Floats s = sigmoid<std::is_same_v<T, at::BFloat16>>(x);
  return s + x * s * (1.f - s);
}

}  // namespace advprop
