#include "rows.h"

namespace advprop {

at::Tensor depthwiseInputGradient(const at::Tensor& gradient, const at::Tensor& weight, const DepthwiseSizes& sizes) {
  at::Tensor gradX = at::empty({sizes.images, sizes.channels, sizes.height, sizes.width}, gradient.options(), at::MemoryFormat::ChannelsLast);
  withScalar(gradient, [&](auto scalar) {
    using T = decltype(scalar);
    const bool turned = sizes.stride == 1;
    const int64_t left = turned ? sizes.kernel - 1 - sizes.left : sizes.left, top = turned ? sizes.kernel - 1 - sizes.top : sizes.top;
    const at::Tensor packed = packWeights<T>(weight, sizes, turned);
    const RowsJob<T> job{gradient.data_ptr<T>(), gradX.data_ptr<T>(), packed.data_ptr<float>(), sizes.rows, sizes.columns, sizes.height, sizes.width,
                         sizes.channels,         left,              top};
    withKernel(sizes, [&](auto kernel, auto stride) {
      using Form = std::conditional_t<stride == 1, Sliding<kernel, 1>, Spreading<kernel>>;
      computeAll<Form>(job, sizes);
    });
  });
  return gradX;
}

}  // namespace advprop
