#include <ATen/Parallel.h>

#include "gate.h"
#include "panel_sums.h"
#include "products.h"
#include "profile/profiled_kernel.h"
#include "training.h"

namespace advprop {

namespace {

/// Rows of a panel that are summed while they are in the first-level cache.
constexpr int64_t kRows = 96;

/// Means and squared deviations of all units, [units, 2, padded].
class UnitMoments {
 public:
  explicit UnitMoments(const TrainedInvertedResidual& block)
      : block_(block), values_(at::empty({block.units(), 2, block.padded()}, at::kDouble)), to_(values_.data_ptr<double>()) {}

  void store(const PanelMoments& moments, const Unit& unit, int64_t panel) const {
    const int64_t channel = panel * kPanel;
    double* mean = to_ + unit.first / block_.together() * 2 * block_.padded() + channel;
    moments.finish(std::min(kPanel, block_.expanded - channel), mean, mean + block_.padded());
  }

  /// The statistics of the batch. Each image has `ofImage` values of a channel.
  at::Tensor statistics(int64_t ofImage, const RunningStatistics& running, double epsilon) const {
    const auto total = static_cast<double>(block_.images * ofImage);
    std::vector<double> mean(block_.expanded), variance(block_.expanded);
    const auto eachMoments = [&](const auto& work) {
      for (int64_t unit = 0, first = 0; unit < block_.units(); ++unit, first += block_.together()) {
        work(to_ + unit * 2 * block_.padded(), std::min(block_.together(), block_.images - first) * ofImage / total);
      }
    };
    eachMoments([&](const double* means, double share) {
      for (int64_t c = 0; c < block_.expanded; ++c) mean[c] += means[c] * share;
    });
    eachMoments([&](const double* means, double share) {
      const double* squares = means + block_.padded();
      for (int64_t c = 0; c < block_.expanded; ++c) variance[c] += squares[c] / total + (means[c] - mean[c]) * (means[c] - mean[c]) * share;
    });
    return statisticsOf(mean, variance, total, running.mean, running.variance, running.factor, epsilon);
  }

 private:
  const TrainedInvertedResidual& block_;
  at::Tensor values_;
  double* to_;
};

/// u of a unit.
template <typename T>
void expandUnit(const TrainedInvertedResidual& block, const T* x, T* u, const Unit& unit, const UnitMoments& moments, Scratch scratch) {
  const int64_t pixels = unit.images * block.pixels();
  const Factor<T>* from = asFactors(x + unit.first * block.pixels() * block.inputs, pixels * block.inputs, scratch);
  for (int64_t p = 0; p < block.panels(); ++p) {
    T* to = u + unit.first * block.pixels() * block.padded() + p * pixels * kPanel;
    const int vectors = static_cast<int>(vectorsOf(std::min(kPanel, block.expanded - p * kPanel)));
    PanelMoments panel;
    for (int64_t row = 0; row < pixels; row += kRows) {
      const int64_t rows = std::min(kRows, pixels - row);
      const IntoPanel<T> product{from + row * block.inputs, block.inputs, block.expand.panel<T>(p * kPanelVectors), to + row * kPanel};
      product.run(rows, vectors, [](int64_t, int64_t) {});
      panel.add(to + row * kPanel, rows);
    }
    moments.store(panel, unit, p);
  }
}

/// v of a unit. `norm1` is not read without an expansion, nor is u.
template <typename T>
void convolveUnit(const TrainedInvertedResidual& block, const T* x, const T* u, const Normalization& norm1, T* v, const Unit& unit,
                  const UnitMoments& moments, Scratch scratch) {
  T* t = scratch.take<T>(block.pixels() * kPanel);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel;
    PanelMoments panel;
    for (int64_t n = 0; n < unit.images; ++n) {
      const T* from = block.expands ? u + unit.first * block.pixels() * block.padded() + (p * unit.images + n) * block.pixels() * kPanel : nullptr;
      T* to = v + unit.first * block.results() * block.padded() + (p * unit.images + n) * block.results() * kPanel;
      int64_t ready = 0;
      eachBand(block.panel.rows, block.panel.stride * block.panel.width * kPanel * sizeof(T), [&](int64_t begin, int64_t end) {
        const int64_t first = ready * block.panel.width, needed = block.panel.needed(end), pixels = needed * block.panel.width - first;
        ready = needed;
        if (block.expands) {
          const auto norm = [=, in = from + first * kPanel](int64_t i, int64_t c) { return norm1(load(in + i), channel + c); };
          eachVectorOfPanel(pixels, ofSilu<T>(norm, [out = t + first * kPanel](int64_t i, int64_t, const auto& silu) { store(out + i, silu.value); }));
        } else {
          gatherPanel(x + ((unit.first + n) * block.pixels() + first) * block.inputs + channel, block.inputs, pixels,
                      std::min(kPanel, block.inputs - channel), t + first * kPanel);
        }
        depthwisePanel(t, to, block.depthwise + p * block.panel.packed(), block.panel, begin, end);
        panel.add(to + begin * block.panel.columns * kPanel, (end - begin) * block.panel.columns);
      });
    }
    moments.store(panel, unit, p);
  }
}

/// y of a unit.
template <typename T>
void projectUnit(const TrainedInvertedResidual& block, const T* v, const Normalization& norm2, T* y, const TrainedKept& kept, const Unit& unit,
                 Scratch scratch) {
  const int64_t results = block.results(), padded = block.padded();
  Factor<T>* s = scratch.take<Factor<T>>(unit.images * results * padded);
  float *means = kept.mean.data_ptr<float>() + unit.first * padded, *gates = kept.gate.data_ptr<float>() + unit.first * padded;
  float* squeezed = kept.squeezed.data_ptr<float>() + unit.first * block.squeezed;
  for (int64_t p = 0; p < block.panels(); ++p) {
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t at = (p * unit.images + n) * results * kPanel;
      const T* from = v + unit.first * results * padded + at;
      float* mean = means + n * padded + p * kPanel;
      const auto norm = [=, channel = p * kPanel](int64_t i, int64_t c) { return norm2(load(from + i), channel + c); };
      const auto keep = [to = s + at](int64_t i, int64_t, const auto& silu) {
        store(to + i, silu.value);
        return silu.value;
      };
      sumPanel(results, mean, /*add=*/false, ofSilu<T>(norm, keep));
      for (int64_t c = 0; c < kPanel; ++c) mean[c] /= static_cast<float>(results);
    }
  }
  for (int64_t n = 0; n < unit.images; ++n) computeGate(block, means + n * padded, gates + n * padded, squeezed + n * block.squeezed);
  applyGates(block, gates, s, unit);
  T* to = y + unit.first * results * block.outputs;
  FromPanels<T>{s, block.project, to, nullptr, nullptr, nullptr}.run(unit.images * results);
}

}  // namespace

