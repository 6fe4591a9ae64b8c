#include "rows.h"

namespace advprop {

at::Tensor depthwiseForward(const at::Tensor& x, const at::Tensor& weight, const DepthwiseSizes& sizes) {
  at::Tensor y = at::empty({sizes.images, sizes.channels, sizes.rows, sizes.columns}, x.options(), at::MemoryFormat::ChannelsLast);
  withScalar(x, [&](auto scalar) {
    using T = decltype(scalar);
    const at::Tensor packed = packWeights<T>(weight, sizes, /*turned=*/false);
    const RowsJob<T> job{x.data_ptr<T>(), y.data_ptr<T>(), packed.data_ptr<float>(), sizes.height, sizes.width, sizes.rows, sizes.columns,
                         sizes.channels,  sizes.left,      sizes.top};
    withKernel(sizes, [&](auto kernel, auto stride) { computeAll<Sliding<kernel, stride>>(job, sizes); });
  });
  return y;
}

}  // namespace advprop
