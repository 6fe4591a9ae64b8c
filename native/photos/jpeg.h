// Decoding of a part of a JPEG by libjpeg-turbo, scaled by its cosine transform, turned upright.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "resize.h"

namespace photos {

/// Pixels of a part of an image: (height, rowBytes), of which each row begins with (width, 3).
struct Part {
  const uint8_t* pixels;
  size_t rowBytes;
};

/// Memory that is used again from image to image.
struct JpegScratch {
  std::vector<uint8_t> decoded;
  std::vector<uint8_t> upright;
};

/**
 * A JPEG whose pixels can be decoded here: YCbCr or grey in 8 bits, without a colour profile other than sRGB, ending in the
 * marker that ends an image. All others are left to a decoder that also says what is wrong with them.
 */
class Jpeg {
 public:
  Jpeg(const uint8_t* bytes, size_t length);
  ~Jpeg();
  Jpeg(const Jpeg&) = delete;
  Jpeg& operator=(const Jpeg&) = delete;

  /// Reads the header; call it first. @returns whether this decoder takes the image
  bool open();

  /// Upright.
  Size size() const;

  /// Has the image scaled by 1 / reduction (1, 2, 4 or 8), sizes rounded up. @returns where a region of it then lies
  Box scale(int reduction, const Region& region);

  /**
   * Decodes a region of the scaled, upright image. Rows below it are not read; columns and rows around it are left out of all
   * but the entropy decoding.
   *
   * @returns nothing where there was anything to warn of
   */
  std::optional<Part> decode(const Region& region, JpegScratch& scratch);

 private:
  struct Reader;
  std::unique_ptr<Reader> reader_;
};

}  // namespace photos
