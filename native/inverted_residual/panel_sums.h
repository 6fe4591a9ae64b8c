// Sums over the rows of panels [rows, kPanel].
#pragma once
#include <array>

#include "panel_walk.h"

namespace advprop {

/// Sums what `work` returns for each vector of a panel. The sums are stored in to[kPanel], or added to it with `add`. A few dozen values are
/// added first and then these sums, so that the error stays small for the largest images.
template <typename Work>
inline __attribute__((always_inline)) void sumPanel(int64_t rows, float* to, bool add, const Work& work) {
  constexpr int64_t kTerms = 32;
  Floats total[kPanelVectors] = {};
  for (int64_t start = 0; start < rows; start += kTerms) {
    Floats part[kPanelVectors] = {};
    const auto sink = [&part](int64_t channel, Floats term) { part[channel / kLanes] += term; };
    eachVectorOfPanel(start, std::min(rows, start + kTerms), into(sink, work));
    for (int v = 0; v < kPanelVectors; ++v) total[v] += part[v];
  }
  for (int v = 0; v < kPanelVectors; ++v) store(to + v * kLanes, add ? load(to + v * kLanes) + total[v] : total[v]);
}

/// `work` returns `Kinds` vectors for each vector of a panel; adds them to totals[Kinds][stride]. A few dozen are added in float32, then these
/// sums in float64.
template <int Kinds, typename Work>
inline __attribute__((always_inline)) void addToSums(int64_t rows, double* totals, int64_t stride, const Work& work) {
  constexpr int64_t kTerms = 32;
  for (int64_t start = 0; start < rows; start += kTerms) {
    Floats part[Kinds][kPanelVectors] = {};
    const auto sink = [&part](int64_t channel, const std::array<Floats, Kinds>& terms) {
#pragma GCC unroll 4
      for (int k = 0; k < Kinds; ++k) part[k][channel / kLanes] += terms[k];
    };
    eachVectorOfPanel(start, std::min(rows, start + kTerms), into(sink, work));
    for (int k = 0; k < Kinds; ++k) {
      for (int v = 0; v < kPanelVectors; ++v) {
        for (int64_t lane = 0; lane < kLanes; ++lane) totals[k * stride + v * kLanes + lane] += part[k][v][lane];
      }
    }
  }
}

/// Means and sums of squared deviations of a panel's channels; the rows come in pieces. Sums are of differences from the first row, because
/// squares in float32 would lose precision where the mean is large.
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

  /// Stores means and sums for the first `channels` channels of the panel.
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
