// Forward pass, input gradient and weight gradient.
//
// The input gradient is computed in phases. Phase (a, b) has the pixels (stride * i + a, stride * j + b), with a and b below the stride. All
// pixels of a phase use the same taps of the kernel, so a phase is a convolution with stride 1 of the result's gradient, and each element
// of the input gradient is written once.
#include "product/block_product.h"
#include "product/packed_matrix.h"
#include "product/pointwise.h"
#include "strided_convolution.h"

namespace advprop {

namespace {

/// Pixels of a block. Their patches must fit the second-level cache together with a panel of the right factor and the result. There is a
/// lower limit for long patches, because the whole right factor is read again for each block.
template <typename T>
int64_t pixelsOfBlock(int64_t patch) {
  constexpr int64_t kPatchBytes = 192 << 10, kLeastPixels = 48;
  return std::max<int64_t>(kLeastPixels, kPatchBytes / (patch * sizeof(T)));
}

/// A packed right factor that owns its memory.
struct OwnMatrix {
  template <typename T, typename RowOf>
  static OwnMatrix pack(int64_t depth, int64_t columns, int64_t across, const RowOf& rowOf) {
    OwnMatrix packed{at::empty({packedWords<T>(depth, columns)}, at::kFloat), {nullptr, depth, columns}};
    packed.matrix.words = packed.words.data_ptr<float>();
    if (depth > 0) packRows<T>(depth, columns, across, rowOf, packed.words.data_ptr<float>());
    return packed;
  }

  at::Tensor words;
  PackedMatrix matrix;
};

/// One phase along one side of x's gradient: the `pixels` pixels stride * i + phase. `taps` taps of the kernel use them: `first`,
/// first + stride, and so on. Let `last` be the last of these taps, counted by these steps. For pixel i, tap `last - k` reads result
/// pixel `source + i + k`.
struct Side {
  Side(int64_t length, int64_t kernel, int64_t stride, int64_t before, int64_t phase)
      : pixels((length - phase + stride - 1) / stride), first((phase + before) % stride),
        taps(first < kernel ? (kernel - first - 1) / stride + 1 : 0), source((phase + before) / stride - (taps - 1)) {}

