// The convolution, and the gradient of its input, which is a convolution with other weights.
#include <ATen/Parallel.h>

#include "norm/rectified.h"
#include "product.h"
#include "tiles.h"
#include "weights.h"

namespace advprop::winograd {

namespace {

/// Tiles that are transformed together: a multiple of the rows that any product computes together.
constexpr int64_t kBlock = 24;
/// Blocks that are multiplied with a panel of weights each time it is read. Their products (0.9 MB) fit the second-level cache.
constexpr int64_t kBlocksTogether = 4;
/// Weights with more transformed values than this (2.4 MB) are transformed panel by panel.
constexpr int64_t kSharedWeights = 600'000;
/// About this many values of transformed inputs (12 MB) are kept while they are multiplied with one panel after another.
constexpr int64_t kKeptInputs = 3'000'000;

/// One call: x [N, depth, H, W] to y [N, columns, H, W]; `pack(first, width, panel, stride)` transforms a panel of weights,
/// `prepare` and `finish` are those of tiles.h.
template <typename T, typename Pack, typename Prepare, typename Finish>
class Convolution {
 public:
  Convolution(const T* x, int64_t depth, T* y, int64_t columns, const Tiles& tiles, const Pack& pack, const Prepare& prepare,
              const Finish& finish)
      : x_(x),
        y_(y),
        depth_(depth),
        columns_(columns),
        vectors_(panelVectors(columns / kLanes)),
        width_(vectors_ * kLanes),
        panels_(columns / width_),
        weightStride_(placeStride(depth, width_)),
        panelSize_(kPlaces * weightStride_),
        inputStride_(placeStride(kBlock, depth)),
        productStride_(placeStride(kBlock, width_)),
        tiles_(tiles),
        pack_(pack),
        prepare_(prepare),
        finish_(finish) {}

  void run() const {
    if (panels_ * panelSize_ <= kSharedWeights) byTiles();
    else byPanels();
  }

 private:
  int64_t blocks() const { return (tiles_.count + kBlock - 1) / kBlock; }

  /// Transforms all weights first. Then each thread takes blocks of tiles from input to result.
  void byTiles() const {
    const at::Tensor weights = at::empty({panels_ * panelSize_}, at::kFloat);
    float* all = weights.data_ptr<float>();
    at::parallel_for(0, panels_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) pack_(p * width_, width_, all + p * panelSize_, weightStride_);
    });
    const int64_t inputs = kPlaces * inputStride_, products = kPlaces * productStride_;
    const at::Tensor scratch = at::empty({at::get_num_threads(), inputs + products}, at::kFloat);
    at::parallel_for(0, blocks(), 1, [&](int64_t begin, int64_t end) {
      float* input = scratch.data_ptr<float>() + at::get_thread_num() * (inputs + products);
      for (int64_t block = begin; block < end; ++block) {
        transformBlock(block, input);
        for (int64_t p = 0; p < panels_; ++p) multiplyBlocks(block, block + 1, input, all + p * panelSize_, p, input + inputs);
      }
    });
  }

