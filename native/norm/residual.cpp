// What residual blocks need besides their layers: a tensor that goes into two branches, and the shortcut without parameters.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/library.h>

#include "engine/compat.h"
#include "profile/disabled_kernels.h"
#include "profile/profiled_kernel.h"
#include "vectors/channels.h"

namespace advprop {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename T>
void addInPlace(at::Tensor& sum, const at::Tensor& other) {
  T* to = sum.data_ptr<T>();
  const T* from = other.data_ptr<T>();
  Channels(1, sum.numel()).eachVector([=](int64_t at, int64_t) { store(to + at, load(to + at) + load(from + at)); });
}

/// The gradient of a tensor that goes into two branches: the sum of the branches' gradients. It is written over one of them if nothing
/// else refers to that memory. libtorch would allocate a third tensor, and adds bfloat16 at a fraction of memory's speed. This is a
/// Node and not a torch::autograd::Function, because the latter holds references to the gradients meanwhile.
struct Branch : torch::autograd::Node {
  variable_list apply(variable_list&& gradients) override {
    at::Tensor a = std::move(gradients[0]), b = std::move(gradients[1]);
    if (!a.defined() || !b.defined()) return {a.defined() ? a : b};
    const auto unseen = [](const at::Tensor& x) { return x.use_count() == 1 && x.has_storage() && x.storage().use_count() == 1; };
    const ProfiledKernel profiled("advprop::branch (gradient)", 0, static_cast<double>(a.nbytes() + b.nbytes()), static_cast<double>(a.nbytes()));
    if (!unseen(a)) std::swap(a, b);
    // The last vector of a walk may overlap the one before. An addition in place would then add some values twice.
    const bool walkable = isChannelsLast(a) && a.numel() % kLanes == 0;
    if (!unseen(a) || !walkable || b.strides() != a.strides() || b.scalar_type() != a.scalar_type()) return {a + b};
    if (a.scalar_type() == at::kFloat) addInPlace<float>(a, b);
    else addInPlace<at::BFloat16>(a, b);
    return {a};
  }
};

std::tuple<at::Tensor, at::Tensor> branch(const at::Tensor& x) {
  if (!x.requires_grad() || isDisabled(Switchable::branch)) return {x, x};
  const auto node = makeNode<Branch>();
  node->set_next_edges(torch::autograd::collect_next_edges(x));
  at::Tensor a = x.detach(), b = x.detach();
  torch::autograd::set_history(a, node);
  torch::autograd::set_history(b, node);
  return {a, b};
}

/// Copies the values of a pixel, sixteen bytes at a time if their number allows.
inline void copyPixel(char* to, const char* from, int64_t bytes) {
  if (bytes % 16 != 0) {
    std::memcpy(to, from, bytes);
    return;
  }
  for (int64_t i = 0; i < bytes; i += 16) std::memcpy(to + i, from + i, 16);
}

/// [N, C, H, W] to [N, before + C + after, ceil(H / stride), ceil(W / stride)], channels-last: every stride-th pixel, with
/// zero channels before and after. The gradient goes the same way back.
struct PaddingShortcut : torch::autograd::Function<PaddingShortcut> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, int64_t stride, int64_t before, int64_t after) {
    const int64_t channels = x.size(1), height = x.size(2), width = x.size(3), outputs = before + channels + after;
    at::Tensor y = at::empty({x.size(0), outputs, (height + stride - 1) / stride, (width + stride - 1) / stride}, x.options(),
                             at::MemoryFormat::ChannelsLast);
    context->saved_data["shape"] = x.sizes().vec();
    context->saved_data["stride"] = stride;
    context->saved_data["before"] = before;
    const int64_t rows = y.size(2), columns = y.size(3), item = x.element_size();
    const auto* from = static_cast<const char*>(x.data_ptr());
    auto* to = static_cast<char*>(y.data_ptr());
    at::parallel_for(0, x.size(0) * rows, 16, [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        char* row = to + r * columns * outputs * item;
        const char* source = from + (r / rows * height + r % rows * stride) * width * channels * item;
        std::memset(row, 0, columns * outputs * item);
        for (int64_t c = 0; c < columns; ++c) {
          copyPixel(row + (c * outputs + before) * item, source + c * stride * channels * item, channels * item);
        }
      }
    });
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const auto shape = context->saved_data["shape"].toIntVector();
    const int64_t stride = context->saved_data["stride"].toInt(), before = context->saved_data["before"].toInt();
    at::Tensor result = at::empty(shape, gradient.options(), at::MemoryFormat::ChannelsLast);
    const int64_t channels = shape[1], height = shape[2], width = shape[3], item = result.element_size();
    const int64_t outputs = gradient.size(1), rows = gradient.size(2), columns = gradient.size(3);
    const auto* from = static_cast<const char*>(gradient.data_ptr());
    auto* to = static_cast<char*>(result.data_ptr());
    at::parallel_for(0, shape[0] * height, 16, [=](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        char* row = to + r * width * channels * item;
        if (stride > 1) std::memset(row, 0, width * channels * item);
        if (r % height % stride != 0) continue;
        const char* source = from + (r / height * rows + r % height / stride) * columns * outputs * item;
        for (int64_t c = 0; c < columns; ++c) {
          copyPixel(row + c * stride * channels * item, source + (c * outputs + before) * item, channels * item);
        }
      }
    });
    return {result, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor paddingShortcut(const at::Tensor& x, int64_t stride, int64_t before, int64_t after) {
  TORCH_CHECK(x.dim() == 4 && stride >= 1 && before >= 0 && after >= 0, "x must be [N, C, H, W], the stride at least 1 and no padding negative; got ",
              x.sizes(), ", ", stride, ", ", before, " and ", after);
  if (x.device().is_cpu() && x.is_contiguous(at::MemoryFormat::ChannelsLast) && !isDisabled(Switchable::paddingShortcut)) {
    return PaddingShortcut::apply(x, stride, before, after);
  }
  const at::Tensor small = x.slice(2, 0, c10::nullopt, stride).slice(3, 0, c10::nullopt, stride);
  return at::constant_pad_nd(small, {0, 0, 0, 0, before, after});
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("branch", &branch);
  library.impl("padding_shortcut", &paddingShortcut);
}

}  // namespace advprop
