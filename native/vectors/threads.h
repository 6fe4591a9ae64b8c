// When work is divided among threads.
#pragma once
#include <cstdint>

namespace advprop {

/// Fewest multiplications that are worth a thread of their own: kernels give at::parallel_for as many of their units at a time.
constexpr int64_t kLeastWork = 1 << 20;

}  // namespace advprop