  /// Transforms all inputs first. Then each thread takes panels of weights and multiplies them with all tiles.
  void byPanels() const {
    const int64_t inputs = kPlaces * inputStride_, products = kBlocksTogether * kPlaces * productStride_;
    const int64_t all = blocks(), rounds = (all * inputs + kKeptInputs - 1) / kKeptInputs;
    const int64_t together = (all + rounds - 1) / rounds;
    const at::Tensor kept = at::empty({together, inputs}, at::kFloat);
    const at::Tensor scratch = at::empty({at::get_num_threads(), panelSize_ + products}, at::kFloat);
    for (int64_t start = 0; start < all; start += together) {
      const int64_t stop = std::min(all, start + together);
      at::parallel_for(start, stop, 1, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) transformBlock(block, kept.data_ptr<float>() + (block - start) * inputs);
      });
      at::parallel_for(0, panels_, 1, [&](int64_t begin, int64_t end) {
        float* panel = scratch.data_ptr<float>() + at::get_thread_num() * (panelSize_ + products);
        for (int64_t p = begin; p < end; ++p) {
          pack_(p * width_, width_, panel, weightStride_);
          for (int64_t block = start; block < stop; block += kBlocksTogether) {
            multiplyBlocks(block, std::min(stop, block + kBlocksTogether), kept.data_ptr<float>() + (block - start) * inputs, panel, p,
                           panel + panelSize_);
          }
        }
      });
    }
  }

  int64_t tilesOf(int64_t block) const { return std::min(kBlock, tiles_.count - block * kBlock); }

  void transformBlock(int64_t block, float* input) const {
    tiles_.each(block * kBlock, tilesOf(block), [&](int64_t t, const Tiles::Origin& at) {
      float* row = input + t * depth_;
      gatherInputs(x_, depth_, tiles_, at, prepare_, [=](int64_t channel) { return row + channel; }, inputStride_);
    });
  }

  /// Results of several blocks for one panel of weights. The weights of each of the 36 places are read once for all blocks.
  void multiplyBlocks(int64_t begin, int64_t end, const float* inputs, const float* panel, int64_t p, float* products) const {
    const int64_t inputSize = kPlaces * inputStride_, productSize = kPlaces * productStride_;
    for (int place = 0; place < kPlaces; ++place) {
      for (int64_t i = 0; i < end - begin; ++i) {
        multiplyRows(vectors_, inputs + i * inputSize + place * inputStride_, depth_, panel + place * weightStride_, depth_, tilesOf(begin + i),
                     products + i * productSize + place * productStride_);
      }
    }
    for (int64_t i = 0; i < end - begin; ++i) {
      tiles_.each((begin + i) * kBlock, tilesOf(begin + i), [&](int64_t t, const Tiles::Origin& at) {
        scatterResults(products + i * productSize + t * width_, productStride_, y_, columns_, p * width_, width_, tiles_, at, finish_);
      });
    }
  }

  const T* x_;
  T* y_;
  const int64_t depth_, columns_;
  const int vectors_;
  const int64_t width_, panels_, weightStride_, panelSize_, inputStride_, productStride_;
  const Tiles tiles_;
  const Pack& pack_;
  const Prepare& prepare_;
  const Finish& finish_;
};

/// Calls `work` with a value of the tensor's type.
template <typename Work>
void withType(const at::Tensor& x, const Work& work) {
  if (x.scalar_type() == at::kFloat) work(float{});
  else work(at::BFloat16{});
}

template <typename T, typename Pack, typename Prepare, typename Finish>
void run(const at::Tensor& x, const at::Tensor& y, const Pack& pack, const Prepare& prepare, const Finish& finish) {
  const Tiles tiles(x.size(0), x.size(2), x.size(3));
  Convolution<T, Pack, Prepare, Finish>(x.data_ptr<T>(), x.size(1), y.data_ptr<T>(), y.size(1), tiles, pack, prepare, finish).run();
}

at::Tensor resultOf(const at::Tensor& x, int64_t channels) {
  return at::empty({x.size(0), channels, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
}

}  // namespace

bool applies(const at::Tensor& x, const at::Tensor& weight) {
  const Tiles tiles(x.size(0), x.size(2), x.size(3));
  return x.device().is_cpu() && weight.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         weight.scalar_type() == at::kFloat && x.size(1) % kLanes == 0 && weight.size(0) % kLanes == 0 && x.numel() > 0 &&
         weight.numel() > 0 && tiles.down * tiles.across * kPlaces < 9 * x.size(2) * x.size(3);
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const Normalization* norm) {
  const at::Tensor y = resultOf(x, weight.size(0));
  const auto pack = [values = weight.data_ptr<float>(), inputs = weight.size(1)](int64_t first, int64_t width, float* panel, int64_t stride) {
    packOutputs(values, inputs, first, width, panel, stride);
  };
  withType(x, [&](auto zero) {
    using T = decltype(zero);
    if (norm == nullptr) run<T>(x, y, pack, kPlainInput, kPlainResult);
    else run<T>(x, y, pack, Rectified{*norm}, kPlainResult);
  });
  return y;
}

at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight, const at::Tensor& x, const Normalization* norm) {
  const at::Tensor y = resultOf(gradient, weight.size(1));
  const auto pack = [values = weight.data_ptr<float>(), inputs = weight.size(1), outputs = weight.size(0)](int64_t first, int64_t width, float* panel,
                                                                                                          int64_t stride) {
    packInputs(values, inputs, outputs, first, width, panel, stride);
  };
  withType(gradient, [&](auto zero) {
    using T = decltype(zero);
    if (norm == nullptr) return run<T>(gradient, y, pack, kPlainInput, kPlainResult);
    run<T>(gradient, y, pack, kPlainInput, PassedBack<T>{x.data_ptr<T>(), *norm});
  });
  return y;
}

}  // namespace advprop::winograd
