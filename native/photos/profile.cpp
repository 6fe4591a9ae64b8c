#include "profile.h"

#include <algorithm>
#include <cstring>

namespace photos {

namespace {

constexpr size_t COLOUR_SPACE = 16; // in the header, which the number of tags and the table of tags follow
constexpr size_t HEADER = 128;
constexpr size_t TAG = 12; // signature, offset and size

/// Of an ICC profile; the caller has checked the bounds.
uint32_t number(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}

}  // namespace

bool isSrgb(const uint8_t* profile, size_t length) {
  if (length < HEADER + 4 || std::memcmp(profile + COLOUR_SPACE, "RGB ", 4) != 0) return false;
  const size_t tags = std::min<size_t>(number(profile + HEADER), (length - HEADER - 4) / TAG);
  for (size_t i = 0; i < tags; i++) {
    const uint8_t* tag = profile + HEADER + 4 + TAG * i;
    if (std::memcmp(tag, "desc", 4) != 0) continue;
    const size_t offset = number(tag + 4), size = number(tag + 8);
    if (offset > length || size > length - offset) return false;
    // ASCII in version 2, UTF-16 in version 4.
    const uint8_t *from = profile + offset, *to = from + size;
    const auto says = [&](const char* name, size_t bytes) { return std::search(from, to, name, name + bytes) != to; };
    return says("sRGB", 4) || says("s\0R\0G\0B", 7);
  }
  return false;
}

}  // namespace photos
