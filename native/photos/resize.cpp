#include "resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace photos {

namespace {

constexpr int FRACTION_BITS = 22;
constexpr int32_t ONE_HALF = 1 << (FRACTION_BITS - 1);

/// Rows that the first pass works on at once, one in each lane of a vector. The compiler maps its vector types to the registers of the
/// processor.
constexpr int BLOCK = 8;
using Lanes = int32_t __attribute__((vector_size(4 * BLOCK)));

/// A pixel of three bytes and a fourth that is not used.
int32_t load(const uint8_t* from) {
  int32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// To 8 bits, saturated.
Lanes rounded(Lanes sum) {
  sum >>= FRACTION_BITS;
  sum = sum < 0 ? Lanes{} : sum;
  return sum > 255 ? Lanes{} + 255 : sum;
}

/// Weights for the outputs from .. from + count - 1, where `extent` source pixels from `left` on become `size`: `tapsOf` of
/// resize.ts, operation by operation, so that the weights are the same where the edges are whole pixels.
Taps tapsOf(double left, double extent, int size, int from, int count, const Filter& filter) {
  const int origin = static_cast<int>(left);
  const int source = static_cast<int>(std::ceil(left + extent)) - origin;
  const double offset = left - origin;
  const double scale = extent / size;
  const double widening = std::max(1.0, scale);
  const double support = filter.support * widening;
  Taps taps;
  taps.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.first.resize(count);
  taps.count.resize(count);
  taps.weights.resize(static_cast<size_t>(count) * taps.stride);
  std::vector<double> exact(taps.stride);
  for (int i = 0; i < count; i++) {
    const double centre = (from + i + 0.5) * scale + offset;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(source, static_cast<int>(centre + support + 0.5));
    double sum = 0;
    for (int x = first; x < end; x++) {
      exact[x - first] = filter.weight((x - centre + 0.5) * (1 / widening));
      sum += exact[x - first];
    }
    taps.first[i] = first;
    taps.count[i] = end - first;
    for (int k = 0; k < end - first; k++) {
      const double weight = exact[k] * (sum == 0 ? 1 : 1 / sum) * (1 << FRACTION_BITS);
      taps.weights[static_cast<size_t>(i) * taps.stride + k] = static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
  const int begin = taps.first.front();
  taps.begin = origin + begin;
  taps.end = origin + taps.first.back() + taps.count.back();
  for (int& first : taps.first) first -= begin;
  return taps;
}

double bilinear(double x) { return std::max(0.0, 1 - std::abs(x)); }

// Keys 1981 with a = -0.5, as Pillow has it.
double bicubic(double signedX) {
  const double a = -0.5;
  const double x = std::abs(signedX);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

}  // namespace

const Filter BILINEAR{1, bilinear};
const Filter BICUBIC{2, bicubic};

Resize::Resize(const Box& box, Size size, const Region& window, const Filter& filter, bool mirrored)
    : width_(window.width),
      height_(window.height),
      mirrored_(mirrored),
      copied_(box.width == size.width && box.height == size.height && box.left == std::floor(box.left) &&
              box.top == std::floor(box.top)),
      across_(tapsOf(box.left, box.width, size.width, window.left, window.width, filter)),
      down_(tapsOf(box.top, box.height, size.height, window.top, window.height, filter)) {
  if (!copied_) return;
  across_.begin = static_cast<int>(box.left) + window.left;
  across_.end = across_.begin + window.width;
  down_.begin = static_cast<int>(box.top) + window.top;
  down_.end = down_.begin + window.height;
}

Region Resize::needed() const {
  return {across_.begin, down_.begin, across_.end - across_.begin, down_.end - down_.begin};
}

void Resize::copy(const uint8_t* source, size_t rowBytes, uint8_t* target) const {
  for (int row = 0; row < height_; row++, source += rowBytes) {
    if (!mirrored_) {
      target = std::copy_n(source, 3 * static_cast<size_t>(width_), target);
      continue;
    }
    for (int column = width_ - 1; column >= 0; column--) target = std::copy_n(source + 3 * column, 3, target);
  }
}

void Resize::combineColumns(const uint8_t* const* source, uint8_t* target, size_t stride, Scratch& scratch) const {
  // Pixels are split into three vectors (one for each colour) once, and not again for each output that reads them.
  const int columns = across_.end - across_.begin;
  scratch.channels.resize(3 * static_cast<size_t>(columns) * BLOCK);
  int32_t* channels = scratch.channels.data();
  for (int column = 0; column < columns; column++) {
    Lanes pixels;
    for (int row = 0; row < BLOCK; row++) pixels[row] = load(source[row] + 3 * column);
    for (int channel = 0; channel < 3; channel++) {
      const Lanes values = pixels >> 8 * channel & 255;
      std::memcpy(channels + (3 * column + channel) * BLOCK, &values, sizeof values);
    }
  }
  for (int column = 0; column < width_; column++) {
    const int tap = mirrored_ ? width_ - 1 - column : column;
    const int32_t* weights = across_.weights.data() + static_cast<size_t>(tap) * across_.stride;
    const int32_t* from = channels + 3 * BLOCK * static_cast<size_t>(across_.first[tap]);
    Lanes sums[3] = {Lanes{} + ONE_HALF, Lanes{} + ONE_HALF, Lanes{} + ONE_HALF};
    for (int k = 0; k < across_.count[tap]; k++) {
      for (Lanes& sum : sums) {
        Lanes values;
        std::memcpy(&values, from, sizeof values);
        sum += weights[k] * values;
        from += BLOCK;
      }
    }
    const Lanes pixels = rounded(sums[0]) | rounded(sums[1]) << 8 | rounded(sums[2]) << 16;
    for (int row = 0; row < BLOCK; row++) {
      const int32_t pixel = pixels[row];
      std::memcpy(target + row * stride + 3 * column, &pixel, sizeof pixel);
    }
  }
}

void Resize::run(const uint8_t* source, size_t rowBytes, uint8_t* target, Scratch& scratch) const {
  if (copied_) return copy(source, rowBytes, target);
  const int rows = down_.end - down_.begin;
  const size_t targetRowBytes = 3 * static_cast<size_t>(width_);
  // A pixel is read and written as four bytes. Intermediate rows have room for the fourth byte. The last source row is copied, because its memory
  // may end with its last pixel.
  const size_t stride = targetRowBytes + 1;
  scratch.rows.resize((rows + BLOCK - 1) * stride);
  const size_t lastRowBytes = 3 * static_cast<size_t>(across_.end - across_.begin);
  scratch.lastRow.resize(lastRowBytes + 1);
  std::memcpy(scratch.lastRow.data(), source + (rows - 1) * rowBytes, lastRowBytes);
  for (int row = 0; row < rows; row += BLOCK) {
    const uint8_t* block[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      block[i] = row + i < rows - 1 ? source + (row + i) * rowBytes : scratch.lastRow.data();
    }
    combineColumns(block, scratch.rows.data() + row * stride, stride, scratch);
  }

  scratch.sums.resize(targetRowBytes);
  int32_t* sums = scratch.sums.data();
  for (int row = 0; row < height_; row++) {
    const uint8_t* from = scratch.rows.data() + down_.first[row] * stride;
    const int32_t* weights = down_.weights.data() + static_cast<size_t>(row) * down_.stride;
    std::fill_n(sums, targetRowBytes, ONE_HALF);
    for (int k = 0; k < down_.count[row]; k++, from += stride) {
      for (size_t i = 0; i < targetRowBytes; i++) sums[i] += weights[k] * from[i];
    }
    uint8_t* to = target + row * targetRowBytes;
    for (size_t i = 0; i < targetRowBytes; i++) to[i] = std::clamp(sums[i] >> FRACTION_BITS, 0, 255);
  }
}

}  // namespace photos
