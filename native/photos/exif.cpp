#include "exif.h"

#include <cstring>

namespace photos {

namespace {

/// Numbers of a TIFF file, within its bounds.
struct Tiff {
  const uint8_t* data;
  size_t length;
  bool bigEndian = false;

  std::optional<uint32_t> number(size_t at, int bytes) const {
    if (at > length || length - at < static_cast<size_t>(bytes)) return {};
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | data[at + (bigEndian ? i : bytes - 1 - i)];
    return value;
  }
};

constexpr uint32_t ORIENTATION = 274;
constexpr uint32_t SHORT = 3;

}  // namespace

std::optional<int> exifOrientation(const uint8_t* data, size_t length) {
  constexpr size_t PREFIX = 6;
  if (length < PREFIX + 8) return {};
  Tiff tiff{data + PREFIX, length - PREFIX};
  if (std::memcmp(tiff.data, "MM\0\x2a", 4) == 0) tiff.bigEndian = true;
  else if (std::memcmp(tiff.data, "II\x2a\0", 4) != 0) return {};
  const auto directory = tiff.number(4, 4);
  const auto entries = tiff.number(*directory, 2);
  if (!entries) return {};
  for (uint32_t i = 0; i < *entries; i++) {
    // Tag, type, count and value, 12 bytes.
    const size_t entry = size_t{*directory} + 2 + 12 * size_t{i};
    const auto tag = tiff.number(entry, 2), type = tiff.number(entry + 2, 2), value = tiff.number(entry + 8, 2);
    if (!value) return {};
    if (*tag != ORIENTATION) continue;
    if (*type != SHORT) return {};
    return *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

}  // namespace photos
