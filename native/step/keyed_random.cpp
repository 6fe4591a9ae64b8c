// Keyed draws as operators: every number is a pure function of (seed, purpose, stream, epoch, sample, draw).
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "philox.h"

namespace advprop {

namespace {

void checkWord(int64_t value, const char* what) { TORCH_CHECK(value >= 0 && value <= UINT32_MAX, what, " must be in [0, 2^32); got ", value); }

struct Stream {
  PhiloxKey key;
  uint32_t epoch, purpose;

  Stream(int64_t seed, int64_t epoch_, int64_t purpose_, int64_t stream)
      : key(philoxKey(seed)),
        epoch(static_cast<uint32_t>(epoch_)),
        purpose(static_cast<uint32_t>(purpose_ + 256 * stream)) {
    TORCH_CHECK(seed >= 0, "seed must not be negative; got ", seed);
    TORCH_CHECK(purpose_ >= 0 && purpose_ < 256, "purpose must be in [0, 256); got ", purpose_);
    TORCH_CHECK(stream >= 0 && stream < (1 << 24), "stream must be in [0, 2^24); got ", stream);
    checkWord(epoch_, "epoch");
  }

  PhiloxBlock block(int64_t sample, int64_t index) const {
    return philox4x32({{static_cast<uint32_t>(index), static_cast<uint32_t>(sample), epoch, purpose}}, key);
  }
};

/// The samples as a list of keys.
at::Tensor checkSamples(const at::Tensor& samples) {
  TORCH_CHECK(samples.dim() == 1 && samples.scalar_type() == at::kLong && samples.device().is_cpu(), "samples must be a 1-D int64 tensor");
  const at::Tensor keys = samples.contiguous();
  const auto* values = keys.data_ptr<int64_t>();
  for (int64_t n = 0; n < keys.size(0); ++n) checkWord(values[n], "a sample");
  return keys;
}

/// [N, ...shape] uniform in [0, 1); draw j is the flat index inside a sample in C order, whatever the memory format.
at::Tensor keyedUniform(const at::Tensor& samples, at::IntArrayRef shape, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream,
                        at::ScalarType dtype) {
  if (!samples.device().is_cpu()) return keyedUniform(samples.cpu(), shape, seed, epoch, purpose, stream, dtype).to(samples.device());
  const at::Tensor keyTensor = checkSamples(samples);
  const auto* keys = keyTensor.data_ptr<int64_t>();
  const Stream source(seed, epoch, purpose, stream);
  std::vector<int64_t> full{samples.size(0)};
  full.insert(full.end(), shape.begin(), shape.end());
  const auto format = shape.size() == 3 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  at::Tensor result = at::empty(full, at::TensorOptions().dtype(dtype).memory_format(format));
  // The result is written as [N, outer, inner], where outer and inner have the strides of a sample's first and remaining dimensions.
  const int64_t outer = shape.size() == 3 ? shape[0] : 1;
  const int64_t count = c10::multiply_integers(shape);
  const int64_t inner = outer == 0 ? 0 : count / outer;
  const int64_t outerStride = shape.size() == 3 ? 1 : 0;
  const int64_t innerStride = shape.size() == 3 ? shape[0] : 1;
  AT_DISPATCH_FLOATING_TYPES(dtype, "keyed_uniform", [&] {
    auto* out = result.data_ptr<scalar_t>();
    at::parallel_for(0, samples.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        scalar_t* base = out + n * count;
        int64_t channel = 0, position = 0;
        for (int64_t j = 0; j < count; j += 4) {
          const auto words = source.block(keys[n], j >> 2);
          for (int64_t lane = 0; lane < 4 && j + lane < count; ++lane) {
            base[channel * outerStride + position * innerStride] = static_cast<scalar_t>(toUniform(words[lane]));
            if (++position == inner) {
              position = 0;
              ++channel;
            }
          }
        }
      }
    });
  });
  return result;
}

/// [N] int64 uniform in [0, bound): floor(word * bound / 2^32) of the given draw.
at::Tensor keyedIntegers(const at::Tensor& samples, int64_t bound, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream, int64_t draw) {
  if (!samples.device().is_cpu()) return keyedIntegers(samples.cpu(), bound, seed, epoch, purpose, stream, draw).to(samples.device());
  const at::Tensor keys = checkSamples(samples);
  TORCH_CHECK(bound >= 1 && bound <= (int64_t{1} << 31), "bound must be in [1, 2^31]; got ", bound);
  const Stream source(seed, epoch, purpose, stream);
  checkWord(draw, "draw");
  at::Tensor result = at::empty_like(keys);
  for (int64_t n = 0; n < keys.size(0); ++n) {
    result.data_ptr<int64_t>()[n] = toInteger(source.block(keys.data_ptr<int64_t>()[n], draw >> 2)[draw & 3], bound);
  }
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("keyed_uniform", &keyedUniform);
  library.impl("keyed_integers", &keyedIntegers);
}

}  // namespace advprop
