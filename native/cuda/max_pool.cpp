// Max pooling on a GPU: the operator of native/convolution/max_pool.cpp. For the gradient it keeps one byte for each result: the place of the
// largest value in the window.
#include <torch/csrc/autograd/custom_function.h>

#include "operator.h"

namespace advprop::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

std::vector<int64_t> listOf(const MaxPool& s) {
  return {s.images, s.height, s.width, s.channels, s.rows, s.columns, s.size, s.stride, s.padding, s.dtype};
}

MaxPool sizesOf(const std::vector<int64_t>& s) {
  return {s[0], s[1], s[2], s[3], s[4], s[5], static_cast<int>(s[6]), static_cast<int>(s[7]), static_cast<int>(s[8]), static_cast<int>(s[9])};
}

struct LargestOfWindows : torch::autograd::Function<LargestOfWindows> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const MaxPool& sizes) {
    const std::vector<int64_t> shape{sizes.images, sizes.channels, sizes.rows, sizes.columns};
    at::Tensor y = at::empty(shape, x.options(), kChannelsLast), places = at::empty(shape, x.options().dtype(at::kByte), kChannelsLast);
    const Launch launch(x);
    check(maxPool(sizes, dataOf(x), dataOf(y), places.data_ptr<uint8_t>(), launch.stream), "max_pool2d");
    context->save_for_backward({places});
    context->saved_data["sizes"] = listOf(sizes);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor places = context->get_saved_variables()[0], gradient = gradients[0].contiguous(kChannelsLast);
    const MaxPool sizes = sizesOf(context->saved_data["sizes"].toIntVector());
    at::Tensor gradX = at::empty({sizes.images, sizes.channels, sizes.height, sizes.width}, gradient.options(), kChannelsLast);
    const Launch launch(gradient);
    check(maxPoolGradient(sizes, dataOf(gradient), places.data_ptr<uint8_t>(), dataOf(gradX), launch.stream), "max_pool2d (gradient)");
    return {gradX, at::Tensor()};
  }
};

at::Tensor largestOfWindows(const at::Tensor& x, int64_t size, int64_t stride, int64_t padding) {
  const bool ours = isOurs(x) && isKernelDtype(x) && x.dim() == 4 && x.numel() > 0 && x.is_contiguous(kChannelsLast) && size >= 1 && size <= 15 &&
                    stride >= 1 && padding >= 0 && 2 * padding <= size && x.size(2) + 2 * padding >= size && x.size(3) + 2 * padding >= size;
  if (!ours) return composed<decltype(largestOfWindows)>("advprop::max_pool2d", x, size, stride, padding);
  const auto along = [=](int64_t length) { return (length + 2 * padding - size) / stride + 1; };
  const MaxPool sizes{x.size(0), x.size(2), x.size(3), x.size(1), along(x.size(2)), along(x.size(3)), static_cast<int>(size),
                      static_cast<int>(stride), static_cast<int>(padding), dtypeCode(x.scalar_type())};
  return LargestOfWindows::apply(x, sizes);
}

}  // namespace

void registerMaxPool(torch::Library& library) { library.impl("max_pool2d", &largestOfWindows); }

}  // namespace advprop::cuda
