// The first convolution on a GPU: the operator of native/convolution/image_convolution.cpp for 3x3, and for 7x7 with stride 2. For 3x3 the
// weight gradient is libtorch's; a step needs it once for each training pass. For 7x7 the convolution over blocks of pixels is libtorch's.
#include <torch/csrc/autograd/custom_function.h>

#include <array>

#include "operator.h"

namespace advprop::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

struct FirstConvolution : torch::autograd::Function<FirstConvolution> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, int64_t stride, const std::vector<int64_t>& padding) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["height"] = x.size(2);
    context->saved_data["width"] = x.size(3);
    const int64_t rows = (x.size(2) + padding[2] + padding[3] - 3) / stride + 1, columns = (x.size(3) + padding[0] + padding[1] - 3) / stride + 1;
    const Launch launch(x);
    const at::Tensor taps = weight.to(at::kFloat).contiguous();
    at::Tensor y = at::empty({x.size(0), weight.size(0), rows, columns}, x.options(), kChannelsLast);
    check(imageConvolution(sizesOf(context, y), dataOf(x), floatsOf(taps), dataOf(y), launch.stream), "conv2d of images");
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast), &x = saved[0], &weight = saved[1];
    const Launch launch(gradient);
    const ImageConvolution sizes = sizesOf(context, gradient);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) {
      const at::Tensor taps = weight.to(at::kFloat).contiguous();
      gradX = at::empty({sizes.images, 3, sizes.height, sizes.width}, gradient.options(), kChannelsLast);
      check(imageConvolutionGradient(sizes, dataOf(gradient), floatsOf(taps), dataOf(gradX), launch.stream), "conv2d of images (input gradient)");
    }
    if (context->needs_input_grad(1)) {
      const at::Tensor padded = at::constant_pad_nd(x, context->saved_data["padding"].toIntVector()), same = weight.to(x.scalar_type());
      const int64_t stride = sizes.stride;
      const std::array<int64_t, 2> strides{stride, stride}, zeros{0, 0}, ones{1, 1};
      gradWeight = std::get<1>(at::convolution_backward(gradient, padded, same, c10::nullopt, strides, zeros, ones, false, zeros, 1,
                                                        std::array<bool, 3>{false, true, false}))
                       .to(weight.scalar_type());
    }
    return {gradX, gradWeight, at::Tensor(), at::Tensor()};
  }

 private:
  /// Of the convolution whose result is like y.
  static ImageConvolution sizesOf(AutogradContext* context, const at::Tensor& y) {
    const std::vector<int64_t> padding = context->saved_data["padding"].toIntVector();
    return {y.size(0), context->saved_data["height"].toInt(), context->saved_data["width"].toInt(), y.size(1), y.size(2), y.size(3), padding[0],
            padding[2], static_cast<int>(context->saved_data["stride"].toInt()), dtypeCode(y.scalar_type())};
  }
};

struct Blocks : torch::autograd::Function<Blocks> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const PixelBlocks& sizes) {
    context->saved_data["sizes"] = std::vector<int64_t>{sizes.images, sizes.height, sizes.width, sizes.down, sizes.across, sizes.left, sizes.top};
    const Launch launch(x);
    at::Tensor blocks = at::empty({sizes.images, kBlockChannels, sizes.down, sizes.across}, x.options(), kChannelsLast);
    check(toBlocks(sizes, dataOf(x), dataOf(blocks), launch.stream), "conv2d of images (blocks)");
    return blocks;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    const std::vector<int64_t> s = context->saved_data["sizes"].toIntVector();
    const PixelBlocks sizes{s[0], s[1], s[2], s[3], s[4], s[5], s[6], dtypeCode(gradient.scalar_type())};
    const Launch launch(gradient);
    at::Tensor gradX = at::empty({sizes.images, 3, sizes.height, sizes.width}, gradient.options(), kChannelsLast);
    check(fromBlocks(sizes, dataOf(gradient), dataOf(gradX), launch.stream), "conv2d of images (gradient of blocks)");
    return {gradX, at::Tensor()};
  }
};

/// 7x7 with stride 2 as 4x4 over blocks of 2 x 2 pixels. The weight's eighth row and column are zero.
at::Tensor convolutionOfBlocks(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef padding) {
  const int64_t rows = (x.size(2) + padding[2] + padding[3] - 7) / 2 + 1, columns = (x.size(3) + padding[0] + padding[1] - 7) / 2 + 1;
  const PixelBlocks sizes{x.size(0), x.size(2), x.size(3), rows + 3, columns + 3, padding[0], padding[2], dtypeCode(x.scalar_type())};
  const int64_t outputs = weight.size(0);
  const at::Tensor square = at::constant_pad_nd(weight, {0, 1, 0, 1}).reshape({outputs, 3, 4, 2, 4, 2}).permute({0, 3, 5, 1, 2, 4});
  const at::Tensor taps = at::constant_pad_nd(square.reshape({outputs, 12, 4, 4}), {0, 0, 0, 0, 0, kBlockChannels - 12});
  return at::conv2d(Blocks::apply(x, sizes), taps.to(x.scalar_type(), false, false, kChannelsLast));
}

}  // namespace

at::Tensor firstConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding) {
  const bool ours = isOurs(x) && weight.device() == x.device() && isKernelDtype(x) && isKernelDtype(weight) && x.numel() > 0 && weight.size(0) > 0 && x.size(1) == 3 &&
                    weight.size(2) == weight.size(3);
  if (ours && weight.size(2) == 7 && stride == 2) return convolutionOfBlocks(x.contiguous(kChannelsLast), weight, padding);
  if (!ours || weight.size(2) != 3 || weight.size(0) > kMostImageOutputs || (stride != 1 && stride != 2)) return {};
  return FirstConvolution::apply(x.contiguous(kChannelsLast), weight, stride, padding.vec());
}

}  // namespace advprop::cuda
