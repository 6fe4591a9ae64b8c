// The first convolution of a network, over the three colours of an image, 3x3 or 7x7. Three channels would leave most of a vector
// empty, so the patches under the kernel are gathered as rows of a matrix and multiplied with the weight. Channels-last float32 and
// bfloat16, any zeros on each of the four sides. Every other case is libtorch's.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "composed_convolution.h"
#include "forms.h"
#include "product/packed_matrix.h"
#include "product/pointwise.h"
#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"
#include "vectors/channels.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kColors = 3;

struct ImageSizes {
  int64_t images, height, width, outputs, rows, columns, stride;
  int64_t left, right, top, bottom;
};

/// Sizes of a patch of `Kernel` by `Kernel` pixels. The `run` numbers of one row of a patch are neighbours in memory.
template <int Kernel>
struct Patch {
  static constexpr int64_t run = Kernel * kColors, size = Kernel * run, stride = size + size % 2;
  /// Vectors, if each row of a patch begins a new vector.
  static constexpr int64_t runVectors = (run + kLanes - 1) / kLanes, vectors = Kernel * runVectors;
};

template <typename T>
struct RowsOfProduct {
  const T* left;
  int64_t leftStride;
  PackedMatrix right;
};

/// Computes a tile of the product of `left` and one panel of `right`, and stores it in `out`.
template <typename T, typename Out>
struct Multiply {
  template <int Rows, int Vectors>
  struct Kernel {
    static void run(const RowsOfProduct<T>& product, int64_t row, int64_t vector, Out* out, int64_t stride) {
      Tile<Rows, Vectors> sums;
      const LeftRows<T> left{product.left + row * product.leftStride, product.leftStride};
      multiplyTile<T, Rows, Vectors>(sums, left, product.right.template panel<T>(vector), product.right.depth);
      storeTile<Rows, Vectors>(sums, out + row * stride + vector * kLanes, stride, product.right.columns - (vector + Vectors - 1) * kLanes);
    }
  };
};

template <typename T, typename Out>
void multiply(const RowsOfProduct<T>& product, int64_t rows, Out* out, int64_t stride) {
  const std::vector<int64_t> starts = panelStarts(product.right.columns);
  for (size_t panel = 0; panel + 1 < starts.size(); ++panel) {
    const int vectors = static_cast<int>(starts[panel + 1] - starts[panel]);
    eachProductTile<T>(rows, vectors, product.right.depth, [&](int64_t row, int64_t count) {
      TileTable<T, Multiply<T, Out>::template Kernel>::pick(count, vectors)(product, row, starts[panel], out, stride);
    });
  }
}

/// The patches of one row of results, [columns][Patch::stride].
template <typename T, int Kernel>
void gatherPatches(const T* image, const ImageSizes& sizes, int64_t row, T* patches) {
  using P = Patch<Kernel>;
  for (int i = 0; i < Kernel; ++i) {
    const int64_t from = row * sizes.stride + i - sizes.top;
    const bool inside = from >= 0 && from < sizes.height;
    const T* line = image + from * sizes.width * kColors;
    T* to = patches + i * P::run;
    for (int64_t column = 0; column < sizes.columns; ++column, to += P::stride) {
      const int64_t first = column * sizes.stride - sizes.left;
      if (inside && first >= 0 && first + Kernel <= sizes.width) {
        std::memcpy(to, line + first * kColors, P::run * sizeof(T));
        continue;
      }
      for (int64_t j = 0; j < P::run; ++j) {
        const int64_t pixel = first + j / kColors;
        to[j] = inside && pixel >= 0 && pixel < sizes.width ? line[first * kColors + j] : T(0);
      }
    }
  }
}

template <typename T, int Kernel>
void forward(const T* x, const float* weight, const ImageSizes& sizes, T* y) {
  using P = Patch<Kernel>;
  std::vector<float> words(packedWords<T>(P::size, sizes.outputs));
  packMatrix<T>(weight, P::size, sizes.outputs, 1, P::size, words.data());
  const PackedMatrix right{words.data(), P::size, sizes.outputs};
  at::parallel_for(0, sizes.images * sizes.rows, 16, [&](int64_t begin, int64_t end) {
    std::vector<T> patches(sizes.columns * P::stride);
    for (int64_t item = begin; item < end; ++item) {
      gatherPatches<T, Kernel>(x + item / sizes.rows * sizes.height * sizes.width * kColors, sizes, item % sizes.rows, patches.data());
      multiply<T, T>({patches.data(), P::stride, right}, sizes.columns, y + item * sizes.columns * sizes.outputs, sizes.outputs);
    }
  });
}

