// With p the gradient before a norm's activation: gradU = norm1's p factor, and so on backwards through the formula; the gate's
// share reaches every pixel of a channel alike.
#include <ATen/Parallel.h>

#include "inverted_residual.h"
#include "inverted_residual_gate.h"
#include "inverted_residual_products.h"
#include "silu.h"

namespace advprop {

namespace {

/// to = from factor by channel, [rows, channels].
template <typename T>
void scaleRows(const T* from, int64_t rows, int64_t channels, const float* factor, T* to) {
  for (int64_t row = 0; row < rows; ++row, from += channels, to += channels) {
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes) store(to + c, load(from + c) * load(factor + c));
    if (c < channels) storeFirst(to + c, loadFirst(from + c, channels - c) * load(factor + c), channels - c);
  }
}

/// Writes a panel into pixels with all channels; `added`, of the same layout, may be null.
template <typename T>
void scatterPanel(const T* from, int64_t pixels, int64_t channels, int64_t stride, const T* added, T* to) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, from += kPanel) {
    for (int64_t c = 0; c < channels; ++c) {
      const float other = added == nullptr ? 0.f : static_cast<float>(added[pixel * stride + c]);
      to[pixel * stride + c] = static_cast<T>(static_cast<float>(from[c]) + other);
    }
  }
}