at::Tensor trainedForward(const TrainedInvertedResidual& block, const at::Tensor& x, const RunningStatistics& running1,
                          const RunningStatistics& running2, double epsilon, TrainedKept& kept) {
  const int64_t together = block.together(), padded = block.padded(), size = x.element_size();
  const auto plain = x.options().memory_format(c10::nullopt), floats = plain.dtype(at::kFloat);
  if (block.expands) kept.u = at::empty({block.images * block.pixels() * padded}, plain);
  kept.v = at::empty({block.images * block.results() * padded}, plain);
  kept.mean = at::empty({block.images, padded}, floats);
  kept.gate = at::empty({block.images, padded}, floats);
  kept.squeezed = at::empty({block.images, block.squeezed}, floats);
  at::Tensor y = at::empty({block.images, block.outputs, block.panel.rows, block.panel.columns}, x.options(), at::MemoryFormat::ChannelsLast);
  const double uBytes = static_cast<double>(size) * block.images * block.pixels() * block.expanded;
  const double vBytes = static_cast<double>(size) * block.images * block.results() * block.expanded;
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = x.data_ptr<T>();
    T *u = block.expands ? kept.u.data_ptr<T>() : nullptr, *v = kept.v.data_ptr<T>(), *out = y.data_ptr<T>();
    const Channels channels(block.expanded, 0);
    if (block.expands) {
      const ProfiledKernel profiled("advprop::conv2d 1x1", block.expandFlops(), x.nbytes(), uBytes);
      const UnitMoments moments(block);
      eachUnit(block.images, together, factorBytes<T>(together * block.pixels() * block.inputs),
               [&](const Unit& unit, void* memory) { expandUnit(block, in, u, unit, moments, Scratch(memory)); });
      kept.statistics1 = moments.statistics(block.pixels(), running1, epsilon);
    }
    {
      const char* name = block.panel.kernel == 3 ? "advprop::norm_depthwise_conv2d 3x3" : "advprop::norm_depthwise_conv2d 5x5";
      const ProfiledKernel profiled(name, block.depthwiseFlops(), uBytes, vBytes);
      const UnitMoments moments(block);
      const auto convolve = [&](const Normalization& norm1) {
        eachUnit(block.images, together, Scratch::bytesOf(block.pixels() * kPanel * size),
                 [&](const Unit& unit, void* memory) { convolveUnit(block, in, u, norm1, v, unit, moments, Scratch(memory)); });
      };
      if (block.expands) convolve(Tables(channels, kept.statistics1, block.scale1, block.shift1).normalization());
      else convolve({});
      kept.statistics2 = moments.statistics(block.results(), running2, epsilon);
    }
    const ProfiledKernel profiled("advprop::gated_conv2d 1x1", block.projectFlops() + block.gateFlops(), vBytes, y.nbytes());
    const Tables tables(channels, kept.statistics2, block.scale2, block.shift2);
    const Normalization norm2 = tables.normalization();
    eachUnit(block.images, together, Scratch::bytesOf(together * block.results() * padded * sizeof(Factor<T>)),
             [&](const Unit& unit, void* memory) { projectUnit(block, v, norm2, out, kept, unit, Scratch(memory)); });
  });
  return y;
}

}  // namespace advprop
