// The backward pass through the formula of layers.h. If p is the gradient of an activation's argument, then gradU = p norm1.factor, and
// likewise for v. The gate depends on the mean of a channel, so its gradient adds the same share to every pixel of the channel.
#include <ATen/Parallel.h>

#include "gate.h"
#include "inverted_residual.h"
#include "panel_sums.h"
#include "products.h"

namespace advprop {

namespace {

/// to = from * factor of the channel, [rows, channels].
template <typename T>
void scaleRows(const T* from, int64_t rows, int64_t channels, const float* factor, Factor<T>* to) {
  for (int64_t row = 0; row < rows; ++row, from += channels, to += channels) {
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes) store(to + c, load(from + c) * load(factor + c));
    if (c < channels) storeFirst(to + c, loadFirst(from + c, channels - c) * load(factor + c), channels - c);
  }
}

/// Writes a panel into pixels with all channels, and adds `added`, which has the same layout and may be null.
template <typename T>
void scatterPanel(const T* from, int64_t pixels, int64_t channels, int64_t stride, const T* added, T* to) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, from += kPanel) {
    for (int64_t c = 0; c < channels; ++c) {
      const float other = added == nullptr ? 0.f : static_cast<float>(added[pixel * stride + c]);
      to[pixel * stride + c] = static_cast<T>(static_cast<float>(from[c]) + other);
    }
  }
}

/// The part of the tensors that belongs to a unit.
template <typename T>
struct UnitGradient {
  const InvertedResidual& block;
  const Unit unit;
  const T *gradient, *v, *slopes;  // slopes of the first activation, null without an expansion
  const float *gates, *squeezed;
  T* gradX;

  int64_t pixels() const { return unit.images * block.pixels(); }
  int64_t results() const { return unit.images * block.results(); }
  /// Where an image begins in a panel of results, and in a panel of pixels.
  int64_t resultsOf(int64_t panel, int64_t n) const { return (panel * unit.images + n) * block.results() * kPanel; }
  int64_t pixelsOf(int64_t panel, int64_t n) const { return (panel * unit.images + n) * block.pixels() * kPanel; }
};

/// Computes the gradient of v, in panels.
template <typename T>
void passGate(const UnitGradient<T>& job, T* gradV, Scratch scratch) {
  const InvertedResidual& block = job.block;
  const int64_t images = job.unit.images, results = job.results(), padded = block.padded();
  Factor<T>* scaled = scratch.take<Factor<T>>(results * block.outputs);
  T* slopes = scratch.take<T>(results * padded);
  float *gradGate = scratch.take<float>(images * padded), *shares = scratch.take<float>(images * padded);
  float* gradSqueezed = scratch.take<float>(block.squeezed);
  scaleRows(job.gradient, results, block.outputs, block.norm3.factor.data(), scaled);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel;
    const IntoPanel<T> product{scaled, block.outputs, block.projectGradient.panel<T>(p * kPanelVectors), gradV + p * results * kPanel};
    product.run(results, static_cast<int>(vectorsOf(std::min(kPanel, block.expanded - channel))), [](int64_t, int64_t) {});
    const float *factor = block.norm2.factor.data() + channel, *shift = block.norm2.shift.data() + channel;
    for (int64_t n = 0; n < images; ++n) {
      const int64_t at = job.resultsOf(p, n);
      const auto norm = [=, in = job.v + at](int64_t i, int64_t c) { return load(in + i) * load(factor + c) + load(shift + c); };
      const auto term = [=, g = gradV + at, slope = slopes + at](int64_t i, int64_t c, const auto& silu) {
        store(slope + i, silu.slope * load(factor + c));
        return load(g + i) * silu.value;
      };
      sumPanel(block.results(), gradGate + n * padded + channel, /*add=*/false, ofSilu<T>(norm, term));
    }
  }
  for (int64_t n = 0; n < images; ++n) {
    gateGradient(block, job.gates + n * padded, job.squeezed + n * block.squeezed, gradGate + n * padded, shares + n * padded, gradSqueezed);
  }
  const float each = 1.f / static_cast<float>(block.results());
  for (int64_t p = 0; p < block.panels(); ++p) {
    for (int64_t n = 0; n < images; ++n) {
      const float *gate = job.gates + n * padded + p * kPanel, *share = shares + n * padded + p * kPanel;
      eachVectorOfPanel(block.results(), [=, g = gradV + job.resultsOf(p, n), slope = slopes + job.resultsOf(p, n)](int64_t i, int64_t c) {
        store(g + i, (load(g + i) * load(gate + c) + load(share + c) * each) * load(slope + i));
      });
    }
  }
}

/// Computes rows `begin` to `end` of the gradient of t, for one image and one panel.
template <typename T>
void passDepthwise(const UnitGradient<T>& job, const T* gradV, int64_t panel, int64_t n, int64_t begin, int64_t end, T* gradT) {
  const PanelSizes& sizes = job.block.panel;
  depthwisePanelGradient(gradV + job.resultsOf(panel, n), gradT, job.block.depthwiseGradient + panel * sizes.packed(), sizes, begin, end);
}

