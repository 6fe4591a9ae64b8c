// Three passes over the batch, because the gradient through a norm needs sums over the whole batch. Let p be the gradient of an
// activation's argument. The first pass computes p of the second norm, the second one p of the first norm, the third one the gradient of x.
#include <ATen/Parallel.h>

#include "gate.h"
#include "norm_gradient.h"
#include "panel_in_rows.h"
#include "panel_sums.h"
#include "product/block_product.h"
#include "products.h"
#include "profile/profiled_kernel.h"

namespace advprop {

namespace {

/// Gradients of the gate's layers, for each image.
struct GateTensors {
  at::Tensor argument, squeezed;  // gradients of the sigmoid's and the silu's arguments, float32 [images, padded or squeezed]
};

/// Computes p of the second norm for a unit. If `gated` is not null, also stores s * gate there, [results, expanded].
template <typename T>
void gatedUnit(const TrainedInvertedResidual& block, const T* gradient, const TrainedKept& kept, const NormBackwards& norm2, T* p2, T* gated,
               const GateTensors& gradGate, const Unit& unit, Scratch scratch) {
  const int64_t results = block.results(), rows = unit.images * results, padded = block.padded(), first = unit.first * results;
  const Factor<T>* from = asFactors(gradient + first * block.outputs, rows * block.outputs, scratch);
  const T* v = kept.v.data_ptr<T>() + first * padded;
  const float* gates = kept.gate.data_ptr<float>() + unit.first * padded;
  float* arguments = gradGate.argument.data_ptr<float>() + unit.first * padded;
  float* gradSqueezed = gradGate.squeezed.data_ptr<float>() + unit.first * block.squeezed;
  const Normalization normalize = norm2.normalization();
  T *g = p2 + first * padded, *slopes = scratch.take<T>(rows * padded);
  float* shares = scratch.take<float>(unit.images * padded);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel;
    const IntoPanel<T> product{from, block.outputs, block.projectGradient.panel<T>(p * kPanelVectors), g + p * rows * kPanel};
    product.run(rows, static_cast<int>(vectorsOf(std::min(kPanel, block.expanded - channel))), [](int64_t, int64_t) {});
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t at = (p * unit.images + n) * results * kPanel;
      const auto sum = [&](const auto& keep) {
        const auto norm = [=, in = v + at](int64_t i, int64_t c) { return normalize(load(in + i), channel + c); };
        const auto term = [=, grad = g + at, slope = slopes + at](int64_t i, int64_t c, const auto& silu) {
          store(slope + i, silu.slope);
          keep(i, c, silu.value);
          return load(grad + i) * silu.value;
        };
        sumPanel(results, arguments + n * padded + channel, /*add=*/false, ofSilu<T>(norm, term));
      };
      if (gated == nullptr) {
        sum([](int64_t, int64_t, Floats) {});
      } else {
        const PanelInRows<T> to(gated + (first + n * results) * block.expanded, block.expanded, p);
        sum([to, gate = gates + n * padded + channel](int64_t i, int64_t c, Floats s) { to.store(i, c, s * load(gate + c)); });
      }
    }
  }
  for (int64_t n = 0; n < unit.images; ++n) {
    const float* squeezed = kept.squeezed.data_ptr<float>() + (unit.first + n) * block.squeezed;
    gateGradient(block, gates + n * padded, squeezed, arguments + n * padded, shares + n * padded, gradSqueezed + n * block.squeezed);
  }
  const float each = 1.f / static_cast<float>(results);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel;
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t at = (p * unit.images + n) * results * kPanel;
      const float *gate = gates + n * padded + channel, *share = shares + n * padded + channel;
      const auto add = [=, mean = normalize.mean + channel, in = v + at, grad = g + at, slope = slopes + at](int64_t i, int64_t c) {
        const Floats passed = (load(grad + i) * load(gate + c) + load(share + c) * each) * load(slope + i);
        store(grad + i, passed);
        return std::array<Floats, 2>{passed, passed * (load(in + i) - load(mean + c))};
      };
      addToSums<2>(results, norm2.sumsOf(unit, p), padded, add);
    }
  }
}

