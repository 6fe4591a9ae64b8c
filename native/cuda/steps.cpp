// Keyed random numbers, the normalisation of images, the step of an attack and the optimisers on a GPU, by the kernels of this
// folder. Keyed numbers take the place of native/kernels/keyed_random.cpp; the others are operators of their own.
#include <torch/csrc/autograd/custom_function.h>

#include "operator.h"

namespace advprop::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

/// Bytes copied to the device.
template <typename T>
at::Tensor upload(const std::vector<T>& values, const at::Tensor& like) {
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
  return at::from_blob(const_cast<T*>(values.data()), {bytes}, at::kByte).clone().to(like.device());
}

/// The key of draws as kernels read it.
at::Tensor drawKey(const at::Tensor& samples, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream) {
  TORCH_CHECK(samples.dim() == 1 && samples.scalar_type() == at::kLong && isOurs(samples), "samples must be a 1-D int64 tensor");
  TORCH_CHECK(seed >= 0, "seed must not be negative; got ", seed);
  TORCH_CHECK(purpose >= 0 && purpose < 256, "purpose must be in [0, 256); got ", purpose);
  TORCH_CHECK(stream >= 0 && stream < (1 << 24), "stream must be in [0, 2^24); got ", stream);
  TORCH_CHECK(epoch >= 0 && epoch <= UINT32_MAX, "epoch must be in [0, 2^32); got ", epoch);
  const std::vector<uint32_t> words{static_cast<uint32_t>(seed), static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32),
                                    static_cast<uint32_t>(epoch), static_cast<uint32_t>(purpose + 256 * stream)};
  return upload(words, samples);
}

const uint32_t* wordsOf(const at::Tensor& key) { return static_cast<const uint32_t*>(key.data_ptr()); }

at::Tensor uniformNumbers(const at::Tensor& samples, at::IntArrayRef shape, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream,
                          at::ScalarType dtype) {
  const at::Tensor key = drawKey(samples, seed, epoch, purpose, stream), list = samples.contiguous();
  const bool image = shape.size() == 3;
  std::vector<int64_t> full{samples.size(0)};
  full.insert(full.end(), shape.begin(), shape.end());
  at::Tensor result = at::empty(full, samples.options().dtype(at::kFloat).memory_format(image ? kChannelsLast : at::MemoryFormat::Contiguous));
  if (result.numel() == 0) return result.to(dtype);
  const int64_t channels = image ? shape[0] : 1, positions = c10::multiply_integers(shape) / channels;
  const Launch launch(samples);
  check(keyedUniform(list.data_ptr<int64_t>(), list.size(0), wordsOf(key), channels, positions, image, floatsOf(result), launch.stream),
        "keyed_uniform");
  return result.to(dtype);
}

at::Tensor integerNumbers(const at::Tensor& samples, int64_t bound, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream, int64_t draw) {
  TORCH_CHECK(bound >= 1 && bound <= (int64_t{1} << 31), "bound must be in [1, 2^31]; got ", bound);
  TORCH_CHECK(draw >= 0 && draw <= UINT32_MAX, "draw must be in [0, 2^32); got ", draw);
  const at::Tensor key = drawKey(samples, seed, epoch, purpose, stream), list = samples.contiguous();
  at::Tensor result = at::empty_like(list);
  if (result.numel() == 0) return result;
  const Launch launch(samples);
  check(keyedIntegers(list.data_ptr<int64_t>(), list.size(0), wordsOf(key), draw, bound, result.data_ptr<int64_t>(), launch.stream),
        "keyed_integers");
  return result;
}

void checkColors(const at::Tensor& values, const char* name, const at::Tensor& like) {
  TORCH_CHECK(values.numel() == 3 && values.scalar_type() == at::kFloat && values.is_contiguous() && values.device() == like.device(), name,
              " must be three float32 values on the images' device");
}

/// [N, H, W, 3] uint8 to [N, 3, H, W] channels-last: (pixels / 255 - mean) / deviation, of the window and mirroring that the
/// samples' draws give where there are samples.
at::Tensor pixelsToActivations(const at::Tensor& pixels, const at::Tensor& mean, const at::Tensor& deviation, at::ScalarType dtype,
                               const c10::optional<at::Tensor>& samples, int64_t padding, bool flip, int64_t seed, int64_t epoch, int64_t stream) {
  TORCH_CHECK(isOurs(pixels) && pixels.dim() == 4 && pixels.size(3) == 3 && pixels.scalar_type() == at::kByte && pixels.is_contiguous(),
              "pixels must be contiguous uint8 [N, H, W, 3]; got ", pixels.scalar_type(), " ", pixels.sizes());
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "the dtype must be float32 or bfloat16; got ", dtype);
  TORCH_CHECK(padding >= 0, "padding must not be negative; got ", padding);
  checkColors(mean, "mean", pixels);
  checkColors(deviation, "deviation", pixels);
  constexpr int64_t kCrop = 2, kFlip = 3;  // purposes of src/random.ts
  at::Tensor list, crop, mirror;
  Augmentation drawn{};
  if (samples.has_value()) {
    TORCH_CHECK(samples->numel() == pixels.size(0), "there must be one sample for each image");
    list = samples->contiguous();
    crop = drawKey(list, seed, epoch, kCrop, stream);
    if (flip) mirror = drawKey(list, seed, epoch, kFlip, stream);
    drawn = {list.data_ptr<int64_t>(), wordsOf(crop), flip ? wordsOf(mirror) : nullptr, padding};
  }
  const Pictures sizes{pixels.size(0), pixels.size(1), pixels.size(2)};
  at::Tensor out = at::empty({sizes.count, 3, sizes.height, sizes.width}, pixels.options().dtype(dtype), kChannelsLast);
  if (out.numel() == 0) return out;
  const Launch launch(pixels);
  check(normalizePixels(sizes, pixels.data_ptr<uint8_t>(), samples.has_value() ? &drawn : nullptr, floatsOf(mean), floatsOf(deviation),
                        dtypeCode(dtype), dataOf(out), launch.stream),
        "normalize_pixels");
  return out;
}

