// With p the gradient before a norm's activation, S the sum over the batch and n how many values it has: by the batch's
// statistics gradU = scale inverse (p - S(p) / n - (u - mean) inverse^2 S(p (u - mean)) / n), which is known only after the whole
// batch was seen once. So there are three passes: to p of the second norm, from there to p of the first, and to x.
#include <ATen/Parallel.h>

#include "block_product.h"
#include "inverted_residual_gate.h"
#include "inverted_residual_products.h"
#include "inverted_residual_training.h"
#include "panel_sums.h"
#include "profiled_kernel.h"

namespace advprop {

namespace {

/// A norm on the way back: p of a channel as it is summed, and from p the gradient of what was normalised.
class NormBackwards {
 public:
  NormBackwards(const TrainedInvertedResidual& block, const at::Tensor& statistics, const at::Tensor& scale, const at::Tensor& shift, int64_t ofImage)
      : block_(block), channels_(block.expanded, 0), statistics_(statistics), scale_(scale), tables_(channels_, statistics, scale, shift),
        count_(static_cast<double>(block.images * ofImage)), sums_(at::zeros({block.units(), 2, block.padded()}, at::kDouble)) {}

  Normalization normalization() const { return tables_.normalization(); }

  /// Where a panel of a unit adds p and p (u - mean): two rows of `padded`.
  double* sumsOf(const Unit& unit, int64_t panel) const {
    return sums_.data_ptr<double>() + unit.first / block_.together() * 2 * block_.padded() + panel * kPanel;
  }

  /// To be called when all units have added theirs. Gives the gradients of scale and shift.
  std::pair<at::Tensor, at::Tensor> finish() {
    const at::Tensor total = sums_.sum(0);
    const double *sum = total.data_ptr<double>(), *product = sum + block_.padded(), *inverse = statistics_.data_ptr<double>() + block_.expanded;
    offsets_ = channels_.tile([=](int64_t c) { return sum[c] / count_; });
    slopes_ = channels_.tile([=](int64_t c) { return product[c] * inverse[c] * inverse[c] / count_; });
    at::Tensor scale = at::empty_like(scale_), shift = at::empty_like(scale_);
    for (int64_t c = 0; c < block_.expanded; ++c) {
      scale.data_ptr<float>()[c] = static_cast<float>(product[c] * inverse[c]);
      shift.data_ptr<float>()[c] = static_cast<float>(sum[c]);
    }
    return {scale, shift};
  }

  /// The gradient of u given p and u.
  struct Through {
    Floats operator()(Floats p, Floats u, int64_t channel) const {
      const Floats centered = u - load(norm.mean + channel);
      return (p - load(offset + channel) - centered * load(slope + channel)) * load(norm.factor + channel);
    }
    Normalization norm;
    const float *offset, *slope;
  };
  Through through() const { return {normalization(), offsets_.data(), slopes_.data()}; }

 private:
  const TrainedInvertedResidual& block_;
  const Channels channels_;
  const at::Tensor statistics_, scale_;
  const Tables tables_;
  const double count_;
  const at::Tensor sums_;
  std::vector<float> offsets_, slopes_;
};

/// The channels of a panel in rows of all channels.
template <typename T>
struct PanelInRows {
  PanelInRows(T* first, int64_t stride_, int64_t panel) : at(first + panel * kPanel), stride(stride_), channels(stride_ - panel * kPanel) {}

  Floats load(int64_t i, int64_t c) const {
    const T* from = at + i / kPanel * stride + c;
    if (c + kLanes <= channels) return advprop::load(from);
    return c < channels ? loadFirst(from, channels - c) : Floats{};
  }
  void store(int64_t i, int64_t c, Floats values) const {
    T* to = at + i / kPanel * stride + c;
    if (c + kLanes <= channels) advprop::store(to, values);
    else if (c < channels) storeFirst(to, values, channels - c);
  }