/// Adds the gradients of the patches of one row, [columns][vectors], to the `lines` in which the patches overlap. Pixels are visited in an
/// order in which consecutive ones do not overlap, because it is slow to read a vector at an offset right after it was written.
template <int Kernel>
void scatterPatches(const float* gradients, const ImageSizes& sizes, float* lines, int64_t line) {
  using P = Patch<Kernel>;
  const int64_t advance = sizes.stride * kColors, apart = (P::runVectors * kLanes + advance - 1) / advance;
  for (int i = 0; i < Kernel; ++i) {
    for (int64_t start = 0; start < apart; ++start) {
      for (int64_t column = start; column < sizes.columns; column += apart) {
        const float* from = gradients + (column * P::vectors + i * P::runVectors) * kLanes;
        float* to = lines + i * line + column * advance;
        for (int64_t v = 0; v < P::runVectors * kLanes; v += kLanes) store(to + v, load(to + v) + load(from + v));
      }
    }
  }
}

template <typename T, int Kernel>
void inputGradient(const T* gradient, const float* weight, const ImageSizes& sizes, T* out) {
  using P = Patch<Kernel>;
  // [outputs][Kernel][runVectors * lanes], with zeros after each row of a patch.
  std::vector<float> spaced(sizes.outputs * P::vectors * kLanes);
  for (int64_t o = 0; o < sizes.outputs; ++o) {
    for (int i = 0; i < Kernel; ++i) {
      std::copy_n(weight + o * P::size + i * P::run, P::run, spaced.data() + (o * P::vectors + i * P::runVectors) * kLanes);
    }
  }
  const int64_t width = P::vectors * kLanes;
  std::vector<float> words(packedWords<T>(sizes.outputs, width));
  packMatrix<T>(spaced.data(), sizes.outputs, width, width, 1, words.data());
  const PackedMatrix right{words.data(), sizes.outputs, width};
  // Rows and columns of the padded image. It ends with the last patch, or with the image if the stride skips its last pixels.
  const int64_t height = std::max((sizes.rows - 1) * sizes.stride + Kernel, sizes.top + sizes.height);
  const int64_t line = kColors * std::max((sizes.columns - 1) * sizes.stride + Kernel, sizes.left + sizes.width) + P::runVectors * kLanes;
  const at::Tensor scratch = at::empty({at::get_num_threads(), height * line + sizes.columns * width}, at::kFloat);
  at::parallel_for(0, sizes.images, 1, [&](int64_t begin, int64_t end) {
    float* lines = scratch.data_ptr<float>() + at::get_thread_num() * scratch.size(1);
    float* patches = lines + height * line;
    for (int64_t image = begin; image < end; ++image) {
      std::fill_n(lines, height * line, 0.f);
      for (int64_t row = 0; row < sizes.rows; ++row) {
        const T* from = gradient + (image * sizes.rows + row) * sizes.columns * sizes.outputs;
        multiply<T, float>({from, sizes.outputs, right}, sizes.columns, patches, width);
        scatterPatches<Kernel>(patches, sizes, lines + row * sizes.stride * line, line);
      }
      T* to = out + image * sizes.height * sizes.width * kColors;
      for (int64_t row = 0; row < sizes.height; ++row, to += sizes.width * kColors) {
        const float* from = lines + (sizes.top + row) * line + sizes.left * kColors;
        int64_t i = 0;
        for (; i + kLanes <= sizes.width * kColors; i += kLanes) store(to + i, load(from + i));
        for (; i < sizes.width * kColors; ++i) to[i] = from[i];
      }
    }
  });
}

/// The most numbers of patches that are in memory at once.
constexpr int64_t kKeptPatches = 2'000'000;

/// [outputs, Kernel, Kernel, 3]: the sum over all pixels of gradient times patch, computed as the weight gradient of a pointwise convolution of
/// the patches.
template <typename T, int Kernel>
void weightGradient(const at::Tensor& gradient, const T* x, const ImageSizes& sizes, float* out) {
  using P = Patch<Kernel>;
  const int64_t together = std::clamp<int64_t>(kKeptPatches / (sizes.rows * sizes.columns * P::stride), 1, sizes.images);
  const at::Tensor kept =
      at::empty({together, P::stride, sizes.rows, sizes.columns}, gradient.options(), at::MemoryFormat::ChannelsLast).zero_();
  at::Tensor total;
  for (int64_t first = 0; first < sizes.images; first += together) {
    const int64_t count = std::min(together, sizes.images - first);
    const at::Tensor patches = kept.narrow(0, 0, count);
    at::parallel_for(0, count * sizes.rows, 16, [&, to = kept.data_ptr<T>()](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const T* image = x + (first + item / sizes.rows) * sizes.height * sizes.width * kColors;
        gatherPatches<T, Kernel>(image, sizes, item % sizes.rows, to + item * sizes.columns * P::stride);
      }
    });
    const at::Tensor part = pointwiseWeightGradient(gradient.narrow(0, first, count), patches);
    total = total.defined() ? total.add_(part) : part;
  }
  for (int64_t o = 0; o < sizes.outputs; ++o) std::copy_n(total.data_ptr<float>() + o * P::stride, P::size, out + o * P::size);
}

