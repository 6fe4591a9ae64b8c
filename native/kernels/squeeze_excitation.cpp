// Squeeze and excitation, y = x * gate with gate = sigmoid(expand(silu(reduce(mean of x over H, W)))), in as few passes
// over x as the formula allows: channels-last float32 and bfloat16 on the CPU. The gate is computed in float32. Every
// other tensor goes through libtorch's operators.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "channels.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Calls `work(zero)` with a value of the tensor's type.
template <typename Work>
void dispatch(const at::Tensor& x, const Work& work) {
  if (x.scalar_type() == at::kFloat) return work(float{});
  work(at::BFloat16{});
}

/// Sums over the pixels of each image: `terms(image, at, column)` gives the summands, `at` counting values of the image.
/// [N, C] float32.
template <typename Terms>
at::Tensor imageSums(const at::Tensor& x, const Terms& terms) {
  const Channels channels(x.size(1), x.numel() / x.size(0));
  at::Tensor result = at::empty({x.size(0), channels.count}, at::kFloat);
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const std::vector<double> sums = channels.sums([=](int64_t at, int64_t column) { return std::array<Floats, 1>{terms(n, at, column)}; });
      std::copy(sums.begin(), sums.end(), result.data_ptr<float>() + n * channels.count);
    }
  });
  return result;
}

/// Calls `work(channels, image)` for every image, in parallel.
template <typename Work>
void eachImage(const at::Tensor& x, const Work& work) {
  const Channels channels(x.size(1), x.numel() / x.size(0));
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) work(channels, n);
  });
}

/// The rows of [N, C] as a table of an image's channels.
std::vector<float> tileRow(const Channels& channels, const at::Tensor& values, int64_t image) {
  return channels.tile([row = values.data_ptr<float>() + image * channels.count](int64_t c) { return row[c]; });
}

struct SqueezeExcitation : torch::autograd::Function<SqueezeExcitation> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias,
                            const at::Tensor& expandWeight, const at::Tensor& expandBias) {
    const int64_t values = x.numel() / x.size(0);
    const at::Tensor reduce = reduceWeight.flatten(1), expand = expandWeight.flatten(1);
    at::Tensor y = at::empty_like(x, at::MemoryFormat::ChannelsLast), mean, squeezed, gate;
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const T* in = x.data_ptr<T>();
      T* out = y.data_ptr<T>();
      mean = imageSums(x, [=](int64_t n, int64_t at, int64_t) { return load(in + n * values + at); }).div_(x.size(2) * x.size(3));
      squeezed = at::addmm(reduceBias, mean, reduce.t());
      gate = at::addmm(expandBias, at::silu(squeezed), expand.t()).sigmoid_();
      eachImage(x, [&](const Channels& channels, int64_t n) {
        const std::vector<float> gates = tileRow(channels, gate, n);
        channels.eachVector([from = in + n * values, to = out + n * values, factor = gates.data()](int64_t at, int64_t column) {
          store(to + at, load(from + at) * load(factor + column));
        });
      });
    });
    context->save_for_backward({x, reduceWeight, expandWeight, mean, squeezed, gate});
    return y;
  }

  /// With g the gradient and d = S(g x) gate (1 - gate), S the sum over the pixels of an image: the gate's argument has
  /// gradient d, and gradX = g gate + gradMean / pixels.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &mean = saved[3], &squeezed = saved[4], &gate = saved[5];
    const at::Tensor reduce = saved[1].flatten(1), expand = saved[2].flatten(1);
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const int64_t values = x.numel() / x.size(0);
    variable_list results(5);
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const T *in = x.data_ptr<T>(), *g = gradient.data_ptr<T>();
      const at::Tensor gradGate =
          imageSums(x, [=](int64_t n, int64_t at, int64_t) { return load(g + n * values + at) * load(in + n * values + at); });
      const at::Tensor gradExpanded = gradGate * gate * (1 - gate);
      const at::Tensor sigmoid = at::sigmoid(squeezed), hidden = squeezed * sigmoid;
      const at::Tensor gradSqueezed = at::mm(gradExpanded, expand) * (sigmoid * (1 + squeezed * (1 - sigmoid)));
      if (context->needs_input_grad(1)) results[1] = at::mm(gradSqueezed.t(), mean).view_as(saved[1]);
      if (context->needs_input_grad(2)) results[2] = gradSqueezed.sum(0);
      if (context->needs_input_grad(3)) results[3] = at::mm(gradExpanded.t(), hidden).view_as(saved[2]);
      if (context->needs_input_grad(4)) results[4] = gradExpanded.sum(0);
      if (!context->needs_input_grad(0)) return;
      const at::Tensor gradMean = at::mm(gradSqueezed, reduce).div_(x.size(2) * x.size(3));
      results[0] = at::empty_like(x, at::MemoryFormat::ChannelsLast);
      T* out = results[0].data_ptr<T>();
      eachImage(x, [&](const Channels& channels, int64_t n) {
        const std::vector<float> gates = tileRow(channels, gate, n), shares = tileRow(channels, gradMean, n);
        channels.eachVector([from = g + n * values, to = out + n * values, factor = gates.data(), share = shares.data()](int64_t at, int64_t column) {
          store(to + at, load(from + at) * load(factor + column) + load(share + column));
        });
      });
    });
    return results;
  }
};

