// Channels-last tensors as one long row of values whose channels repeat: how kernels walk them, sixteen at a time.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "vector.h"

namespace advprop {

inline bool isChannelsLast(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.dim() == 4 &&
         x.numel() >= kLanes && x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

/// How the channels of a channels-last tensor fall into vectors.
class Channels {
 public:
  explicit Channels(const at::Tensor& x) : count(x.size(1)), period(std::lcm(count, kLanes)), values(x.numel()) {}

  /// A value for each channel, repeated, so that a vector of them can be loaded at every column below `period`.
  template <typename ValueOf>
  std::vector<float> tile(const ValueOf& valueOf) const {
    std::vector<float> tiled(period + kLanes);
    for (int64_t c = 0; c < count; ++c) tiled[c] = static_cast<float>(valueOf(c));
    for (int64_t i = count; i < period + kLanes; ++i) tiled[i] = tiled[i - count];
    return tiled;
  }

  /// Calls `work(at, column)` for every vector of the tensor, in parallel: `at` counts values, `column` is where its
  /// channels lie in tiled tables. The last vector overlaps the one before where the values do not divide.
  template <typename Work>
  void eachVector(const Work& work) const {
    at::parallel_for(0, values / kLanes, 2048, [&](int64_t begin, int64_t end) {
      int64_t column = begin * kLanes % period;
      for (int64_t at = begin * kLanes; at < end * kLanes; at += kLanes) {
        work(at, column);
        column = column + kLanes == period ? 0 : column + kLanes;
      }
    });
    if (values % kLanes != 0) work(values - kLanes, (values - kLanes) % count);
  }

  /// Two sums for each channel of what `terms(at, column)` gives for each vector, the first of all channels and then
  /// the second. Each adds a few dozen values in float32, then in float64. The result does not depend on the number of threads.
  template <typename Terms>
  std::vector<double> sums(const Terms& terms) const {
    const int64_t part = std::max<int64_t>(1, 65536 / period) * period;
    const int64_t vectors = values / kLanes * kLanes, parts = (vectors + part - 1) / part;
    std::vector<double> totals((parts + 1) * 2 * period);
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      std::vector<float> sum(2 * period);
      for (int64_t p = begin; p < end; ++p) {
        double* total = totals.data() + p * 2 * period;
        const int64_t last = std::min(vectors, (p + 1) * part);
        for (int64_t start = p * part; start < last; start += kTerms * period) {
          std::fill(sum.begin(), sum.end(), 0.f);
          addRows(terms, start, std::min(last, start + kTerms * period), sum.data());
          for (int64_t i = 0; i < 2 * period; ++i) total[i] += sum[i];
        }
      }
    });
    if (vectors < values) {
      double* total = totals.data() + parts * 2 * period;
      const int64_t at = values - kLanes;
      const std::pair<Floats, Floats> both = terms(at, at % count);
      for (int64_t lane = vectors - at; lane < kLanes; ++lane) {
        total[(at + lane) % count] += both.first[lane];
        total[period + (at + lane) % count] += both.second[lane];
      }
    }
    std::vector<double> result(2 * count);
    for (int64_t p = 0; p <= parts; ++p) {
      for (int64_t k = 0; k < 2; ++k) {
        const double* total = totals.data() + (2 * p + k) * period;
        for (int64_t i = 0; i < period; ++i) result[k * count + i % count] += total[i];
      }
    }
    return result;
  }

  int64_t rows() const { return values / count; }

  const int64_t count, period, values;

 private:
  static constexpr int64_t kTerms = 32;  // values of a channel that are added in float32

  template <typename Terms>
  void addRows(const Terms& terms, int64_t begin, int64_t end, float* __restrict sum) const {
    int64_t column = 0;
    for (int64_t at = begin; at < end; at += kLanes) {
      const std::pair<Floats, Floats> both = terms(at, column);
      store(sum + column, load(sum + column) + both.first);
      store(sum + period + column, load(sum + period + column) + both.second);
      column = column + kLanes == period ? 0 : column + kLanes;
    }
  }
};

}  // namespace advprop