/// Computes p1, [pixels, expanded], for a unit: p of the first norm, or without an expansion (`norm1` is null) the gradient of x. If `sums`
/// is not null, adds the gradient of the depthwise weight to it.
template <typename T>
void depthwiseUnit(const TrainedInvertedResidual& block, const T* x, const TrainedKept& kept, const NormBackwards* norm1, const NormBackwards& norm2,
                   const T* p2, T* p1, float* sums, bool isFirst, const Unit& unit, Scratch scratch) {
  const int64_t pixels = block.pixels(), results = block.results(), padded = block.padded(), first = unit.first * pixels;
  const T* v = kept.v.data_ptr<T>();
  const T* u = block.expands ? kept.u.data_ptr<T>() : nullptr;
  const NormBackwards::Through through = norm2.through();
  const Normalization normalize = block.expands ? norm1->normalization() : Normalization{};
  T *gradV = scratch.take<T>(results * kPanel), *gradT = scratch.take<T>(pixels * kPanel), *t = scratch.take<T>(pixels * kPanel);
  for (int64_t p = 0; p < block.panels(); ++p) {
    const int64_t channel = p * kPanel;
    for (int64_t n = 0; n < unit.images; ++n) {
      const int64_t atResult = unit.first * results * padded + (p * unit.images + n) * results * kPanel;
      eachVectorOfPanel(results, [=, in = v + atResult, g = p2 + atResult](int64_t i, int64_t c) {
        store(gradV + i, through(load(g + i), load(in + i), channel + c));
      });
      depthwisePanelGradient(gradV, gradT, block.depthwiseGradient + p * block.panel.packed(), block.panel, 0, block.panel.height);
      const PanelInRows<T> to(p1 + (first + n * pixels) * block.expanded, block.expanded, p);
      if (block.expands) {
        const T* in = u + first * padded + (p * unit.images + n) * pixels * kPanel;
        const auto norm = [=](int64_t i, int64_t c) { return normalize(load(in + i), channel + c); };
        const auto terms = [=](int64_t i, int64_t c, const auto& silu) {
          store(t + i, silu.value);
          const Floats passed = load(gradT + i) * silu.slope;
          to.store(i, c, passed);
          return std::array<Floats, 2>{passed, passed * (load(in + i) - load(normalize.mean + channel + c))};
        };
        addToSums<2>(pixels, norm1->sumsOf(unit, p), padded, ofSilu<T>(norm, terms));
      } else {
        gatherPanel(x + (first + n * pixels) * block.inputs + channel, block.inputs, pixels, std::min(kPanel, block.inputs - channel), t);
        eachVectorOfPanel(pixels, [=](int64_t i, int64_t c) { to.store(i, c, load(gradT + i)); });
      }
      if (sums != nullptr) addDepthwisePanelGradient(t, gradV, sums + p * block.panel.packed(), isFirst && n == 0, block.panel);
    }
  }
}

/// Rows with all channels that stay in the cache until they are multiplied.
constexpr int64_t kNearRows = 48;

/// For a unit: replaces p of the first norm by the gradient of u, and computes the gradient of x from it.
template <typename T>
void expansionUnit(const TrainedInvertedResidual& block, const TrainedKept& kept, const NormBackwards& norm1, T* p1, T* gradX, const Unit& unit,
                   Scratch scratch) {
  const int64_t pixels = unit.images * block.pixels(), first = unit.first * block.pixels();
  const T* u = kept.u.data_ptr<T>() + first * block.padded();
  const NormBackwards::Through through = norm1.through();
  for (int64_t row = 0; row < pixels; row += kNearRows) {
    const int64_t count = std::min(kNearRows, pixels - row);
    T* rows = p1 + (first + row) * block.expanded;
    for (int64_t p = 0; p < block.panels(); ++p) {
      eachVectorOfPanel(count, [=, panel = PanelInRows<T>(rows, block.expanded, p), in = u + (p * pixels + row) * kPanel](int64_t i, int64_t c) {
        panel.store(i, c, through(panel.load(i, c), load(in + i), p * kPanel + c));
      });
    }
    Scratch copies = scratch;
    const Factor<T>* factors = asFactors(rows, count * block.expanded, copies);
    const Product<Factor<T>, T> product{factors, gradX + (first + row) * block.inputs, count, block.expandGradient};
    multiplyBlock(product, 0, count, 0, vectorsOf(block.inputs));
  }
}

