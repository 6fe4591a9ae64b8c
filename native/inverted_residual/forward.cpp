#include <ATen/Parallel.h>

#include "gate.h"
#include "inverted_residual.h"
#include "panel_sums.h"
#include "products.h"

namespace advprop {

namespace {

/// x = silu(factor x + shift)
template <typename T>
void activate(T* x, int64_t pixels, const float* factor, const float* shift) {
  const auto norm = [=](int64_t i, int64_t c) { return load(x + i) * load(factor + c) + load(shift + c); };
  eachVectorOfPanel(pixels, ofSilu<T>(norm, [=](int64_t i, int64_t, const auto& silu) { store(x + i, silu.value); }));
}

/// The same, and the derivative with respect to x.
template <typename T>
void activate(T* x, int64_t pixels, const float* factor, const float* shift, T* slope) {
  const auto norm = [=](int64_t i, int64_t c) { return load(x + i) * load(factor + c) + load(shift + c); };
  eachVectorOfPanel(pixels, ofSilu<T>(norm, [=](int64_t i, int64_t c, const auto& silu) {
                      store(x + i, silu.value);
                      store(slope + i, silu.slope * load(factor + c));
                    }));
}

template <typename T>
void forwardUnit(const InvertedResidual& block, const T* x, T* y, const Kept* kept, const Unit& unit, Scratch scratch) {
  const int64_t pixels = unit.images * block.pixels(), results = unit.images * block.results(), padded = block.padded();
  const T* from = x + unit.first * block.pixels() * block.inputs;
  const Factor<T>* factors = block.expands ? asFactors(from, pixels * block.inputs, scratch) : nullptr;
  T* slopes = kept != nullptr && block.expands ? kept->slope.data_ptr<T>() + unit.first * block.pixels() * padded : nullptr;
  T* v = kept != nullptr ? kept->v.data_ptr<T>() + unit.first * block.results() * padded : nullptr;
  T *t = scratch.take<T>(pixels * kPanel), *lostV = scratch.take<T>(block.results() * kPanel);
  Factor<T>* s = scratch.take<Factor<T>>(results * padded);
  float* mean = scratch.take<float>(unit.images * padded);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel, channels = std::min(kPanel, block.expanded - channel);
    const float *factor1 = block.norm1.factor.data() + channel, *shift1 = block.norm1.shift.data() + channel;
    const float *factor2 = block.norm2.factor.data() + channel, *shift2 = block.norm2.shift.data() + channel;
    // Computes t for pixels `begin` to `end`.
    const auto expand = [&](int64_t begin, int64_t end) {
      const IntoPanel<T> product{factors + begin * block.inputs, block.inputs, block.expand.panel<T>(p * kPanelVectors), t + begin * kPanel};
      product.run(end - begin, static_cast<int>(vectorsOf(channels)), [=](int64_t at, int64_t rows) {
        T* rowsOfT = t + begin * kPanel + at;
        if (slopes == nullptr) activate(rowsOfT, rows, factor1, shift1);
        else activate(rowsOfT, rows, factor1, shift1, slopes + (p * pixels + begin) * kPanel + at);
      });
    };
    // Small images are expanded as a whole, which fills the tiles. A large image is expanded a few rows at a time, so that the depthwise
    // convolution reads them while they are in the cache.
    const bool whole = unit.images > 1;
    if (!block.expands) gatherPanel(from + channel, block.inputs, pixels, channels, t);
    else if (whole) expand(0, pixels);
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t at = (p * unit.images + n) * block.results() * kPanel;
      T* depthwise = v == nullptr ? lostV : v + at;
      float* sums = mean + n * padded + channel;
      int64_t ready = 0;
      eachBand(block.panel.rows, block.panel.stride * block.panel.width * kPanel * sizeof(T), [&](int64_t begin, int64_t end) {
        const int64_t needed = block.panel.needed(end);
        if (block.expands && !whole) expand(ready * block.panel.width, needed * block.panel.width);
        ready = needed;
        depthwisePanel(t + n * block.pixels() * kPanel, depthwise, block.depthwise + p * block.panel.packed(), block.panel, begin, end);
        const int64_t first = begin * block.panel.columns;
        const auto norm = [=, in = depthwise + first * kPanel](int64_t i, int64_t c) { return load(in + i) * load(factor2 + c) + load(shift2 + c); };
        const auto keep = [out = s + at + first * kPanel](int64_t i, int64_t, const auto& silu) {
          store(out + i, silu.value);
          return silu.value;
        };
        sumPanel((end - begin) * block.panel.columns, sums, begin > 0, ofSilu<T>(norm, keep));
      });
      for (int64_t c = 0; c < kPanel; ++c) sums[c] /= static_cast<float>(block.results());
    }
  }
  float *gates = scratch.take<float>(unit.images * padded), *squeezed = scratch.take<float>(unit.images * block.squeezed);
  if (kept != nullptr) {
    gates = kept->gate.data_ptr<float>() + unit.first * padded;
    squeezed = kept->squeezed.data_ptr<float>() + unit.first * block.squeezed;
  }
  for (int64_t n = 0; n < unit.images; ++n) computeGate(block, mean + n * padded, gates + n * padded, squeezed + n * block.squeezed);
  applyGates(block, gates, s, unit);
  T* to = y + unit.first * block.results() * block.outputs;
  FromPanels<T>{s, block.project, to, block.norm3.factor.data(), block.norm3.shift.data(), block.residual ? from : nullptr}.run(results);
}

/// Images of a unit: enough pixels to fill tiles and to make use of the weights that are read, but no more images than leave work for every thread.
int64_t imagesTogether(const InvertedResidual& block) {
  constexpr int64_t kPixels = 64;
  const int64_t threads = at::get_num_threads();
  return std::clamp<int64_t>((kPixels + block.results() - 1) / block.results(), 1, (block.images + threads - 1) / threads);
}

}  // namespace

at::Tensor invertedResidualForward(const InvertedResidual& block, const at::Tensor& x, Kept* kept) {
  const int64_t together = imagesTogether(block), padded = block.padded();
  at::Tensor y = at::empty({block.images, block.outputs, block.panel.rows, block.panel.columns}, x.options(), at::MemoryFormat::ChannelsLast);
  if (kept != nullptr) {
    const auto plain = x.options().memory_format(c10::nullopt);
    kept->together = together;
    if (block.expands) kept->slope = at::empty({block.images * block.pixels() * padded}, plain);
    kept->v = at::empty({block.images * block.results() * padded}, plain);
    kept->gate = at::empty({block.images * padded}, plain.dtype(at::kFloat));
    kept->squeezed = at::empty({block.images * block.squeezed}, plain.dtype(at::kFloat));
  }
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    const int64_t bytes = factorBytes<T>(together * block.pixels() * block.inputs) +
                          Scratch::bytesOf(together * block.pixels() * kPanel * sizeof(T)) + Scratch::bytesOf(block.results() * kPanel * sizeof(T)) +
                          Scratch::bytesOf(together * block.results() * padded * sizeof(Factor<T>)) + 2 * Scratch::bytesOf(together * padded * 4) +
                          Scratch::bytesOf(together * block.squeezed * 4);
    eachUnit(block.images, together, bytes, [&, in = x.data_ptr<T>(), out = y.data_ptr<T>()](const Unit& unit, void* memory) {
      forwardUnit(block, in, out, kept, unit, Scratch(memory));
    });
  });
  return y;
}

}  // namespace advprop