/// Calls `work` with a value of x's type and the side of the kernel as a constant.
template <typename Work>
void dispatch(at::ScalarType type, int64_t kernel, const Work& work) {
  const auto sized = [&](auto zero) {
    if (kernel == 3) work(zero, std::integral_constant<int, 3>{});
    else work(zero, std::integral_constant<int, 7>{});
  };
  if (type == at::kFloat) sized(float{});
  else sized(at::BFloat16{});
}

ImageSizes sizesOf(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding) {
  const int64_t kernel = weight.size(2), left = padding[0], right = padding[1], top = padding[2], bottom = padding[3];
  const int64_t height = x.size(2), width = x.size(3);
  return {x.size(0), height, width, weight.size(0), (height + top + bottom - kernel) / stride + 1, (width + left + right - kernel) / stride + 1,
          stride,    left,   right, top,            bottom};
}

struct ImageConvolution : torch::autograd::Function<ImageConvolution> {
  /// Keeps the weight only for the gradient of x, and x only for that of the weight.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, int64_t stride, std::vector<int64_t> padding) {
    context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
    context->saved_data["x"] = x.sizes().vec();
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    const ImageSizes sizes = sizesOf(x, weight, stride, padding);
    at::Tensor y = at::empty({sizes.images, sizes.outputs, sizes.rows, sizes.columns}, x.options(), at::MemoryFormat::ChannelsLast);
    dispatch(x.scalar_type(), weight.size(2), [&](auto zero, auto kernel) {
      using T = decltype(zero);
      advprop::forward<T, kernel()>(x.data_ptr<T>(), weight.data_ptr<float>(), sizes, y.data_ptr<T>());
    });
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const int64_t stride = context->saved_data["stride"].toInt();
    const std::vector<int64_t> padding = context->saved_data["padding"].toIntVector(), shape = context->saved_data["x"].toIntVector();
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const double flops = 2.0 * weight.numel() / weight.size(0) * gradient.numel();
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) {
      gradX = at::empty(shape, gradient.options(), at::MemoryFormat::ChannelsLast);
      const ProfiledKernel profiled(convolutionGradient("input", ConvolutionKind::ofImages, weight.size(2), stride).c_str(), flops,
                                    gradient.nbytes(), gradX.nbytes());
      dispatch(gradient.scalar_type(), weight.size(2), [&](auto zero, auto kernel) {
        using T = decltype(zero);
        inputGradient<T, kernel()>(gradient.data_ptr<T>(), weight.data_ptr<float>(), sizesOf(gradX, weight, stride, padding), gradX.data_ptr<T>());
      });
    }
    if (context->needs_input_grad(1)) {
      gradWeight = at::empty(weight.sizes(), weight.options().requires_grad(false), at::MemoryFormat::ChannelsLast);
      const ProfiledKernel profiled(convolutionGradient("weight", ConvolutionKind::ofImages, weight.size(2), stride).c_str(), flops,
                                    gradient.nbytes() + x.nbytes(), 0);
      dispatch(gradient.scalar_type(), weight.size(2), [&](auto zero, auto kernel) {
        using T = decltype(zero);
        weightGradient<T, kernel()>(gradient, x.data_ptr<T>(), sizesOf(x, weight, stride, padding), gradWeight.data_ptr<float>());
      });
    }
    return {gradX, gradWeight, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor imageConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding) {
  const int64_t kernel = weight.size(2);
  const bool ours = x.size(1) == kColors && (kernel == 3 || kernel == 7) && weight.size(3) == kernel && weight.scalar_type() == at::kFloat &&
                    weight.device().is_cpu() && x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
                    x.numel() > 0 && weight.size(0) > 0 && !isDisabled(Switchable::firstConvolution);
  if (!ours) return composedConvolution(x, weight, stride, padding);
  return ImageConvolution::apply(x.contiguous(at::MemoryFormat::ChannelsLast), weight.contiguous(at::MemoryFormat::ChannelsLast), stride,
                                 padding.vec());
}

}  // namespace advprop