at::Tensor composed(const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias, const at::Tensor& expandWeight,
                    const at::Tensor& expandBias) {
  const at::Tensor mean = x.mean({2, 3}, /*keepdim=*/false, reduceWeight.scalar_type());
  const at::Tensor squeezed = at::silu(at::linear(mean, reduceWeight.flatten(1), reduceBias));
  const at::Tensor gate = at::sigmoid(at::linear(squeezed, expandWeight.flatten(1), expandBias));
  return x * gate.to(x.scalar_type()).unsqueeze(-1).unsqueeze(-1);
}

at::Tensor squeezeExcitation(const at::Tensor& x, const at::Tensor& reduceWeight, const at::Tensor& reduceBias, const at::Tensor& expandWeight,
                             const at::Tensor& expandBias) {
  const bool ours = isChannelsLast(x) && x.numel() / x.size(0) >= kLanes && reduceWeight.scalar_type() == at::kFloat;
  if (!ours) return composed(x, reduceWeight, reduceBias, expandWeight, expandBias);
  return SqueezeExcitation::apply(x, reduceWeight, reduceBias, expandWeight, expandBias);
}

/// The mean over H and W, in float32 for bfloat16: [N, C, H, W] to [N, C].
struct AveragePool : torch::autograd::Function<AveragePool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const int64_t values = x.numel() / x.size(0);
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["dtype"] = static_cast<int64_t>(x.scalar_type());
    at::Tensor sums;
    dispatch(x, [&](auto zero) {
      using T = decltype(zero);
      const T* in = x.data_ptr<T>();
      sums = imageSums(x, [=](int64_t n, int64_t at, int64_t) { return load(in + n * values + at); });
    });
    return sums.div_(x.size(2) * x.size(3));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const std::vector<int64_t> shape = context->saved_data["shape"].toIntVector();
    const auto dtype = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
    const at::Tensor share = (gradients[0] / (shape[2] * shape[3])).to(dtype).unsqueeze(-1).unsqueeze(-1);
    return {share.expand(shape).contiguous(at::MemoryFormat::ChannelsLast)};
  }
};

at::Tensor averagePool(const at::Tensor& x) {
  if (isChannelsLast(x) && x.numel() / x.size(0) >= kLanes) return AveragePool::apply(x);
  return x.mean({2, 3}, /*keepdim=*/false, x.scalar_type() == at::kBFloat16 ? at::kFloat : x.scalar_type());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(advprop, library) {
  library.def("squeeze_excitation(Tensor x, Tensor reduce_weight, Tensor reduce_bias, Tensor expand_weight, Tensor expand_bias) -> Tensor",
              &squeezeExcitation);
  library.def("average_pool(Tensor x) -> Tensor", &averagePool);
}

}  // namespace advprop