  T* at;
  int64_t stride, channels;
};

/// Of the gate, for each image.
struct GateTensors {
  at::Tensor argument, squeezed;  // gradients of the sigmoid's and the silu's arguments, float32 [images, padded or squeezed]
};

/// p of the second norm for a unit, in place of the gradient of s gate; also s gate, [results, expanded], where `gated` is not null.
template <typename T>
void gatedUnit(const TrainedInvertedResidual& block, const T* gradient, const TrainedKept& kept, const NormBackwards& norm2, T* p2, T* gated,
               const GateTensors& gradGate, const Unit& unit, Scratch scratch) {
  const int64_t results = block.results(), rows = unit.images * results, padded = block.padded(), first = unit.first * results;
  const T *from = gradient + first * block.outputs, *v = kept.v.data_ptr<T>() + first * padded;
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
        sumPanel(results, arguments + n * padded + channel, /*add=*/false, [=, in = v + at, grad = g + at, slope = slopes + at](int64_t i, int64_t c) {
          const SiluAndSlope activated = siluAndSlope<T>(normalize(load(in + i), channel + c));
          store(slope + i, activated.slope);
          keep(i, c, activated.value);
          return load(grad + i) * activated.value;
        });
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

/// For a unit, p of the first norm in place of `gradX` of u, [pixels, expanded], or the gradient of x without an expansion, whose
/// norm1 is then null; adds the depthwise weight's gradient to `sums` where these are not null.
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
        addToSums<2>(pixels, norm1->sumsOf(unit, p), padded, [=](int64_t i, int64_t c) {
          const Floats value = load(in + i);
          const SiluAndSlope activated = siluAndSlope<T>(normalize(value, channel + c));
          store(t + i, activated.value);
          const Floats passed = load(gradT + i) * activated.slope;
          to.store(i, c, passed);
          return std::array<Floats, 2>{passed, passed * (value - load(normalize.mean + channel + c))};
        });
      } else {
        gatherPanel(x + (first + n * pixels) * block.inputs + channel, block.inputs, pixels, std::min(kPanel, block.inputs - channel), t);
        eachVectorOfPanel(pixels, [=](int64_t i, int64_t c) { to.store(i, c, load(gradT + i)); });
      }
      if (sums != nullptr) addDepthwisePanelGradient(t, gradV, sums + p * block.panel.packed(), isFirst && n == 0, block.panel);
    }
  }
}

/// p of the first norm to the gradient of u, in its place, and from there to that of x, for a unit.
template <typename T>
void expansionUnit(const TrainedInvertedResidual& block, const TrainedKept& kept, const NormBackwards& norm1, T* p1, T* gradX, const Unit& unit) {
  constexpr int64_t kRows = 48;  // so few that their lines stay near for all panels and the product
  const int64_t pixels = unit.images * block.pixels(), first = unit.first * block.pixels();
  const T* u = kept.u.data_ptr<T>() + first * block.padded();
  const NormBackwards::Through through = norm1.through();
  const Product<T> product{p1 + first * block.expanded, gradX + first * block.inputs, pixels, block.expandGradient};
  for (int64_t row = 0; row < pixels; row += kRows) {
    const int64_t end = std::min(pixels, row + kRows);
    for (int64_t p = 0; p < block.panels(); ++p) {
      const PanelInRows<T> rows(p1 + (first + row) * block.expanded, block.expanded, p);
      eachVectorOfPanel(end - row, [=, in = u + (p * pixels + row) * kPanel, channel = p * kPanel](int64_t i, int64_t c) {
        rows.store(i, c, through(rows.load(i, c), load(in + i), channel + c));
      });
    }
    multiplyBlock(product, row, end, 0, vectorsOf(block.inputs));
  }
}

GateGradients gateGradients(const TrainedInvertedResidual& block, const TrainedKept& kept, const GateTensors& gradGate) {
  const at::Tensor argument = gradGate.argument.narrow(1, 0, block.expanded), &squeezed = gradGate.squeezed;
  return {at::mm(squeezed.t(), kept.mean.narrow(1, 0, block.expanded)).view({block.squeezed, block.expanded, 1, 1}), squeezed.sum(0),
          at::mm(argument.t(), at::silu(kept.squeezed)).view({block.expanded, block.squeezed, 1, 1}), argument.sum(0)};
}

}  // namespace