GateGradients gateGradients(const TrainedInvertedResidual& block, const TrainedKept& kept, const GateTensors& gradGate) {
  const at::Tensor argument = gradGate.argument.narrow(1, 0, block.expanded), &squeezed = gradGate.squeezed;
  return {at::mm(squeezed.t(), kept.mean.narrow(1, 0, block.expanded)).view({block.squeezed, block.expanded, 1, 1}), squeezed.sum(0),
          at::mm(argument.t(), at::silu(kept.squeezed)).view({block.expanded, block.squeezed, 1, 1}), argument.sum(0)};
}

/// What the passes of one gradient share.
struct Job {
  const TrainedInvertedResidual& block;
  const TrainedKept& kept;
  const at::Tensor &x, &gradient;
  const WantedWeights& wanted;
  TrainedGradients& result;

  double uBytes() const { return static_cast<double>(x.element_size()) * block.images * block.pixels() * block.expanded; }
  double vBytes() const { return static_cast<double>(x.element_size()) * block.images * block.results() * block.expanded; }
  at::TensorOptions floats() const { return x.options().memory_format(c10::nullopt).dtype(at::kFloat); }
  at::Tensor rowsOfAllChannels(int64_t height, int64_t width) const {
    return at::empty({block.images, block.expanded, height, width}, x.options(), at::MemoryFormat::ChannelsLast);
  }
};

/// Returns p of the second norm, in panels; computes the gradients of projection and gate.
template <typename T>
at::Tensor passGate(const Job& job, NormBackwards& norm2) {
  const TrainedInvertedResidual& block = job.block;
  const int64_t padded = block.padded();
  at::Tensor p2 = at::empty_like(job.kept.v), gated;
  if (job.wanted.project) gated = job.rowsOfAllChannels(block.panel.rows, block.panel.columns);
  const GateTensors gradGate{at::empty({block.images, padded}, job.floats()), at::empty({block.images, block.squeezed}, job.floats())};
  {
    const ProfiledKernel profiled("advprop::gated_conv2d 1x1 (input gradient)", block.projectFlops() + block.gateFlops(),
                                  job.gradient.nbytes() + job.vBytes(), job.vBytes());
    const int64_t results = block.together() * block.results();
    const int64_t bytes = factorBytes<T>(results * block.outputs) + Scratch::bytesOf(results * padded * sizeof(T)) +
                          Scratch::bytesOf(block.together() * padded * sizeof(float));
    eachUnit(block.images, block.together(), bytes, [&, g = job.gradient.data_ptr<T>()](const Unit& unit, void* memory) {
      gatedUnit(block, g, job.kept, norm2, p2.data_ptr<T>(), gated.defined() ? gated.data_ptr<T>() : nullptr, gradGate, unit, Scratch(memory));
    });
  }
  std::tie(job.result.scale2, job.result.shift2) = norm2.finish();
  job.result.gate = gateGradients(block, job.kept, gradGate);
  if (job.wanted.project) {
    const ProfiledKernel profiled("advprop::conv2d 1x1 (weight gradient)", block.projectFlops(), job.gradient.nbytes() + job.vBytes(), 0);
    job.result.project = pointwiseWeightGradient(job.gradient, gated);
  }
  return p2;
}

