// The gradient of the weights: the transformed gradients of the results times the transformed inputs, summed over tiles.
#include <ATen/Parallel.h>

#include "rectified.h"
#include "winograd_product.h"
#include "winograd_tiles.h"
#include "winograd_weights.h"

namespace advprop::winograd {

namespace {

/// Tiles whose products are summed in registers: float32 sums stay short, and a panel of as many in the first cache.
constexpr int64_t kDepth = 96;

/// Tiles that are transformed together: both operands in the caches, and few waits of threads for each other.
int64_t tilesTogether(int64_t channels) { return std::clamp<int64_t>(6'144 / channels / kDepth, 1, 2) * kDepth; }

/// The vectors of a panel: more would leave the registers too few rows.
int vectorsTogether(int64_t vectors) { return vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1; }

/// Transformed weight gradients of at most this many values (4.7 MB) are summed up together.
constexpr int64_t kSums = 1'200'000;

/// The matrices [tiles][channels] of 36 places, each in panels of some channels: [panel][tiles][width].
class Panels {
 public:
  Panels(int64_t tiles, int64_t channels)
      : vectors(vectorsTogether(channels / kLanes)), width(vectors * kLanes), stride(placeStride(tiles, channels)), panelSize_(tiles * width),
        memory_(at::empty({kPlaces * stride}, at::kFloat)), values_(memory_.data_ptr<float>()) {}

  float* at(int64_t tile, int64_t channel) const {
    return values_ + channel / width * panelSize_ + tile * width + channel % width;
  }

  const int vectors;
  const int64_t width, stride;

 private:
  const int64_t panelSize_;
  const at::Tensor memory_;
  float* const values_;
};

/// sums[rows, columns] += a^T b over `count` tiles, at one place.
template <int together, int vectors>
void accumulate(const Panels& a, int64_t rows, const Panels& b, int64_t columns, int place, int64_t count, float* sums) {
  for (int64_t start = 0; start < count; start += kDepth) {
    const int64_t depth = std::min(kDepth, count - start);
    for (int64_t column = 0; column < columns; column += vectors * kLanes) {
      for (int64_t row = 0; row < rows; row += together) {
        product<together, vectors, true>(a.at(start, row) + place * a.stride, 1, a.width, b.at(start, column) + place * b.stride, b.width, depth,
                                         sums + row * columns + column, columns);
      }
    }
  }
}

void accumulate(const Panels& a, int64_t rows, const Panels& b, int64_t columns, int place, int64_t count, float* sums) {
  switch (b.vectors) {
    case 3: return accumulate<8, 3>(a, rows, b, columns, place, count, sums);
    case 2: return accumulate<8, 2>(a, rows, b, columns, place, count, sums);
    default: return accumulate<16, 1>(a, rows, b, columns, place, count, sums);
  }
}

template <typename T, typename Prepare>
void sumOverTiles(const T* gradient, int64_t outputs, const T* x, int64_t inputs, const Tiles& tiles, const Prepare& prepare, float* out) {
  const int64_t together = std::min(tilesTogether(std::max(inputs, outputs)), tiles.count);
  // Whole vectors of outputs that divide them all.
  int64_t group = outputs;
  while (group % (2 * kLanes) == 0 && group * inputs * kPlaces > kSums) group /= 2;
  const Panels transformed(together, inputs), gradients(together, group);
  const at::Tensor allSums = at::empty({kPlaces * placeStride(group, inputs)}, at::kFloat);
  float* sums = allSums.data_ptr<float>();
  const int64_t sumStride = placeStride(group, inputs);
  for (int64_t first = 0; first < outputs; first += group) {
    allSums.zero_();
    for (int64_t start = 0; start < tiles.count; start += together) {
      const int64_t count = std::min(together, tiles.count - start);
      const bool known = first > 0 && together == tiles.count;
      at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
        tiles.each(start + begin, end - begin, [&](int64_t i, const Tiles::Origin& at) {
          const auto rowOf = [t = begin + i](const Panels& panels) { return [&panels, t](int64_t channel) { return panels.at(t, channel); }; };
          if (!known) gatherInputs(x, inputs, tiles, at, prepare, rowOf(transformed), transformed.stride);
          gatherGradients(gradient, outputs, first, group, tiles, at, rowOf(gradients), gradients.stride);
        });
      });
      at::parallel_for(0, kPlaces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t place = begin; place < end; ++place) {
          accumulate(gradients, group, transformed, inputs, static_cast<int>(place), count, sums + place * sumStride);
        }
      });
    }
    at::parallel_for(0, group, 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) unpackGradient(sums + o * inputs, sumStride, inputs, out + (first + o) * kTaps * inputs);
    });
  }
}

}  // namespace

at::Tensor weightGradient(const at::Tensor& gradient, const at::Tensor& x, const Normalization* norm) {
  const int64_t inputs = x.size(1), outputs = gradient.size(1);
  const at::Tensor result = at::empty({outputs, inputs, 3, 3}, x.options().dtype(at::kFloat), at::MemoryFormat::ChannelsLast);
  const Tiles tiles(x.size(0), x.size(2), x.size(3));
  const auto run = [&](auto zero, const auto& prepare) {
    using T = decltype(zero);
    sumOverTiles(gradient.data_ptr<T>(), outputs, x.data_ptr<T>(), inputs, tiles, prepare, result.data_ptr<float>());
  };
  const auto withType = [&](const auto& prepare) {
    if (x.scalar_type() == at::kFloat) run(float{}, prepare);
    else run(at::BFloat16{}, prepare);
  };
  if (norm == nullptr) withType(kPlainInput);
  else withType(Rectified{*norm});
  return result;
}

}  // namespace advprop::winograd
