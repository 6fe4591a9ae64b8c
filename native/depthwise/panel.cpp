#include "panel.h"

#include "rows.h"

namespace advprop {

namespace {

DepthwiseSizes imageSizes(const PanelSizes& s) { return {1, s.channels, s.height, s.width, s.rows, s.columns, s.left, s.top, s.kernel, s.stride}; }

}  // namespace

template <typename T>
void depthwisePanel(const T* x, T* y, const float* weight, const PanelSizes& s, int64_t begin, int64_t end) {
  const DepthwiseSizes sizes = imageSizes(s);
  const RowsJob<T> job{x, y, weight, s.height, s.width, s.rows, s.columns, s.channels, s.left, s.top};
  withKernel(sizes, [&](auto kernel, auto stride) {
    computeBand<Sliding<kernel, stride>>(job, sizes, Band{0, begin, end}, Prefetch(), Prefetch(), /*stream=*/false);
  });
}

template <typename T>
void depthwisePanelGradient(const T* gradient, T* gradX, const float* weight, const PanelSizes& s, int64_t begin, int64_t end) {
  const DepthwiseSizes sizes = imageSizes(s);
  const bool turned = s.stride == 1;
  const int64_t left = turned ? s.kernel - 1 - s.left : s.left, top = turned ? s.kernel - 1 - s.top : s.top;
  const RowsJob<T> job{gradient, gradX - begin * s.width * s.channels, weight, s.rows, s.columns, s.height, s.width, s.channels, left, top};
  withKernel(sizes, [&](auto kernel, auto stride) {
    using Form = std::conditional_t<stride == 1, Sliding<kernel, 1>, Spreading<kernel>>;
    computeBand<Form>(job, sizes, Band{0, begin, end}, Prefetch(), Prefetch(), /*stream=*/false);
  });
}

template void depthwisePanel(const float*, float*, const float*, const PanelSizes&, int64_t, int64_t);
template void depthwisePanel(const at::BFloat16*, at::BFloat16*, const float*, const PanelSizes&, int64_t, int64_t);
template void depthwisePanelGradient(const float*, float*, const float*, const PanelSizes&, int64_t, int64_t);
template void depthwisePanelGradient(const at::BFloat16*, at::BFloat16*, const float*, const PanelSizes&, int64_t, int64_t);

at::Tensor packDepthwise(const at::Tensor& weight, int64_t panel, int64_t stride, at::ScalarType dtype) {
  TORCH_CHECK(weight.dim() == 4 && weight.size(1) == 1 && weight.size(2) == weight.size(3) && (dtype == at::kFloat || dtype == at::kBFloat16),
              "weight must be [C, 1, k, k] and the dtype float32 or bfloat16; got ", weight.sizes(), " and ", dtype);
  TORCH_CHECK(panel % kBlock == 0, "a panel must be whole blocks of ", kBlock, " channels; got ", panel);
  const int64_t channels = weight.size(0), padded = (channels + panel - 1) / panel * panel;
  const at::Tensor filled = at::constant_pad_nd(weight.detach().to(at::kFloat), {0, 0, 0, 0, 0, 0, 0, padded - channels});
  DepthwiseSizes sizes{};
  sizes.channels = padded;
  sizes.kernel = weight.size(2);
  at::Tensor packed;
  const auto pack = [&](auto zero) {
    using T = decltype(zero);
    packed = at::cat({packWeights<T>(filled, sizes, /*turned=*/false), packWeights<T>(filled, sizes, /*turned=*/stride == 1)});
  };
  if (dtype == at::kFloat) pack(float());
  else pack(at::BFloat16());
  return packed;
}

}  // namespace advprop
