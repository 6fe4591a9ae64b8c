// Where a training image is cut and whether it is mirrored: the draws of src/data/loading/loader.ts.
#pragma once
#include "philox.h"

namespace advprop {

/// cropPadded, then flipHorizontal, of src/images/augmentation/augmentation.ts.
struct CropAndMirror {
  PhiloxKey key;  // of all draws of a run
  uint32_t epoch;
  int64_t padding;  // zeros around the image that the window is cut from; 0 for no crop
  bool mirrors;     // whether images are mirrored at all
};

/// The window of one image and whether it is mirrored, by the image's draws.
struct CropWindow {
  ADVPROP_ANYWHERE CropWindow(const CropAndMirror& augmentation, int64_t sample, int64_t stream) {
    constexpr uint32_t kCrop = 2, kFlip = 3;  // purposes of src/random.ts
    const auto draws = [&](uint32_t purpose) {
      return philox4x32({{0, static_cast<uint32_t>(sample), augmentation.epoch, purpose + 256 * static_cast<uint32_t>(stream)}}, augmentation.key);
    };
    const int64_t padding = augmentation.padding;
    if (padding > 0) {
      const PhiloxBlock words = draws(kCrop);
      down = toInteger(words[0], 2 * padding + 1) - padding;
      right = toInteger(words[1], 2 * padding + 1) - padding;
    }
    if (augmentation.mirrors) mirrored = toUniform(draws(kFlip)[0]) < 0.5f;
  }

  /// The index of the image's pixel, row by row, that pixel (row, column) of the result shows. Negative outside of the image, where the result is
  /// black.
  ADVPROP_ANYWHERE int64_t source(int64_t row, int64_t column, int64_t height, int64_t width) const {
    const int64_t fromRow = row + down, fromColumn = (mirrored ? width - 1 - column : column) + right;
    return fromRow >= 0 && fromRow < height && fromColumn >= 0 && fromColumn < width ? fromRow * width + fromColumn : -1;
  }

  int64_t down = 0, right = 0;
  bool mirrored = false;
};

}  // namespace advprop