/// Returns p of the first norm, or the gradient of x if `norm1` is null; computes the gradient of the depthwise weight.
template <typename T>
at::Tensor passDepthwise(const Job& job, const NormBackwards* norm1, const NormBackwards& norm2, const at::Tensor& p2) {
  constexpr int64_t kMostParts = 16;
  const TrainedInvertedResidual& block = job.block;
  const int64_t kernel = block.panel.kernel, units = block.units(), parts = std::min(kMostParts, units);
  const int64_t length = block.padded() * kernel * kernel;
  at::Tensor p1 = job.rowsOfAllChannels(block.panel.height, block.panel.width), sums;
  if (job.wanted.depthwise) sums = at::empty({parts, length}, job.floats());
  {
    const char* name = kernel == 3 ? "advprop::norm_depthwise_conv2d 3x3 (both gradients)" : "advprop::norm_depthwise_conv2d 5x5 (both gradients)";
    const ProfiledKernel profiled(name, (job.wanted.depthwise ? 2 : 1) * block.depthwiseFlops(), 2 * job.vBytes() + job.uBytes(), job.uBytes());
    const int64_t bytes = Scratch::bytesOf(block.results() * kPanel * sizeof(T)) + 2 * Scratch::bytesOf(block.pixels() * kPanel * sizeof(T));
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      const at::Tensor memory = at::empty({bytes}, at::kByte);
      for (int64_t part = begin; part < end; ++part) {
        const int64_t from = part * units / parts, to = (part + 1) * units / parts;
        for (int64_t unit = from; unit < to; ++unit) {
          const int64_t first = unit * block.together();
          depthwiseUnit(block, job.x.data_ptr<T>(), job.kept, norm1, norm2, p2.data_ptr<T>(), p1.data_ptr<T>(),
                        sums.defined() ? sums.data_ptr<float>() + part * length : nullptr, unit == from,
                        Unit{first, std::min(block.together(), block.images - first)}, Scratch(memory.data_ptr()));
        }
      }
    });
  }
  if (sums.defined()) job.result.depthwise = joinDepthwisePanels(sums, block.expanded, kernel, job.x.scalar_type());
  return p1;
}

/// Computes the gradients of x and of the expansion.
template <typename T>
void passExpansion(const Job& job, NormBackwards& norm1, const at::Tensor& p1) {
  const TrainedInvertedResidual& block = job.block;
  std::tie(job.result.scale1, job.result.shift1) = norm1.finish();
  job.result.x = at::empty_like(job.x, at::MemoryFormat::ChannelsLast);
  {
    const ProfiledKernel profiled("advprop::norm_conv2d 1x1 (input gradient)", block.expandFlops(), 2 * job.uBytes(), job.uBytes() + job.x.nbytes());
    eachUnit(block.images, block.together(), factorBytes<T>(kNearRows * block.expanded),
             [&, to = job.result.x.data_ptr<T>()](const Unit& unit, void* memory) {
               expansionUnit(block, job.kept, norm1, p1.data_ptr<T>(), to, unit, Scratch(memory));
             });
  }
  if (job.wanted.expand) {
    const ProfiledKernel profiled("advprop::conv2d 1x1 (weight gradient)", block.expandFlops(), job.uBytes() + job.x.nbytes(), 0);
    job.result.expand = pointwiseWeightGradient(p1, job.x);
  }
}

}  // namespace

TrainedGradients trainedGradients(const TrainedInvertedResidual& block, const at::Tensor& x, const at::Tensor& gradient, const TrainedKept& kept,
                                  const WantedWeights& wanted) {
  TrainedGradients result;
  const Job job{block, kept, x, gradient, wanted, result};
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    NormBackwards norm2(block, kept.statistics2, block.scale2, block.shift2, block.results());
    at::Tensor p2 = passGate<T>(job, norm2);
    if (!block.expands) {
      result.x = passDepthwise<T>(job, nullptr, norm2, p2);
      return;
    }
    NormBackwards norm1(block, kept.statistics1, block.scale1, block.shift1, block.pixels());
    const at::Tensor p1 = passDepthwise<T>(job, &norm1, norm2, p2);
    p2.reset();  // its memory is used again by the next pass
    passExpansion<T>(job, norm1, p1);
  });
  return result;
}

}  // namespace advprop