struct NormalizeImages : torch::autograd::Function<NormalizeImages> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& images, const at::Tensor& mean, const at::Tensor& deviation,
                            at::ScalarType dtype) {
    context->save_for_backward({deviation});
    const Launch launch(images);
    at::Tensor out = at::empty(images.sizes(), images.options().dtype(dtype), kChannelsLast);
    const Pictures sizes{images.size(0), images.size(2), images.size(3)};
    check(normalizeImages(sizes, floatsOf(images), floatsOf(mean), floatsOf(deviation), dtypeCode(dtype), dataOf(out), launch.stream),
          "normalize_images");
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    const Launch launch(gradient);
    at::Tensor gradImages = at::empty(gradient.sizes(), gradient.options().dtype(at::kFloat), kChannelsLast);
    const Pictures sizes{gradient.size(0), gradient.size(2), gradient.size(3)};
    check(normalizeImagesGradient(sizes, dataOf(gradient), dtypeCode(gradient.scalar_type()), floatsOf(saved[0]), floatsOf(gradImages), launch.stream),
          "normalize_images (gradient)");
    return {gradImages, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

/// [N, 3, H, W] float32 to (images - mean) / deviation, channels-last, in another dtype.
at::Tensor imagesToActivations(const at::Tensor& images, const at::Tensor& mean, const at::Tensor& deviation, at::ScalarType dtype) {
  TORCH_CHECK(isOurs(images) && images.dim() == 4 && images.size(1) == 3 && images.scalar_type() == at::kFloat && images.numel() > 0,
              "images must be float32 [N, 3, H, W]; got ", images.scalar_type(), " ", images.sizes());
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "the dtype must be float32 or bfloat16; got ", dtype);
  checkColors(mean, "mean", images);
  checkColors(deviation, "deviation", images);
  return NormalizeImages::apply(images.contiguous(kChannelsLast), mean, deviation, dtype);
}

/// clip01(min(max(x + size sign(gradient), images - epsilon), images + epsilon)); `size` is a scalar or [N, 1, 1, 1].
at::Tensor attackStep(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& images, const at::Tensor& size, double epsilon) {
  for (const at::Tensor& one : {x, gradient, images}) {
    TORCH_CHECK(isOurs(one) && one.scalar_type() == at::kFloat && one.sizes() == images.sizes() && one.dim() == 4,
                "x, gradient and images must be float32 of one shape [N, C, H, W]; got ", one.scalar_type(), " ", one.sizes());
  }
  TORCH_CHECK(isOurs(size) && size.scalar_type() == at::kFloat && (size.numel() == 1 || size.numel() == images.size(0)),
              "size must be float32, one value or one for each image; got ", size.sizes());
  at::Tensor out = at::empty_like(images, kChannelsLast);
  if (out.numel() == 0) return out;
  const at::Tensor from = x.contiguous(kChannelsLast), slope = gradient.contiguous(kChannelsLast), around = images.contiguous(kChannelsLast);
  const at::Tensor sizes = size.contiguous();
  const Launch launch(x);
  check(linfStep(out.numel(), out.numel() / size.numel(), floatsOf(from), floatsOf(slope), floatsOf(around), floatsOf(sizes),
                 static_cast<float>(epsilon), floatsOf(out), launch.stream),
        "linf_step");
  return out;
}

/// The tensor of a list, or none where the list is empty.
void* place(at::TensorList list, size_t i) { return list.empty() ? nullptr : list[i].data_ptr(); }

/// One step of an optimiser over all parameters. `rule`: momentum, decay of the squares, beta1, beta2, epsilon. Lists beside the
/// weights and gradients may be empty, where a rule or a run has no such thing; `updates` are int64 counters, which are raised.
void optimize(at::TensorList weights, at::TensorList gradients, at::TensorList first, at::TensorList second, at::TensorList averages,
              at::TensorList shadows, at::TensorList updates, at::ArrayRef<double> decays, int64_t kind, at::ArrayRef<double> rule,
              const at::Tensor& scale, const at::Tensor& rate, const at::Tensor& averageDecay) {
  TORCH_CHECK(kind >= kSgd && kind <= kAdamW && rule.size() == 5, "unknown optimiser ", kind);
  TORCH_CHECK(decays.size() == weights.size() && gradients.size() == weights.size(), "there must be one gradient and one decay for each weight");
  TORCH_CHECK(kind != kAdamW || (first.size() == weights.size() && second.size() == weights.size() && updates.size() == weights.size()),
              "adamw needs both means and the counters");
  TORCH_CHECK((kind != kSgd && kind != kNesterov) || rule[0] == 0 || first.size() == weights.size(), "sgd with momentum needs velocities");
  TORCH_CHECK(kind != kRmsProp || (first.size() == weights.size() && second.size() == weights.size()), "rmsprop needs velocities and squares");
  if (weights.empty()) return;
  for (const at::TensorList list : {first, second, averages, shadows, updates}) {
    TORCH_CHECK(list.empty() || list.size() == weights.size(), "lists must be empty or as long as the weights");
    for (size_t i = 0; i < list.size(); ++i) {
      TORCH_CHECK(isOurs(list[i]) && (list[i].numel() == weights[i].numel() || list[i].dim() == 0), "what goes with a weight must have its size");
    }
  }
  std::vector<OptimizerEntry> entries;
  std::vector<int32_t> chunks;
  for (size_t i = 0; i < weights.size(); ++i) {
    TORCH_CHECK(isOurs(weights[i]) && weights[i].scalar_type() == at::kFloat && weights[i].is_non_overlapping_and_dense() &&
                    gradients[i].scalar_type() == at::kFloat && gradients[i].strides() == weights[i].strides(),
                "weights and gradients must be dense float32 tensors of the same layout");
    entries.push_back({weights[i].data_ptr<float>(), gradients[i].data_ptr<float>(), static_cast<float*>(place(first, i)),
                       static_cast<float*>(place(second, i)), static_cast<float*>(place(averages, i)), place(shadows, i),
                       static_cast<int64_t*>(place(updates, i)), weights[i].numel(), static_cast<float>(decays[i])});
    for (int64_t chunk = 0; chunk * kOptimizerChunk < weights[i].numel(); ++chunk) {
      chunks.push_back(static_cast<int32_t>(i));
      chunks.push_back(static_cast<int32_t>(chunk));
    }
  }
  const OptimizerRule numbers{static_cast<int>(kind),        static_cast<float>(rule[0]), static_cast<float>(rule[1]),
                              static_cast<float>(rule[2]), static_cast<float>(rule[3]), static_cast<float>(rule[4])};
  const at::Tensor table = upload(entries, weights[0]), work = upload(chunks, weights[0]);
  const Launch launch(weights[0]);
  const auto* list = static_cast<const OptimizerEntry*>(table.data_ptr());
  const OptimizerStep step{floatsOf(scale), floatsOf(rate), floatsOf(averageDecay)};
  check(optimizerStep(list, static_cast<const int32_t*>(work.data_ptr()), static_cast<int64_t>(chunks.size() / 2), numbers, step, launch.stream),
        "optimizer_step");
  if (!updates.empty()) check(countUpdates(list, static_cast<int64_t>(entries.size()), launch.stream), "optimizer_step (counters)");
}

void define(torch::Library& library) {
  library.def(
      "normalize_pixels(Tensor pixels, Tensor mean, Tensor deviation, ScalarType dtype, Tensor? samples=None, int padding=0, bool flip=False, "
      "int seed=0, int epoch=0, int stream=0) -> Tensor",
      &pixelsToActivations);
  library.def("normalize_images(Tensor images, Tensor mean, Tensor deviation, ScalarType dtype) -> Tensor", &imagesToActivations);
  library.def("linf_step(Tensor x, Tensor gradient, Tensor images, Tensor size, float epsilon) -> Tensor", &attackStep);
  library.def(
      "optimizer_step(Tensor(a!)[] weights, Tensor[] gradients, Tensor(b!)[] first, Tensor(c!)[] second, Tensor(d!)[] averages, "
      "Tensor(e!)[] shadows, Tensor(f!)[] updates, float[] decays, int kind, float[] rule, Tensor scale, Tensor rate, Tensor average_decay) -> ()",
      &optimize);
}

}  // namespace

#ifdef ADVPROP_EMULATED
TORCH_LIBRARY_FRAGMENT(advprop_emulated, library) {
  define(library);
  library.def("keyed_uniform(Tensor samples, int[] shape, int seed, int epoch, int purpose, int stream, ScalarType dtype) -> Tensor", &uniformNumbers);
  library.def("keyed_integers(Tensor samples, int bound, int seed, int epoch, int purpose, int stream, int draw) -> Tensor", &integerNumbers);
}
#else
TORCH_LIBRARY_FRAGMENT(advprop_cuda, library) { define(library); }
TORCH_LIBRARY_IMPL(advprop, AutogradCUDA, library) {
  library.impl("keyed_uniform", &uniformNumbers);
  library.impl("keyed_integers", &integerNumbers);
}
#endif

}  // namespace advprop::cuda
