// A convolution of relu(norm(x)) that never stores relu(norm(x)): what it does to its input, and to the gradient of its input.
#pragma once
#include "batch_norm.h"

namespace advprop {

/// `prepare(vector of x, channel)` where the input is convolved as it is.
constexpr auto kPlainInput = [](Floats value, int64_t) { return value; };

struct Rectified {
  Floats operator()(Floats value, int64_t channel) const { return maximum(Floats{}, norm(value, channel)); }
  Normalization norm;
};

/// `finish(result, place, channel)` where the result is stored as it is.
constexpr auto kPlainResult = [](Floats value, int64_t, int64_t) { return value; };

/// `finish` that turns the gradient of relu(norm(x)) into that of x. The norm's statistics are constants.
template <typename T>
struct PassedBack {
  Floats operator()(Floats gradient, int64_t place, int64_t channel) const {
    const Floats passed = backThrough<T, kRelu>(gradient, norm(load(x + place), channel));
    return passed * load(norm.factor + channel);
  }
  const T* x;
  Normalization norm;
};

}  // namespace advprop
