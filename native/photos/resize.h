// Antialiased resizing of interleaved 8-bit RGB, byte for byte what src/images/resize.ts computes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace photos {

struct Size {
  int width;
  int height;
};

struct Region {
  int left;
  int top;
  int width;
  int height;
};

/// A region whose edges may be inside of pixels. Such pixels belong to it.
struct Box {
  double left;
  double top;
  double width;
  double height;
};

/// A filter: half of its width at scale 1, and its weight at a distance.
struct Filter {
  double support;
  double (*weight)(double);
};

extern const Filter BILINEAR;
extern const Filter BICUBIC;

/// How each output pixel along one axis is made: weights of 22 fractional bits, `stride` apart.
struct Taps {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int32_t> weights;
  int stride;
  /// The source pixels that any output reads are [begin, end), and `first` counts from `begin`.
  int begin;
  int end;
};

/// Memory that is used again from image to image.
struct Scratch {
  std::vector<int32_t> channels;
  std::vector<uint8_t> rows;
  std::vector<uint8_t> lastRow;
  std::vector<int32_t> sums;
};

/// Resizes a part of an image to a size, or the window of what that gives.
class Resize {
 public:
  /// `mirrored` flips the window left to right.
  Resize(const Box& box, Size size, const Region& window, const Filter& filter, bool mirrored);

  /// The pixels of the image that are read, inside of the box.
  Region needed() const;

  /// `source` is the first pixel of `needed()`; `target` is (window.height, window.width, 3).
  void run(const uint8_t* source, size_t rowBytes, uint8_t* target, Scratch& scratch) const;

 private:
  void copy(const uint8_t* source, size_t rowBytes, uint8_t* target) const;
  /// First pass over a few rows: `target` rows lie `stride` bytes apart.
  void combineColumns(const uint8_t* const* source, uint8_t* target, size_t stride, Scratch& scratch) const;

  int width_;
  int height_;
  bool mirrored_;
  /// Whether nothing is resized: the filters are 1 at 0, and 0 at every other integer.
  bool copied_;
  Taps across_;
  Taps down_;
};

}  // namespace photos
