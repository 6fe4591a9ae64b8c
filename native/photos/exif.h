// The orientation of a photo.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

namespace photos {

/// The orientation, 1 to 8 (EXIF 2.32, section 4.6.4, tag 274), in the data of an APP1 marker that begins with "Exif\0\0". It is 1 if the data
/// has no orientation, and empty if the data is malformed.
std::optional<int> exifOrientation(const uint8_t* data, size_t length);

}  // namespace photos
