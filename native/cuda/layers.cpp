// Batch norm and depthwise convolution on a GPU: the operators of native/norm/batch_norm.cpp and native/depthwise/depthwise.cpp, with the
// kernels of this folder. They keep the same tensors for the gradient.
#include <torch/csrc/autograd/custom_function.h>

#include "operator.h"

namespace advprop::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

Rows rowsOf(const at::Tensor& x) { return {x.numel() / x.size(1), x.size(1), dtypeCode(x.scalar_type())}; }

struct Normalize : torch::autograd::Function<Normalize> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const c10::optional<at::Tensor>& added, const at::Tensor& statistics, int64_t activation, bool batch) {
    const at::Tensor residual = added.value_or(at::Tensor());
    const Launch launch(x);
    at::Tensor y = at::empty_like(x, kChannelsLast);
    check(normalize(rowsOf(x), dataOf(x), dataOf(residual), floatsOf(statistics), floatsOf(weight), floatsOf(bias), static_cast<int>(activation),
                    dataOf(y), launch.stream),
          "batch_norm");
    const bool needsInput = batch || weight.requires_grad() || bias.requires_grad() || (activation != kIdentity && !residual.defined());
    const bool needsResult = activation == kRelu && residual.defined();
    context->save_for_backward({needsInput ? x : at::Tensor(), needsResult ? y : at::Tensor(), weight, bias, statistics});
    context->saved_data["activation"] = activation;
    context->saved_data["batch"] = batch;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &y = saved[1], &weight = saved[2], &bias = saved[3], &statistics = saved[4];
    const int64_t activation = context->saved_data["activation"].toInt();
    const bool batch = context->saved_data["batch"].toBool();
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    const Launch launch(gradient);
    const Rows sizes = rowsOf(gradient);
    const NormGradient of{dataOf(gradient),  dataOf(x),      dataOf(y), floatsOf(statistics), floatsOf(weight), floatsOf(bias),
                          static_cast<int>(activation)};

    at::Tensor gradX, gradWeight, gradBias, gradResidual, sums;
    const bool residualOnly = context->needs_input_grad(3) && activation != kIdentity;
    if (residualOnly) gradResidual = at::empty_like(gradient, kChannelsLast);
    if (context->needs_input_grad(0)) gradX = at::empty_like(gradient, kChannelsLast);
    if (context->needs_input_grad(1)) gradWeight = at::empty_like(weight);
    if (context->needs_input_grad(2)) gradBias = at::empty_like(bias);
    if (batch || gradWeight.defined() || gradBias.defined()) {
      sums = floats({2, sizes.channels}, gradient);
      const at::Tensor partial = floats({batchNormWorkspace(sizes)}, gradient);
      check(normalizeSums(sizes, of, dataOf(gradResidual), floatsOf(sums), floatsOf(gradWeight), floatsOf(gradBias), floatsOf(partial), launch.stream),
            "batch_norm (sums of the gradient)");
    }
    // If there was a pass for the sums, it has written the residual's gradient already.
    void* const toResidual = sums.defined() ? nullptr : dataOf(gradResidual);
    if (gradX.defined() || toResidual != nullptr) {
      check(normalizeInputGradient(sizes, of, batch ? floatsOf(sums) : nullptr, toResidual, dataOf(gradX), launch.stream),
            "batch_norm (gradient of x)");
    }
    if (context->needs_input_grad(3) && activation == kIdentity) gradResidual = gradient;
    return {gradX, gradWeight, gradBias, gradResidual, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

bool isParameter(const at::Tensor& values, const at::Tensor& x) {
  return values.device() == x.device() && values.scalar_type() == at::kFloat && values.is_contiguous() && values.numel() == x.size(1);
}

at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& residual,
                     const c10::optional<at::Tensor>& runningMean, const c10::optional<at::Tensor>& runningVariance, bool batch, double factor,
                     double epsilon, int64_t activation) {
  TORCH_CHECK(activation >= kIdentity && activation <= kRelu6, "activation must be 0, 1, 2 or 3; got ", activation);
  const bool running = runningMean.has_value() && runningVariance.has_value();
  const bool ours = isOurs(x) && isKernelDtype(x) && x.dim() == 4 && x.numel() > 0 && x.is_contiguous(kChannelsLast) && isParameter(weight, x) &&
                    isParameter(bias, x) && !(residual.has_value() && activation >= kSilu) &&
                    (running ? isParameter(*runningMean, x) && isParameter(*runningVariance, x) : batch);
  if (!ours) {
    return composed<decltype(batchNorm)>("advprop::batch_norm", x, weight, bias, residual, runningMean, runningVariance, batch, factor, epsilon,
                                         activation);
  }
  c10::optional<at::Tensor> other;
  if (residual.has_value()) {
    TORCH_CHECK(residual->sizes() == x.sizes() && residual->scalar_type() == x.scalar_type(), "the residual must have the shape and dtype of x, ",
                x.sizes(), "; got ", residual->sizes());
    other = residual->contiguous(kChannelsLast);
  }
  const Launch launch(x);
  const Rows sizes = rowsOf(x);
  const at::Tensor statistics = floats({2, sizes.channels}, x);
  if (batch) {
    const at::Tensor partial = floats({batchNormWorkspace(sizes)}, x);
    check(batchStatistics(sizes, dataOf(x), static_cast<float>(factor), epsilon, running ? floatsOf(*runningMean) : nullptr,
                          running ? floatsOf(*runningVariance) : nullptr, floatsOf(statistics), floatsOf(partial), launch.stream),
          "batch_norm (statistics)");
  } else {
    check(runningStatistics(sizes.channels, floatsOf(*runningMean), floatsOf(*runningVariance), epsilon, floatsOf(statistics), launch.stream),
          "batch_norm (running statistics)");
  }
  return Normalize::apply(x, weight, bias, other, statistics, activation, batch);
}

/// The 3x3 convolution, with one zero on each side, of relu(norm(x)).
at::Tensor normalizedConvolution(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift, const c10::optional<at::Tensor>& runningMean,
                                 const c10::optional<at::Tensor>& runningVariance, bool batch, double factor, double epsilon, const at::Tensor& weight) {
  const at::Tensor y = batchNorm(x, scale, shift, {}, runningMean, runningVariance, batch, factor, epsilon, kRelu);
  return at::conv2d(y, weight.to(x.scalar_type()), {}, 1, 1);
}

std::vector<int64_t> listOf(const Depthwise& s) {
  return {s.images, s.channels, s.height, s.width, s.rows, s.columns, s.left, s.top, s.kernel, s.stride, s.dtype};
}

Depthwise sizesOf(const std::vector<int64_t>& s) {
  return {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], static_cast<int>(s[8]), static_cast<int>(s[9]), static_cast<int>(s[10])};
}

