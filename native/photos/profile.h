// Colour profiles that change nothing.
#pragma once
#include <cstddef>
#include <cstdint>

namespace photos {

/// Whether an ICC profile (ICC.1:2022, sections 7.2, 7.3 and 9.2.41) describes itself as sRGB. Colours are then used as they are: a conversion
/// would change them by rounding only.
bool isSrgb(const uint8_t* profile, size_t length);

}  // namespace photos
