// Walks a channels-last tensor vector by vector. To the walk the tensor is one long row of values, in which the channels repeat.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <type_traits>
#include <vector>

#include "vector.h"

namespace advprop {

inline bool isChannelsLast(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.dim() == 4 &&
         x.numel() >= kLanes && x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

/// Where the channels of a channels-last tensor lie in its vectors: the pattern repeats after `period` values.
class Channels {
 public:
  explicit Channels(const at::Tensor& x) : Channels(x.size(1), x.numel()) {}
  Channels(int64_t count_, int64_t values_) : count(count_), period(periodOf(count_)), values(values_) {}

  /// A table with one value for each channel, repeated so that a vector can be loaded at every column below `period`.
  template <typename ValueOf>
  std::vector<float> tile(const ValueOf& valueOf) const {
    std::vector<float> tiled(period + kLanes);
    for (int64_t c = 0; c < count; ++c) tiled[c] = static_cast<float>(valueOf(c));
    for (int64_t i = count; i < period + kLanes; ++i) tiled[i] = tiled[i - count];
    return tiled;
  }

  /// Calls `work(at, column)` for every vector of the tensor, in parallel. `at` is the vector's position in the tensor, `column` its
  /// position in a table of `tile`. If the values do not fill whole vectors, the last vector overlaps the one before.
  template <typename Work>
  void eachVector(const Work& work) const {
    const int64_t periods = values / period;
    at::parallel_for(0, periods, std::max<int64_t>(1, 32768 / period), [&, length = period](int64_t begin, int64_t end) {
      const Work here = work;  // a copy that no other thread sees stays in registers
      for (int64_t at = begin * length; at < end * length; at += length) {
#pragma GCC unroll 4
        for (int64_t column = 0; column < length; column += kLanes) here(at + column, column);
      }
    });
    for (int64_t at = periods * period; at + kLanes <= values; at += kLanes) work(at, at % period);
    if (values % kLanes != 0) work(values - kLanes, (values - kLanes) % count);
  }

  /// `terms(at, column)` gives K vectors for each vector of the tensor. Returns K sums for each channel: the first sum of all channels,
  /// then the second. A few dozen values are added in float32, then these sums in float64. The result does not depend on the
  /// number of threads.
  template <typename Terms>
  std::vector<double> sums(const Terms& terms) const {
    constexpr int64_t kinds = std::tuple_size_v<std::invoke_result_t<Terms, int64_t, int64_t>>;
    const int64_t columns = kinds * period;
    const int64_t part = std::max<int64_t>(1, 65536 / period) * period;
    const int64_t vectors = values / kLanes * kLanes, parts = (vectors + part - 1) / part;
    std::vector<double> totals((parts + 1) * columns);
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      const Terms here = terms;  // a copy that no other thread sees stays in registers
      std::vector<float> sum(columns);
      for (int64_t p = begin; p < end; ++p) {
        double* total = totals.data() + p * columns;
        const int64_t last = std::min(vectors, (p + 1) * part);
        for (int64_t start = p * part; start < last; start += kTerms * period) {
          std::fill(sum.begin(), sum.end(), 0.f);
          addRows<kinds>(here, start, std::min(last, start + kTerms * period), sum.data());
          for (int64_t i = 0; i < columns; ++i) total[i] += sum[i];
        }
      }
    });
    if (vectors < values) {
      const int64_t at = values - kLanes;
      const auto all = terms(at, at % count);
      for (int64_t k = 0; k < kinds; ++k) {
        double* total = totals.data() + parts * columns + k * period;
        for (int64_t lane = vectors - at; lane < kLanes; ++lane) total[(at + lane) % count] += all[k][lane];
      }
    }
    std::vector<double> result(kinds * count);
    for (int64_t p = 0; p <= parts; ++p) {
      for (int64_t k = 0; k < kinds; ++k) {
        const double* total = totals.data() + p * columns + k * period;
        for (int64_t i = 0, c = 0; i < period; ++i) {
          result[k * count + c] += total[i];
          if (++c == count) c = 0;
        }
      }
    }
    return result;
  }

  int64_t rows() const { return values / count; }

  const int64_t count, period, values;

 private:
  static constexpr int64_t kTerms = 32;  // values of a channel that are added in float32

  /// A common multiple of the number of channels and of a vector's lanes, long enough for a loop.
  static int64_t periodOf(int64_t count) {
    const int64_t multiple = std::lcm(count, kLanes);
    return multiple * ((4 * kLanes + multiple - 1) / multiple);
  }

  template <int64_t kinds, typename Terms>
  void addRows(const Terms& terms, int64_t begin, int64_t end, float* __restrict sum) const {
    const auto add = [=, period = period](int64_t at, int64_t column) {
      const auto all = terms(at, column);
      for (int64_t k = 0; k < kinds; ++k) store(sum + k * period + column, load(sum + k * period + column) + all[k]);
    };
    int64_t at = begin;
    for (; at + period <= end; at += period) {
#pragma GCC unroll 4
      for (int64_t column = 0; column < period; column += kLanes) add(at + column, column);
    }
    for (int64_t column = 0; at + column < end; column += kLanes) add(at + column, column);
  }
};

}  // namespace advprop
