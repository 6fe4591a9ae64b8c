// How the right factor of a product of matrices is packed.
#pragma once
#include <ATen/Parallel.h>

#include "matrix_product.h"

namespace advprop {

/// Packs a factor [depth, columns]. Row `k` begins at `rowOf(k)`, and its numbers are `across` apart.
template <typename T, typename RowOf>
void packRows(int64_t depth, int64_t columns, int64_t across, const RowOf& rowOf, float* words) {
  const auto column = [&](int64_t k, int64_t first) {
    Floats values{};
    const int64_t count = k < depth ? std::min(kLanes, columns - first) : 0;
    if (count <= 0) return values;
    const float* at = rowOf(k) + first * across;
    if (across == 1 && count == kLanes) return load(at);
    for (int64_t lane = 0; lane < count; ++lane) values[lane] = at[lane * across];
    return values;
  };
  const std::vector<int64_t> panels = panelStarts(columns);
  at::parallel_for(0, panels.size() - 1, kLeastWork / (16 * depth * kPanelVectors * kLanes) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t vectors = panels[panel + 1] - panels[panel];
      for (int64_t v = 0; v < vectors; ++v) {
        float* to = words + panels[panel] * kLanes * stepsOf<T>(depth) + v * kLanes;
        const int64_t first = (panels[panel] + v) * kLanes;
        for (int64_t k = 0; k < depth; k += kStep<T>, to += vectors * kLanes) {
          if constexpr (kPaired<T>) store(to, (Floats)pairOf(halvesOf(column(k, first)), halvesOf(column(k + 1, first))));
          else if constexpr (std::is_same_v<T, float>) store(to, column(k, first));
          else store(to, (Floats)(pairOf(Halves{}, halvesOf(column(k, first)))));
        }
      }
    }
  });
}

/// Packs a factor [depth, columns]. Number (k, column) is at k * down + column * across.
template <typename T>
void packMatrix(const float* from, int64_t depth, int64_t columns, int64_t down, int64_t across, float* words) {
  packRows<T>(depth, columns, across, [=](int64_t k) { return from + k * down; }, words);
}

}  // namespace advprop