/// From the gradient of v to that of x, without an expansion: it is the gradient of t.
template <typename T>
void passToX(const UnitGradient<T>& job, const T* gradV, Scratch scratch) {
  const InvertedResidual& block = job.block;
  const int64_t width = block.panel.width;
  T* gradT = scratch.take<T>(block.pixels() * kPanel);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel, channels = std::min(kPanel, block.expanded - channel);
    for (int64_t n = 0; n < job.unit.images; ++n) {
      eachBand(block.panel.height, width * kPanel * sizeof(T), [&](int64_t begin, int64_t end) {
        passDepthwise(job, gradV, p, n, begin, end, gradT);
        const int64_t first = (n * block.pixels() + begin * width) * block.inputs + channel;
        scatterPanel(gradT, (end - begin) * width, channels, block.inputs, block.residual ? job.gradient + first : nullptr, job.gradX + first);
      });
    }
  }
}

/// The same with an expansion. Small images are taken as a whole, which fills the tiles; of a large one a few rows with all their channels at a time.
template <typename T>
void passThroughExpansion(const UnitGradient<T>& job, const T* gradV, Scratch scratch) {
  const InvertedResidual& block = job.block;
  const int64_t width = block.panel.width, height = block.panel.height, images = job.unit.images;
  Factor<T>* gradU = scratch.take<Factor<T>>(job.pixels() * block.padded());
  T* gradT = scratch.take<T>(block.pixels() * kPanel);
  const auto rows = [&](int64_t begin, int64_t end) {
    const int64_t pixels = (end - begin) * width, at = begin * width * block.inputs;
    for (int64_t p = 0; p < block.panels(); ++p) {
      for (int64_t n = 0; n < images; ++n) {
        Factor<T>* panel = gradU + (p * images + n) * pixels * kPanel;
        passDepthwise(job, gradV, p, n, begin, end, gradT);
        eachVectorOfPanel(pixels, [=, slope = job.slopes + job.pixelsOf(p, n) + begin * width * kPanel](int64_t i, int64_t) {
          store(panel + i, load(gradT + i) * load(slope + i));
        });
      }
    }
    FromPanels<T>{gradU, block.expandGradient, job.gradX + at, nullptr, nullptr, block.residual ? job.gradient + at : nullptr}.run(images * pixels);
  };
  if (images > 1) rows(0, height);
  else eachBand(height, width * block.padded() * sizeof(T), rows);
}

/// Bytes of scratch memory for a unit: the gradient of v, and the larger of its two passes, which follow one another.
template <typename T>
int64_t scratchBytes(const InvertedResidual& block, int64_t images) {
  constexpr int64_t size = sizeof(T), factor = sizeof(Factor<T>);
  const int64_t results = images * block.results(), padded = block.padded();
  const int64_t gate = Scratch::bytesOf(results * block.outputs * factor) + Scratch::bytesOf(results * padded * size) +
                       2 * Scratch::bytesOf(images * padded * 4) + Scratch::bytesOf(block.squeezed * 4);
  const int64_t gradU = block.expands ? Scratch::bytesOf(images * block.pixels() * padded * factor) : 0;
  return Scratch::bytesOf(results * padded * size) + std::max(gate, gradU + Scratch::bytesOf(block.pixels() * kPanel * size));
}

}  // namespace

at::Tensor invertedResidualGradient(const InvertedResidual& block, const at::Tensor& gradient, const Kept& kept) {
  const int64_t padded = block.padded();
  at::Tensor gradX = at::empty({block.images, block.inputs, block.panel.height, block.panel.width}, gradient.options(), at::MemoryFormat::ChannelsLast);
  withType(gradient.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    eachUnit(block.images, kept.together, scratchBytes<T>(block, kept.together), [&](const Unit& unit, void* memory) {
      const int64_t pixel = unit.first * block.pixels(), result = unit.first * block.results();
      const UnitGradient<T> job{block,
                                unit,
                                gradient.data_ptr<T>() + result * block.outputs,
                                kept.v.data_ptr<T>() + result * padded,
                                block.expands ? kept.slope.data_ptr<T>() + pixel * padded : nullptr,
                                kept.gate.data_ptr<float>() + unit.first * padded,
                                kept.squeezed.data_ptr<float>() + unit.first * block.squeezed,
                                gradX.data_ptr<T>() + pixel * block.inputs};
      Scratch scratch(memory);
      T* gradV = scratch.take<T>(unit.images * block.results() * padded);
      passGate(job, gradV, scratch);
      if (block.expands) passThroughExpansion(job, gradV, scratch);
      else passToX(job, gradV, scratch);
    });
  });
  return gradX;
}

}  // namespace advprop