struct DepthwiseConvolution : torch::autograd::Function<DepthwiseConvolution> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const Depthwise& sizes) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    context->saved_data["sizes"] = listOf(sizes);
    context->saved_data["dtype"] = weight.scalar_type();
    const Launch launch(x);
    const at::Tensor taps = weight.to(at::kFloat).contiguous();
    at::Tensor y = at::empty({sizes.images, sizes.channels, sizes.rows, sizes.columns}, x.options(), kChannelsLast);
    check(depthwiseForward(sizes, dataOf(x), floatsOf(taps), dataOf(y), launch.stream), "conv2d depthwise");
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Depthwise sizes = sizesOf(context->saved_data["sizes"].toIntVector());
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    const Launch launch(gradient);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) {
      const at::Tensor taps = saved[1].to(at::kFloat).contiguous();
      gradX = at::empty({sizes.images, sizes.channels, sizes.height, sizes.width}, gradient.options(), kChannelsLast);
      check(depthwiseInputGradient(sizes, dataOf(gradient), floatsOf(taps), dataOf(gradX), launch.stream), "conv2d depthwise (input gradient)");
    }
    if (context->needs_input_grad(1)) {
      const at::Tensor partial = floats({depthwiseWorkspace(sizes)}, gradient);
      gradWeight = floats({sizes.channels, 1, sizes.kernel, sizes.kernel}, gradient);
      check(depthwiseWeightGradient(sizes, dataOf(gradient), dataOf(saved[0]), floatsOf(gradWeight), floatsOf(partial), launch.stream),
            "conv2d depthwise (weight gradient)");
      gradWeight = gradWeight.to(context->saved_data["dtype"].toScalarType());
    }
    return {gradX, gradWeight, at::Tensor()};
  }
};

}  // namespace

at::Tensor depthwiseConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding) {
  const int64_t kernel = weight.size(2);
  const bool ours = isOurs(x) && weight.device() == x.device() && isKernelDtype(x) && isKernelDtype(weight) && x.numel() > 0 &&
                    (kernel == 3 || kernel == 5) && weight.size(3) == kernel && (stride == 1 || stride == 2);
  if (!ours) return {};
  const int64_t left = padding[0], right = padding[1], top = padding[2], bottom = padding[3];
  const int64_t rows = (x.size(2) + top + bottom - kernel) / stride + 1, columns = (x.size(3) + left + right - kernel) / stride + 1;
  const Depthwise sizes{x.size(0), x.size(1), x.size(2), x.size(3), rows, columns, left, top, static_cast<int>(kernel), static_cast<int>(stride),
                        dtypeCode(x.scalar_type())};
  return DepthwiseConvolution::apply(x.contiguous(kChannelsLast), weight, sizes);
}

void registerLayers(torch::Library& library) {
  library.impl("batch_norm", &batchNorm);
  library.impl("norm_relu_conv2d_3x3", &normalizedConvolution);
}

}  // namespace advprop::cuda
