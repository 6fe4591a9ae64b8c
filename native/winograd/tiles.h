// From channels-last images to transformed tiles, and back.
#pragma once
#include <algorithm>

#include "winograd.h"

namespace advprop::winograd {

/// Distance between the matrices of the 36 places: one vector more than their size, so that they do not all fall into the same set of the caches.
inline int64_t placeStride(int64_t rows, int64_t columns) { return rows * columns + kLanes; }

/// Writes B^T d B of the 6 by 6 inputs of one tile: place 0 at `out(channel)`, the others `stride` apart. An input d is
/// `prepare(vector of x, channel)`, and 0 outside of the image.
template <typename T, typename Prepare, typename Out>
void gatherInputs(const T* x, int64_t channels, const Tiles& tiles, const Tiles::Origin& at, const Prepare& prepare, const Out& out, int64_t stride) {
  const int64_t line = tiles.width * channels;
  const T* corner = x + (at.image * tiles.height + at.row - 1) * line + (at.column - 1) * channels;
  const auto transform = [&](const auto& load) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      float* to = out(c);
      transformTile<Inputs>([&](int row, int column) { return load(row, column, c); },
                            [&](int row, int column, Floats value) { store(to + (kSide * row + column) * stride, value); });
    }
  };
  const int64_t top = 1 - std::min<int64_t>(at.row, 1), bottom = std::min<int64_t>(kSide, tiles.height - at.row + 1);
  const int64_t left = 1 - std::min<int64_t>(at.column, 1), right = std::min<int64_t>(kSide, tiles.width - at.column + 1);
  if (top == 0 && left == 0 && bottom == kSide && right == kSide) {
    return transform([=](int row, int column, int64_t c) { return prepare(load(corner + row * line + column * channels + c), c); });
  }
  const T* pixels[kSide][kSide];
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const bool inside = row >= top && row < bottom && column >= left && column < right;
      pixels[row][column] = inside ? corner + row * line + column * channels : nullptr;
    }
  }
  transform([&](int row, int column, int64_t c) { return pixels[row][column] ? prepare(load(pixels[row][column] + c), c) : Floats{}; });
}

/// Writes A dY A^T of the gradients of the 4 by 4 results of one tile, for channels [first, first + width): place 0 at
/// `out(channel - first)`, the others `stride` apart.
template <typename T, typename Out>
void gatherGradients(const T* y, int64_t channels, int64_t first, int64_t width, const Tiles& tiles, const Tiles::Origin& at, const Out& out,
                     int64_t stride) {
  const int64_t rows = std::min<int64_t>(kTile, tiles.height - at.row), columns = std::min<int64_t>(kTile, tiles.width - at.column);
  const T* corner = y + ((at.image * tiles.height + at.row) * tiles.width + at.column) * channels + first;
  for (int64_t c = 0; c < width; c += kLanes) {
    float* to = out(c);
    transformTile<Gradients>(
        [&](int row, int column) {
          return row < rows && column < columns ? load(corner + (row * tiles.width + column) * channels + c) : Floats{};
        },
        [&](int row, int column, Floats value) { store(to + (kSide * row + column) * stride, value); });
  }
}

/// Computes the 4 by 4 results A^T m A of one tile, for channels [first, first + width), from `products` [36][...][width], and stores
/// `finish(result, place in y, channel)` in y.
template <typename T, typename Finish>
void scatterResults(const float* products, int64_t stride, T* y, int64_t channels, int64_t first, int64_t width, const Tiles& tiles, const Tiles::Origin& at,
                    const Finish& finish) {
  const int64_t rows = std::min<int64_t>(kTile, tiles.height - at.row), columns = std::min<int64_t>(kTile, tiles.width - at.column);
  const int64_t line = tiles.width * channels;
  const int64_t corner = (at.image * tiles.height + at.row) * line + at.column * channels + first;
  const auto transform = [&](const auto& wanted) {
    for (int64_t c = 0; c < width; c += kLanes) {
      transformTile<Products>([&](int row, int column) { return load(products + (kSide * row + column) * stride + c); },
                              [&](int row, int column, Floats value) {
                                if (!wanted(row, column)) return;
                                const int64_t to = corner + row * line + column * channels + c;
                                store(y + to, finish(value, to, first + c));
                              });
    }
  };
  if (rows == kTile && columns == kTile) return transform([](int, int) { return true; });
  transform([=](int row, int column) { return row < rows && column < columns; });
}

}  // namespace advprop::winograd
