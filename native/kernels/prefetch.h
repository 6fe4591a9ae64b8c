// Memory traffic that the processor cannot foresee: kernels that go through a band of an image one block of channels after
// another read and write with gaps.
#pragma once
#include <algorithm>
#include <cstdint>

namespace advprop {

/// Brings a range of memory into the second-level cache, an equal piece at each step, while something else is computed.
class Prefetch {
 public:
  Prefetch() = default;
  Prefetch(const void* begin, const void* end, int64_t steps)
      : next_(static_cast<const char*>(begin)), end_(static_cast<const char*>(end)), bytes_(((end_ - next_) / steps / kLine + 1) * kLine) {}

  /// A piece that will be read.
  void read() {
    for (const char* until = next(); next_ < until; next_ += kLine) __builtin_prefetch(next_, 0, 2);
  }
  /// A piece that will be written.
  void write() {
    for (const char* until = next(); next_ < until; next_ += kLine) __builtin_prefetch(next_, 1, 2);
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* next() const { return end_ - next_ < bytes_ ? end_ : next_ + bytes_; }

  const char* next_ = nullptr;
  const char* end_ = nullptr;
  int64_t bytes_ = 0;
};

/// Sources of a band that is gone through while the next is prefetched: both fit the second-level cache with their results.
constexpr int64_t kBandBytes = 128 << 10;
/// A result larger than this goes past the caches, which would not hold it until it is read: half of a large last level.
constexpr int64_t kStreamBytes = 16 << 20;

}  // namespace advprop