  int64_t pixels, first, taps, source;
};

/// The pixels (stride * i + row, stride * j + column) of x's gradient.
struct Phase {
  int64_t row, column;
  Patches patches;
  OwnMatrix right;
};

template <typename F>
std::vector<Phase> phasesOf(const float* weight, const StridedSizes& s) {
  std::vector<Phase> phases;
  const int64_t taps = s.kernel * s.kernel;
  for (int64_t row = 0; row < std::min(s.stride, s.height); ++row) {
    for (int64_t column = 0; column < std::min(s.stride, s.width); ++column) {
      const Side down(s.height, s.kernel, s.stride, s.top, row), across(s.width, s.kernel, s.stride, s.left, column);
      const Patches patches{s.rows, s.columns, s.outputs, down.pixels, across.pixels, down.taps, across.taps, down.source, across.source, 1};
      std::vector<const float*> right;  // rows of the right factor
      for (int64_t i = down.taps - 1; i >= 0; --i) {
        for (int64_t j = across.taps - 1; j >= 0; --j) {
          const float* tap = weight + ((down.first + i * s.stride) * s.kernel + across.first + j * s.stride) * s.inputs;
          for (int64_t output = 0; output < s.outputs; ++output) right.push_back(tap + output * taps * s.inputs);
        }
      }
      phases.push_back({row, column, patches, OwnMatrix::pack<F>(patches.size(), s.inputs, 1, [&](int64_t number) { return right[number]; })});
    }
  }
  return phases;
}

template <typename T>
void forward(const T* x, const float* weight, const StridedSizes& s, T* y) {
  using F = Factor<T>;
  const Patches patches = s.patches();
  const int64_t depth = patches.size();
  const OwnMatrix right = OwnMatrix::pack<F>(depth, s.outputs, depth, [&](int64_t number) { return weight + number; });
  const PixelBlocks blocks(s.images, s.rows, s.columns, pixelsOfBlock<F>(depth));
  const int64_t work = blocks.pixels / blocks.count * depth * s.outputs;
  eachPartOfProduct(blocks.count, s.outputs, work, [&](int64_t block, int64_t first, int64_t last) {
    const int64_t begin = blocks.beginOf(block), end = blocks.beginOf(block + 1);
    const at::Tensor scratch = at::empty({(end - begin) * depth}, c10::CppTypeToScalarType<F>::value);
    F* gathered = scratch.data_ptr<F>();
    gatherPixels(x, patches, blocks, begin, end, gathered);
    multiplyBlock(Product<F, T>{gathered, y + begin * s.outputs, end - begin, right.matrix}, 0, end - begin, first, last);
  });
}

template <typename T>
void inputGradient(const T* gradient, const float* weight, const StridedSizes& s, T* out) {
  using F = Factor<T>;
  const std::vector<Phase> phases = phasesOf<F>(weight, s);
  int64_t depth = 0, longest = 1;  // the sum of all phases' patch sizes, and the largest of them
  for (const Phase& phase : phases) {
    depth += phase.patches.size();
    longest = std::max(longest, phase.patches.size());
  }
  // Blocks of pixels of the first phase, which has the most. A block also computes the pixels at the same place in the other phases.
  const PixelBlocks blocks(s.images, phases[0].patches.rows, phases[0].patches.columns, pixelsOfBlock<F>(longest));
  const int64_t work = blocks.pixels / blocks.count * depth * s.inputs;
  eachPartOfProduct(blocks.count, s.inputs, work, [&](int64_t block, int64_t first, int64_t last) {
    const int64_t begin = blocks.beginOf(block), end = blocks.beginOf(block + 1);
    const at::Tensor patches = at::empty({(end - begin) * longest}, c10::CppTypeToScalarType<F>::value);
    const at::Tensor products = at::empty({(end - begin) * s.inputs}, c10::CppTypeToScalarType<T>::value);
    const int64_t channel = first * kLanes, channels = std::min(last * kLanes, s.inputs) - channel;
    for (const Phase& phase : phases) {
      // A phase may have one row or column less than the first phase.
      const auto eachRun = [&](const auto& work) {
        blocks.eachRun(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count) {
          const int64_t inside = std::min(count, phase.patches.columns - column);
          if (row < phase.patches.rows && inside > 0) work(image, row, column, inside);
        });
      };
      const int64_t size = phase.patches.size();
      int64_t pixels = 0;
      if (size > 0) {
        eachRun([&](int64_t image, int64_t row, int64_t column, int64_t count) {
          gatherPatches(gradient + image * phase.patches.imageSize(), phase.patches, row, column, count, patches.data_ptr<F>() + pixels * size);
          pixels += count;
        });
        multiplyBlock(Product<F, T>{patches.data_ptr<F>(), products.data_ptr<T>(), pixels, phase.right.matrix}, 0, pixels, first, last);
      }
      const T* from = products.data_ptr<T>() + channel;
      eachRun([&](int64_t image, int64_t row, int64_t column, int64_t count) {
        const int64_t line = image * s.height + row * s.stride + phase.row;
        T* to = out + (line * s.width + column * s.stride + phase.column) * s.inputs + channel;
        for (int64_t pixel = 0; pixel < count; ++pixel, from += s.inputs, to += s.stride * s.inputs) {
          if (size > 0) copyNumbers(from, channels, to);
          else std::fill_n(to, channels, T(0));
        }
      });
    }
  });
}

/// The sum over all pixels of gradient times patch, [outputs, patch, 1, 1]. For each group of pixels it is the weight gradient of a pointwise
/// convolution of the patches.
template <typename T>
at::Tensor weightGradient(const at::Tensor& gradient, const T* x, const StridedSizes& s) {
  // A group's patches fit the third-level cache, but groups are large enough that adding their gradients costs little.
  constexpr int64_t kKeptPatches = 500'000, kLeastPixels = 1024;
  const Patches patches = s.patches();
  const int64_t depth = patches.size();
  const PixelBlocks groups(s.images, s.rows, s.columns, std::max(kLeastPixels, kKeptPatches / depth));
  const at::Tensor scratch = at::empty({(groups.pixels / groups.count + 1) * depth}, gradient.options());
  at::Tensor total;
  for (int64_t group = 0; group < groups.count; ++group) {
    const int64_t first = groups.beginOf(group), pixels = groups.beginOf(group + 1) - first;
    at::parallel_for(0, pixels, kLeastWork / (16 * depth) + 1, [&, to = scratch.data_ptr<T>()](int64_t begin, int64_t end) {
      gatherPixels(x, patches, groups, first + begin, first + end, to + begin * depth);
    });
    const auto pixelsAt = [&](T* from, int64_t channels) {
      return at::from_blob(from, {1, channels, pixels, 1}, {pixels * channels, 1, channels, channels}, gradient.options());
    };
    const at::Tensor part =
        pointwiseWeightGradient(pixelsAt(gradient.data_ptr<T>() + first * s.outputs, s.outputs), pixelsAt(scratch.data_ptr<T>(), depth));
    total = total.defined() ? total.add_(part) : part;
  }
  return total;
}

}  // namespace

at::Tensor stridedForward(const at::Tensor& x, const at::Tensor& weight, const StridedSizes& s) {
  at::Tensor y = at::empty({s.images, s.outputs, s.rows, s.columns}, x.options(), at::MemoryFormat::ChannelsLast);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    forward(x.data_ptr<T>(), weight.data_ptr<float>(), s, y.data_ptr<T>());
  });
  return y;
}

at::Tensor stridedInputGradient(const at::Tensor& gradient, const at::Tensor& weight, const StridedSizes& s) {
  at::Tensor result = at::empty({s.images, s.inputs, s.height, s.width}, gradient.options(), at::MemoryFormat::ChannelsLast);
  withType(gradient.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    inputGradient(gradient.data_ptr<T>(), weight.data_ptr<float>(), s, result.data_ptr<T>());
  });
  return result;
}

at::Tensor stridedWeightGradient(const at::Tensor& gradient, const at::Tensor& x, const StridedSizes& s) {
  at::Tensor result;
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    result = weightGradient(gradient, x.data_ptr<T>(), s);
  });
  return result.view({s.outputs, s.kernel, s.kernel, s.inputs}).permute({0, 3, 1, 2});
}

}  // namespace advprop
