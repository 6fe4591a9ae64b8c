// The weight gradient: transformed gradients of the results times transformed inputs, summed over tiles.
#include <ATen/Parallel.h>

#include "norm/rectified.h"
#include "product.h"
#include "tiles.h"
#include "weights.h"

namespace advprop::winograd {

namespace {

/// Tiles whose products are summed in registers. Float32 sums stay short, and a panel of as many tiles fits the first-level cache.
constexpr int64_t kDepth = 96;

/// Tiles that are transformed together: both operands stay in the caches, and threads seldom wait for each other.
int64_t tilesTogether(int64_t channels) { return std::clamp<int64_t>(6'144 / channels / kDepth, 1, 2) * kDepth; }

/// Vectors of a panel. With more, registers would remain for too few rows.
int vectorsTogether(int64_t vectors) { return vectors % 2 == 0 ? 2 : vectors % 3 == 0 ? 3 : 1; }

/// The most values of transformed weight gradients (4.7 MB) that are summed together.
constexpr int64_t kSums = 1'200'000;

/// The matrices [tiles][channels] of the 36 places. Each is stored in panels of `width` channels: [panel][tiles][width].
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

/// sums[rows, columns] += a^T b over `count` tiles, at one place. Rows are whole vectors.
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
  constexpr int together = kManyRegisters ? 8 : 4;
  switch (b.vectors) {
    case 3: return accumulate<together, 3>(a, rows, b, columns, place, count, sums);
    case 2: return accumulate<together, 2>(a, rows, b, columns, place, count, sums);
    default: return accumulate<kLanes, 1>(a, rows, b, columns, place, count, sums);
  }
}

/// How a few tiles are worked on: by all threads together, or by one thread while the others work on other tiles.
constexpr auto kTogether = [](int64_t count, const auto& work) { at::parallel_for(0, count, 1, work); };
constexpr auto kAlone = [](int64_t count, const auto& work) { work(int64_t{0}, count); };

/// The gradient of `group` outputs from `first` on, of transformed weights, summed over tiles.
template <typename T, typename Prepare>
class Summation {
 public:
  Summation(const T* gradient, int64_t outputs, const T* x, int64_t inputs, const Tiles& tiles, const Prepare& prepare, int64_t group)
      : gradient_(gradient), x_(x), outputs_(outputs), inputs_(inputs), group_(group),
        together_(std::min(tilesTogether(std::max(inputs, outputs)), tiles.count)), tiles_(tiles), prepare_(prepare), transformed_(together_, inputs),
        gradients_(together_, group) {}

  /// Adds tiles `begin` to `end` to sums [36][group][inputs], places `placeStride(group, inputs)` apart.
  template <typename Run>
  void add(int64_t first, int64_t begin, int64_t end, const Run& run, float* sums) const {
    for (int64_t start = begin; start < end; start += together_) {
      const int64_t count = std::min(together_, end - start);
      // There is only one set of tiles, so the inputs were transformed for the group before.
      const bool known = first > 0 && together_ == tiles_.count;
      run(count, [&](int64_t from, int64_t to) {
        tiles_.each(start + from, to - from, [&](int64_t i, const Tiles::Origin& at) {
          const auto rowOf = [t = from + i](const Panels& panels) { return [&panels, t](int64_t channel) { return panels.at(t, channel); }; };
          if (!known) gatherInputs(x_, inputs_, tiles_, at, prepare_, rowOf(transformed_), transformed_.stride);
          gatherGradients(gradient_, outputs_, first, group_, tiles_, at, rowOf(gradients_), gradients_.stride);
        });
      });
      run(kPlaces, [&](int64_t from, int64_t to) {
        for (int64_t place = from; place < to; ++place) {
          accumulate(gradients_, group_, transformed_, inputs_, static_cast<int>(place), count, sums + place * placeStride(group_, inputs_));
        }
      });
    }
  }

 private:
  const T *gradient_, *x_;
  const int64_t outputs_, inputs_, group_, together_;
  const Tiles& tiles_;
  const Prepare& prepare_;
  const Panels transformed_, gradients_;
};

/// Parts of the tiles that are summed in parallel, where the sums are small. The number does not depend on the number of threads, so the
/// result does not either.
int64_t partsOf(int64_t size, const Tiles& tiles) { return std::min(std::clamp<int64_t>(kSums / size, 1, 16), (tiles.count + kDepth - 1) / kDepth); }

template <typename T, typename Prepare>
void sumOverTiles(const T* gradient, int64_t outputs, const T* x, int64_t inputs, const Tiles& tiles, const Prepare& prepare, float* out) {
  // The group is a number of whole vectors of outputs that divides all outputs.
  int64_t group = outputs;
  while (group % (2 * kLanes) == 0 && group * inputs * kPlaces > kSums) group /= 2;
  const int64_t stride = placeStride(group, inputs), size = kPlaces * stride;
  const int64_t parts = group == outputs ? partsOf(size, tiles) : 1;
  const at::Tensor allSums = at::empty({parts, size}, at::kFloat);
  float* sums = allSums.data_ptr<float>();
  const auto summation = [&] { return Summation<T, Prepare>(gradient, outputs, x, inputs, tiles, prepare, group); };
  const auto unpack = [&](int64_t first) {
    at::parallel_for(0, group, 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) unpackGradient(sums + o * inputs, stride, inputs, out + (first + o) * kTaps * inputs);
    });
  };
  if (parts > 1) {
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      const auto sum = summation();
      for (int64_t part = begin; part < end; ++part) {
        std::fill_n(sums + part * size, size, 0.f);
        sum.add(0, part * tiles.count / parts, (part + 1) * tiles.count / parts, kAlone, sums + part * size);
      }
    });
    at::parallel_for(0, size / kLanes, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * kLanes; i < end * kLanes; i += kLanes) {
        Floats sum = load(sums + i);
        for (int64_t part = 1; part < parts; ++part) sum += load(sums + part * size + i);
        store(sums + i, sum);
      }
    });
    return unpack(0);
  }
  const auto sum = summation();
  for (int64_t first = 0; first < outputs; first += group) {
    allSums.zero_();
    sum.add(first, 0, tiles.count, kTogether, sums);
    unpack(first);
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