template <typename T>
void gradientUnit(const InvertedResidual& block, const T* gradient, T* gradX, const Kept& kept, const Unit& unit, Scratch scratch) {
  const int64_t pixels = unit.images * block.pixels(), results = unit.images * block.results(), padded = block.padded();
  const T* from = gradient + unit.first * block.results() * block.outputs;
  T* to = gradX + unit.first * block.pixels() * block.inputs;
  const T* v = kept.v.data_ptr<T>() + unit.first * block.results() * padded;
  const T* slopes = block.expands ? kept.slope.data_ptr<T>() + unit.first * block.pixels() * padded : nullptr;
  const float* gates = kept.gate.data_ptr<float>() + unit.first * padded;

  T *scaled = scratch.take<T>(results * block.outputs), *gradS = scratch.take<T>(results * padded), *slopesV = scratch.take<T>(results * padded);
  float *gradGate = scratch.take<float>(unit.images * padded), *shares = scratch.take<float>(unit.images * padded);
  float* gradSqueezed = scratch.take<float>(block.squeezed);
  scaleRows(from, results, block.outputs, block.norm3.factor.data(), scaled);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel, channels = std::min(kPanel, block.expanded - channel);
    T* panel = gradS + p * results * kPanel;
    const IntoPanel<T> product{scaled, block.outputs, block.projectGradient.panel<T>(p * kPanelVectors), panel};
    product.run(results, static_cast<int>(vectorsOf(channels)), [](int64_t, int64_t) {});
    const float *factor = block.norm2.factor.data() + channel, *shift = block.norm2.shift.data() + channel;
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t at = (p * unit.images + n) * block.results() * kPanel;
      sumPanel(block.results(), gradGate + n * padded + channel, /*add=*/false, [=, in = v + at, g = gradS + at, slope = slopesV + at](int64_t i, int64_t c) {
        const SiluAndSlope activated = siluAndSlope<T>(load(in + i) * load(factor + c) + load(shift + c));
        store(slope + i, activated.slope * load(factor + c));
        return load(g + i) * activated.value;
      });
    }
  }
  for (int64_t n = 0; n < unit.images; ++n) {
    const float* squeezed = kept.squeezed.data_ptr<float>() + (unit.first + n) * block.squeezed;
    gateGradient(block, gates + n * padded, squeezed, gradGate + n * padded, shares + n * padded, gradSqueezed);
  }
  const float each = 1.f / static_cast<float>(block.results());
  for (int64_t p = 0; p < block.panels(); ++p) {
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t at = (p * unit.images + n) * block.results() * kPanel;
      const float *gate = gates + n * padded + p * kPanel, *share = shares + n * padded + p * kPanel;
      eachVectorOfPanel(block.results(), [=, g = gradS + at, slope = slopesV + at](int64_t i, int64_t c) {
        store(g + i, (load(g + i) * load(gate + c) + load(share + c) * each) * load(slope + i));
      });
    }
  }
  // Small images in one go, so that tiles are full; of large ones a few rows with all their channels.
  const auto convolve = [&](int64_t p, int64_t n, int64_t begin, int64_t end, T* result) {
    const T* g = gradS + (p * unit.images + n) * block.results() * kPanel;
    depthwisePanelGradient(g, result, block.depthwiseGradient + p * block.panel.packed(), block.panel, begin, end);
  };
  const int64_t width = block.panel.width;
  if (!block.expands) {
    T* gradT = scratch.take<T>(block.pixels() * kPanel);
    for (int64_t p = 0; p < block.panels(); ++p) {
      const int64_t channel = p * kPanel, channels = std::min(kPanel, block.expanded - channel);
      for (int64_t n = 0; n < unit.images; ++n) {
        eachBand(block.panel.height, width * kPanel * sizeof(T), [&](int64_t begin, int64_t end) {
          convolve(p, n, begin, end, gradT);
          const int64_t first = (n * block.pixels() + begin * width) * block.inputs + channel;
          scatterPanel(gradT, (end - begin) * width, channels, block.inputs, block.residual ? from + first : nullptr, to + first);
        });
      }
    }
    return;
  }
  T* gradU = scratch.take<T>(pixels * padded);
  const auto pass = [&](int64_t p, int64_t n, int64_t begin, int64_t end, T* result) {
    convolve(p, n, begin, end, result);
    eachVectorOfPanel((end - begin) * width, [=, slope = slopes + ((p * unit.images + n) * block.pixels() + begin * width) * kPanel](int64_t i, int64_t) {
      store(result + i, load(result + i) * load(slope + i));
    });
  };
  const auto expand = [&](int64_t first, int64_t rows) {
    const int64_t at = first * block.inputs;
    FromPanels<T>{gradU, block.expandGradient, to + at, nullptr, nullptr, block.residual ? from + at : nullptr}.run(rows);
  };
  if (unit.images > 1) {
    for (int64_t p = 0; p < block.panels(); ++p) {
      for (int64_t n = 0; n < unit.images; ++n) pass(p, n, 0, block.panel.height, gradU + (p * unit.images + n) * block.pixels() * kPanel);
    }
    expand(0, pixels);
    return;
  }
  eachBand(block.panel.height, width * padded * sizeof(T), [&](int64_t begin, int64_t end) {
    const int64_t rows = (end - begin) * width;
    for (int64_t p = 0; p < block.panels(); ++p) pass(p, 0, begin, end, gradU + p * rows * kPanel);
    expand(begin * width, rows);
  });
}

}  // namespace

at::Tensor invertedResidualGradient(const InvertedResidual& block, const at::Tensor& gradient, const Kept& kept) {
  const int64_t together = kept.together, padded = block.padded(), size = gradient.element_size();
  at::Tensor gradX = at::empty({block.images, block.inputs, block.panel.height, block.panel.width}, gradient.options(), at::MemoryFormat::ChannelsLast);
  const int64_t bytes = Scratch::bytesOf(together * block.results() * block.outputs * size) + 2 * Scratch::bytesOf(together * block.results() * padded * size) +
                        2 * Scratch::bytesOf(together * padded * 4) + Scratch::bytesOf(block.squeezed * 4) +
                        Scratch::bytesOf((block.expands ? together * padded : kPanel) * block.pixels() * size);
  withType(gradient.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    eachUnit(block.images, together, bytes, [&, in = gradient.data_ptr<T>(), out = gradX.data_ptr<T>()](const Unit& unit, void* memory) {
      gradientUnit(block, in, out, kept, unit, Scratch(memory));
    });
  });
  return gradX;
}

}  // namespace advprop
