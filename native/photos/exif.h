// How a photo was held.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

namespace photos {

/// The orientation, 1 to 8 (EXIF 2.32, section 4.6.4, tag 274), in the data of an APP1 marker that begins with "Exif\0\0"; 1
/// where it says none; nothing where the data is not well-formed.
std::optional<int> exifOrientation(const uint8_t* data, size_t length);

}  // namespace photos
