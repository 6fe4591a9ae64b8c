// Images cut into bands of rows that fit the second-level cache. A kernel goes through a band one block of channels after
// another, and prefetches the next band meanwhile.
#pragma once
#include <algorithm>
#include <cstdint>

namespace advprop {

/// Neighbouring rows of one image.
struct Band {
  int64_t image, begin, end;
  int64_t rows() const { return end - begin; }
};

/// The bands of all images, in order.
class Bands {
 public:
  /// @param bytesOf gives the bytes of a number of neighbouring rows, together with all the input that they read
  template <typename BytesOf>
  Bands(int64_t images, int64_t height, const BytesOf& bytesOf) : height_(height) {
    while (rows_ < height && bytesOf(2 * (rows_ + 1)) <= kTwoBandsBytes) ++rows_;
    perImage_ = (height + rows_ - 1) / rows_;
    count_ = images * perImage_;
  }

  int64_t count() const { return count_; }
  /// Rows of each band; the last band of an image may have fewer.
  int64_t rows() const { return rows_; }
  Band operator[](int64_t index) const {
    const int64_t begin = index % perImage_ * rows_;
    return {index / perImage_, begin, std::min(height_, begin + rows_)};
  }

 private:
  /// Bytes of a band and the next one together: half of the smallest second-level cache that we expect.
  static constexpr int64_t kTwoBandsBytes = 512 << 10;
  int64_t height_, rows_ = 1, perImage_, count_;
};

/// Prefetches a range of memory into the second-level cache, an equal piece at each step, while something else is computed.
/// The processor does not prefetch it by itself, because a block of channels is read and written with gaps.
class Prefetch {
 public:
  Prefetch() = default;
  Prefetch(const void* begin, const void* end, int64_t steps)
      : next_(static_cast<const char*>(begin)), end_(static_cast<const char*>(end)), piece_(((end_ - next_) / steps / kLine + 1) * kLine) {}

  /// Prefetches the next piece, which will be read.
  void read() {
    for (const char* until = endOfPiece(); next_ < until; next_ += kLine) __builtin_prefetch(next_, 0, 2);
  }
  /// Prefetches the next piece, which will be written.
  void write() {
    for (const char* until = endOfPiece(); next_ < until; next_ += kLine) __builtin_prefetch(next_, 1, 2);
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* endOfPiece() const { return end_ - next_ < piece_ ? end_ : next_ + piece_; }

  const char* next_ = nullptr;
  const char* end_ = nullptr;
  int64_t piece_ = 0;
};

}  // namespace advprop
