#include "direct_convolution.h"

#include "norm/rectified.h"
#include "vectors/channels.h"
#include "vectors/tile_registers.h"

namespace advprop::direct {

using Half = at::BFloat16;

bool applies(const at::Tensor& x) {
  constexpr int64_t kLeastPixels = 64;  // libtorch is slow on images of 4 x 4
  return x.scalar_type() == at::kBFloat16 && x.size(2) * x.size(3) >= kLeastPixels && tiles::available();
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm) {
  at::Tensor input = x;
  if (norm != nullptr) {
    input = at::empty_like(x);
    Channels(x).eachVector([prepare = Rectified{*norm}, from = x.data_ptr<Half>(), to = input.data_ptr<Half>()](int64_t at, int64_t column) {
      store(to + at, prepare(load(from + at), column));
    });
  }
  return at::conv2d(input, weight.to(at::kBFloat16), {}, 1, 1).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x, const Normalization* norm) {
  const at::Tensor turned = weight.to(at::kBFloat16).flip({2, 3}).transpose(0, 1);
  const at::Tensor result = convolve(gradient, turned);
  if (norm != nullptr) {
    Channels(x).eachVector([passBack = PassedBack<Half>{x.data_ptr<Half>(), *norm}, to = result.data_ptr<Half>()](int64_t at, int64_t column) {
      store(to + at, passBack(load(to + at), at, column));
    });
  }
  return result;
}

}  // namespace advprop::direct