TrainedGradients trainedGradients(const TrainedInvertedResidual& block, const at::Tensor& x, const at::Tensor& gradient, const TrainedKept& kept,
                                  const WantedWeights& wanted) {
  constexpr int64_t kMostParts = 16;
  const int64_t together = block.together(), padded = block.padded(), size = x.element_size(), kernel = block.panel.kernel;
  const auto floats = x.options().memory_format(c10::nullopt).dtype(at::kFloat);
  const bool small = kernel == 3;
  const double uBytes = static_cast<double>(size) * block.images * block.pixels() * block.expanded;
  const double vBytes = static_cast<double>(size) * block.images * block.results() * block.expanded;
  TrainedGradients result;
  NormBackwards norm2(block, kept.statistics2, block.scale2, block.shift2, block.results());
  at::Tensor p2 = at::empty_like(kept.v);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    const GateTensors gradGate{at::empty({block.images, padded}, floats), at::empty({block.images, block.squeezed}, floats)};
    at::Tensor gated;
    if (wanted.project) gated = at::empty({block.images, block.expanded, block.panel.rows, block.panel.columns}, x.options(), at::MemoryFormat::ChannelsLast);
    {
      const ProfiledKernel profiled("advprop::gated_conv2d 1x1 (input gradient)", block.projectFlops() + block.gateFlops(), gradient.nbytes() + vBytes, vBytes);
      const int64_t bytes = Scratch::bytesOf(together * block.results() * padded * size) + Scratch::bytesOf(together * padded * 4);
      eachUnit(block.images, together, bytes, [&, g = gradient.data_ptr<T>()](const Unit& unit, void* memory) {
        gatedUnit(block, g, kept, norm2, p2.data_ptr<T>(), gated.defined() ? gated.data_ptr<T>() : nullptr, gradGate, unit, Scratch(memory));
      });
    }
    std::tie(result.scale2, result.shift2) = norm2.finish();
    result.gate = gateGradients(block, kept, gradGate);
    if (wanted.project) {
      const ProfiledKernel profiled("advprop::pointwise_conv2d 1x1 (weight gradient)", block.projectFlops(), gradient.nbytes() + vBytes, 0);
      result.project = pointwiseWeightGradient(gradient, gated);
    }
  });

  c10::optional<NormBackwards> norm1;
  if (block.expands) norm1.emplace(block, kept.statistics1, block.scale1, block.shift1, block.pixels());
  at::Tensor p1 = at::empty({block.images, block.expanded, block.panel.height, block.panel.width}, x.options(), at::MemoryFormat::ChannelsLast);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    const int64_t parts = std::min(kMostParts, block.units()), length = padded * kernel * kernel;
    at::Tensor sums;
    if (wanted.depthwise) sums = at::empty({parts, length}, floats);
    {
      const char* name = small ? "advprop::norm_depthwise_conv2d 3x3 (both gradients)" : "advprop::norm_depthwise_conv2d 5x5 (both gradients)";
      const ProfiledKernel profiled(name, (wanted.depthwise ? 2 : 1) * block.depthwiseFlops(), 2 * vBytes + uBytes, uBytes);
      const int64_t bytes = Scratch::bytesOf(block.results() * kPanel * size) + 2 * Scratch::bytesOf(block.pixels() * kPanel * size);
      at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
        const at::Tensor memory = at::empty({bytes}, at::kByte);
        for (int64_t part = begin; part < end; ++part) {
          const int64_t from = part * block.units() / parts, to = (part + 1) * block.units() / parts;
          for (int64_t unit = from; unit < to; ++unit) {
            const int64_t first = unit * together;
            depthwiseUnit(block, x.data_ptr<T>(), kept, norm1.has_value() ? &*norm1 : nullptr, norm2, p2.data_ptr<T>(), p1.data_ptr<T>(),
                          sums.defined() ? sums.data_ptr<float>() + part * length : nullptr, unit == from,
                          Unit{first, std::min(together, block.images - first)}, Scratch(memory.data_ptr()));
          }
        }
      });
    }
    p2.reset();
    if (sums.defined()) result.depthwise = joinDepthwisePanels(sums, block.expanded, kernel, x.scalar_type());
    if (!block.expands) {
      result.x = p1;
      return;
    }
    std::tie(result.scale1, result.shift1) = norm1->finish();
    result.x = at::empty_like(x, at::MemoryFormat::ChannelsLast);
    {
      const ProfiledKernel profiled("advprop::norm_conv2d 1x1 (input gradient)", block.expandFlops(), 2 * uBytes, uBytes + x.nbytes());
      eachUnit(block.images, together, 0, [&](const Unit& unit, void*) {
        expansionUnit(block, kept, *norm1, p1.data_ptr<T>(), result.x.template data_ptr<T>(), unit);
      });
    }
    if (wanted.expand) {
      const ProfiledKernel profiled("advprop::pointwise_conv2d 1x1 (weight gradient)", block.expandFlops(), uBytes + x.nbytes(), 0);
      result.expand = pointwiseWeightGradient(p1, x);
    }
  });
  return result;
}

}  // namespace advprop
