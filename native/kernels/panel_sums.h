// Sums over the rows of panels [rows, kPanel]: some dozens in float32, then in float64.
#pragma once
#include <array>

#include "inverted_residual_layers.h"

namespace advprop {

/// Adds the `Kinds` vectors that `terms(at, channel)` gives for each vector of a panel to totals[Kinds][stride].
template <int Kinds, typename Terms>
inline __attribute__((always_inline)) void addToSums(int64_t rows, double* totals, int64_t stride, const Terms& terms) {
  constexpr int64_t kTerms = 32;
  for (int64_t start = 0; start < rows; start += kTerms) {
    Floats part[Kinds][kPanelVectors] = {};
    for (int64_t row = start; row < std::min(rows, start + kTerms); ++row) {
#pragma GCC unroll 4
      for (int v = 0; v < kPanelVectors; ++v) {
        const std::array<Floats, Kinds> all = terms(row * kPanel + v * kLanes, v * kLanes);
#pragma GCC unroll 4
        for (int k = 0; k < Kinds; ++k) part[k][v] += all[k];
      }
    }
    for (int k = 0; k < Kinds; ++k) {
      for (int v = 0; v < kPanelVectors; ++v) {
        for (int64_t lane = 0; lane < kLanes; ++lane) totals[k * stride + v * kLanes + lane] += part[k][v][lane];
      }
    }
  }
}

/// Means and sums of squared deviations of a panel's channels, of rows that come in pieces. Values are taken relative to the
/// first row's, so that float32 squares lose nothing where the mean is large.
class PanelMoments {
 public:
  template <typename T>
  void add(const T* rows, int64_t count) {
    if (count_ == 0) {
      for (int v = 0; v < kPanelVectors; ++v) store(pivot_ + v * kLanes, load(rows + v * kLanes));
    }
    addToSums<2>(count, totals_, kPanel, [=, pivot = pivot_](int64_t at, int64_t channel) {
      const Floats value = load(rows + at) - load(pivot + channel);
      return std::array<Floats, 2>{value, value * value};
    });
    count_ += count;
  }

  /// Stores both, for the first `channels` of the panel.
  void finish(int64_t channels, double* mean, double* squares) const {
    for (int64_t c = 0; c < channels; ++c) {
      const double offset = totals_[c] / count_;
      mean[c] = pivot_[c] + offset;
      squares[c] = std::max(0., totals_[kPanel + c] - totals_[c] * offset);
    }
  }

 private:
  int64_t count_ = 0;
  float pivot_[kPanel];
  double totals_[2 * kPanel] = {};
};

}  // namespace advprop
