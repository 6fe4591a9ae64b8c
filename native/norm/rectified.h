// What surrounds a convolution of relu(norm(x)): its input on the way in, and the gradient of x on the way out.
#pragma once
#include "batch_norm.h"

namespace advprop {

/// `prepare(vector of x, channel)` of an input that is convolved as it is.
constexpr auto kPlainInput = [](Floats value, int64_t) { return value; };

struct Rectified {
  Floats operator()(Floats value, int64_t channel) const { return maximum(Floats{}, norm(value, channel)); }
  Normalization norm;
};

/// `finish(result, place, channel)` of a result that is kept as it is.
constexpr auto kPlainResult = [](Floats value, int64_t, int64_t) { return value; };

/// Takes the gradient of relu(norm(x)) to that of x, the norm's statistics being constants.
template <typename T>
struct PassedBack {
  Floats operator()(Floats gradient, int64_t place, int64_t channel) const {
    const Floats passed = norm(load(x + place), channel) > 0.f ? gradient : Floats{};
    return passed * load(norm.factor + channel);
  }
  const T* x;
  Normalization norm;
};

}  // namespace advprop
