// Keyed random numbers, images, the attack's step and the optimisers on a GPU: operators of native/step, with the kernels of this folder.
#include <torch/csrc/autograd/custom_function.h>

#include <cstring>

#include "operator.h"

namespace advprop::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

/// Bytes copied to the device, through page-locked memory, so that the program does not wait.
template <typename T>
at::Tensor upload(const std::vector<T>& values, const at::Tensor& like) {
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
  const at::Tensor staged = at::empty({bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(like.is_cuda()));
  if (bytes > 0) std::memcpy(staged.data_ptr(), values.data(), bytes);
  return staged.to(like.device(), /*non_blocking=*/true);
}

/// The key of draws as kernels take it.
DrawKey drawKey(const at::Tensor& samples, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream) {
  TORCH_CHECK(samples.dim() == 1 && samples.scalar_type() == at::kLong && isOurs(samples), "samples must be a 1-D int64 tensor");
  TORCH_CHECK(seed >= 0, "seed must not be negative; got ", seed);
  TORCH_CHECK(purpose >= 0 && purpose < 256, "purpose must be in [0, 256); got ", purpose);
  TORCH_CHECK(stream >= 0 && stream < (1 << 24), "stream must be in [0, 2^24); got ", stream);
  TORCH_CHECK(epoch >= 0 && epoch <= UINT32_MAX, "epoch must be in [0, 2^32); got ", epoch);
  return {philoxKey(seed), static_cast<uint32_t>(epoch), static_cast<uint32_t>(purpose + 256 * stream)};
}

at::Tensor uniformNumbers(const at::Tensor& samples, at::IntArrayRef shape, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream,
                          at::ScalarType dtype) {
  const DrawKey key = drawKey(samples, seed, epoch, purpose, stream);
  const at::Tensor list = samples.contiguous();
  const bool image = shape.size() == 3;
  std::vector<int64_t> full{samples.size(0)};
  full.insert(full.end(), shape.begin(), shape.end());
  at::Tensor result = at::empty(full, samples.options().dtype(at::kFloat).memory_format(image ? kChannelsLast : at::MemoryFormat::Contiguous));
  if (result.numel() == 0) return result.to(dtype);
  const int64_t channels = image ? shape[0] : 1, positions = c10::multiply_integers(shape) / channels;
  const Launch launch(samples);
  check(keyedUniform(list.data_ptr<int64_t>(), list.size(0), key, channels, positions, image, floatsOf(result), launch.stream),
        "keyed_uniform");
  return result.to(dtype);
}

at::Tensor integerNumbers(const at::Tensor& samples, int64_t bound, int64_t seed, int64_t epoch, int64_t purpose, int64_t stream, int64_t draw) {
  TORCH_CHECK(bound >= 1 && bound <= (int64_t{1} << 31), "bound must be in [1, 2^31]; got ", bound);
  TORCH_CHECK(draw >= 0 && draw <= UINT32_MAX, "draw must be in [0, 2^32); got ", draw);
  const DrawKey key = drawKey(samples, seed, epoch, purpose, stream);
  const at::Tensor list = samples.contiguous();
  at::Tensor result = at::empty_like(list);
  if (result.numel() == 0) return result;
  const Launch launch(samples);
  check(keyedIntegers(list.data_ptr<int64_t>(), list.size(0), key, draw, bound, result.data_ptr<int64_t>(), launch.stream),
        "keyed_integers");
  return result;
}

void checkColors(const at::Tensor& values, const char* name, const at::Tensor& like) {
  TORCH_CHECK(values.numel() == kColors && values.scalar_type() == at::kFloat && values.is_contiguous() && values.device() == like.device(), name,
              " must be three float32 values on the images' device");
}

/// Whether these are the images' bytes, [N, H, W, 3].
bool arePixels(const at::Tensor& pixels) {
  return isOurs(pixels) && pixels.dim() == 4 && pixels.size(3) == kColors && pixels.scalar_type() == at::kByte;
}

/// [N, 3, H, W] for pixels [N, H, W, 3].
at::Tensor emptyImages(const at::Tensor& pixels, at::ScalarType dtype) {
  return at::empty({pixels.size(0), kColors, pixels.size(1), pixels.size(2)}, pixels.options().dtype(dtype), kChannelsLast);
}

/// [N, H, W, 3] uint8 / 255 as [N, 3, H, W].
at::Tensor readImages(const at::Tensor& pixels, at::ScalarType dtype) {
  if (!arePixels(pixels) || (dtype != at::kFloat && dtype != at::kBFloat16)) {
    return composed<decltype(readImages)>("advprop::images_from_pixels", pixels, dtype);
  }
  const at::Tensor bytes = pixels.contiguous(), images = emptyImages(pixels, dtype);
  if (images.numel() == 0) return images;
  const Pictures sizes{pixels.size(0), pixels.size(1), pixels.size(2)};
  const Launch launch(pixels);
  check(imagesFromPixels(sizes, bytes.data_ptr<uint8_t>(), dtypeCode(dtype), dataOf(images), launch.stream), "images_from_pixels");
  return images;
}

/// The same, cropped and mirrored by the draws of each image's sample and stream.
at::Tensor readWindows(const at::Tensor& pixels, const at::Tensor& samples, const at::Tensor& streams, int64_t padding, bool flip, int64_t seed,
                       int64_t epoch) {
  const bool keysAreOurs = isOurs(samples) && isOurs(streams) && samples.scalar_type() == at::kLong && streams.scalar_type() == at::kLong;
  if (!arePixels(pixels) || !keysAreOurs) {
    return composed<decltype(readWindows)>("advprop::augmented_images", pixels, samples, streams, padding, flip, seed, epoch);
  }
  TORCH_CHECK(samples.numel() == pixels.size(0) && streams.numel() == pixels.size(0), "there must be one sample and stream for each image");
  TORCH_CHECK(padding >= 0, "padding must not be negative; got ", padding);
  const DrawKey key = drawKey(samples, seed, epoch, /*purpose=*/0, /*stream=*/0);
  const at::Tensor bytes = pixels.contiguous(), sampleList = samples.contiguous(), streamList = streams.contiguous();
  const at::Tensor images = emptyImages(pixels, at::kFloat);
  if (images.numel() == 0) return images;
  const Pictures sizes{pixels.size(0), pixels.size(1), pixels.size(2)};
  const CropAndMirror augmentation{key.seed, key.epoch, padding, flip};
  const Launch launch(pixels);
  check(augmentedImages(sizes, bytes.data_ptr<uint8_t>(), sampleList.data_ptr<int64_t>(), streamList.data_ptr<int64_t>(), augmentation,
                        floatsOf(images), launch.stream),
        "augmented_images");
  return images;
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
at::Tensor normalizedImages(const at::Tensor& images, const at::Tensor& mean, const at::Tensor& deviation, at::ScalarType dtype) {
  const bool ours = isOurs(images) && images.dim() == 4 && images.size(1) == kColors && images.scalar_type() == at::kFloat && images.numel() > 0 &&
                    mean.scalar_type() == at::kFloat && deviation.scalar_type() == at::kFloat && (dtype == at::kFloat || dtype == at::kBFloat16);
  if (!ours) return composed<decltype(normalizedImages)>("advprop::normalize_pixels", images, mean, deviation, dtype);
  checkColors(mean, "mean", images);
  checkColors(deviation, "deviation", images);
  return NormalizeImages::apply(images.contiguous(kChannelsLast), mean, deviation, dtype);
}

/// clip01(min(max(x + size sign(gradient), images - epsilon), images + epsilon)), one size for all images.
at::Tensor attackStep(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& images, at::ArrayRef<double> sizes, double epsilon) {
  const auto fits = [&](const at::Tensor& one) {
    return isOurs(one) && one.scalar_type() == at::kFloat && one.dim() == 4 && one.sizes() == images.sizes() && one.numel() > 0;
  };
  if (!fits(x) || !fits(gradient) || !fits(images) || sizes.size() != 1) {
    return composed<decltype(attackStep)>("advprop::linf_step", x, gradient, images, sizes, epsilon);
  }
  at::Tensor out = at::empty_like(images, kChannelsLast);
  const at::Tensor from = x.contiguous(kChannelsLast), slope = gradient.contiguous(kChannelsLast), around = images.contiguous(kChannelsLast);
  const Launch launch(x);
  check(linfStep(out.numel(), floatsOf(from), floatsOf(slope), floatsOf(around), static_cast<float>(sizes[0]), static_cast<float>(epsilon),
                 floatsOf(out), launch.stream),
        "linf_step");
  return out;
}

/// What an optimiser changes: lists with a tensor for each parameter, empty where there is no such thing.
struct Parameters {
  at::TensorList weights, gradients, first, second, updates;
  at::ArrayRef<double> decays;
};

bool isLike(const at::Tensor& x, const at::Tensor& weight) { return isOurs(x) && x.scalar_type() == at::kFloat && x.sizes() == weight.sizes(); }

bool canUpdate(const Parameters& all) {
  for (const at::TensorList list : {all.weights, all.first, all.second}) {
    if (!list.empty() && list.size() != all.weights.size()) return false;
    for (size_t i = 0; i < list.size(); ++i) {
      if (!isLike(list[i], all.weights[i]) || list[i].strides() != all.weights[i].strides() || !list[i].is_non_overlapping_and_dense()) return false;
    }
  }
  if (all.gradients.size() != all.weights.size() || all.decays.size() != all.weights.size()) return false;
  for (size_t i = 0; i < all.weights.size(); ++i) {
    if (!isLike(all.gradients[i], all.weights[i])) return false;
  }
  return true;
}

/// The gradients with the memory layout of the weights; those with another layout are copied.
std::vector<at::Tensor> laidOut(const Parameters& all) {
  std::vector<at::Tensor> result;
  for (size_t i = 0; i < all.weights.size(); ++i) {
    const at::Tensor& gradient = all.gradients[i];
    result.push_back(gradient.strides() == all.weights[i].strides() ? gradient : at::empty_like(all.weights[i]).copy_(gradient));
  }
  return result;
}

/// Raises the versions of tensors that a kernel has written, because libtorch does not see it. Values derived from them are then computed again.
void markChanged(at::TensorList tensors) {
  for (const at::Tensor& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

/// The tensor of a list, or none where the list is empty.
float* place(at::TensorList list, size_t i) { return list.empty() ? nullptr : list[i].data_ptr<float>(); }

/// One step over all parameters. The counters of updates are on the CPU, so that reading and raising them does not wait for the GPU.
void optimize(const Parameters& all, const OptimizerRule& rule) {
  const at::TensorList weights = all.weights;
  if (weights.empty()) return;
  const std::vector<at::Tensor> gradients = laidOut(all);
  std::vector<OptimizerEntry> entries;
  std::vector<int32_t> chunks;
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t updates = all.updates.empty() ? 0 : all.updates[i].item<int64_t>();
    entries.push_back({weights[i].data_ptr<float>(), gradients[i].data_ptr<float>(), place(all.first, i), place(all.second, i), updates,
                       weights[i].numel(), static_cast<float>(all.decays[i])});
    for (int64_t chunk = 0; chunk * kOptimizerChunk < weights[i].numel(); ++chunk) {
      chunks.push_back(static_cast<int32_t>(i));
      chunks.push_back(static_cast<int32_t>(chunk));
    }
  }
  const at::Tensor table = upload(entries, weights[0]), work = upload(chunks, weights[0]);
  const Launch launch(weights[0]);
  check(optimizerStep(static_cast<const OptimizerEntry*>(table.data_ptr()), static_cast<const int32_t*>(work.data_ptr()),
                      static_cast<int64_t>(chunks.size() / 2), rule, launch.stream),
        "optimiser");
  for (const at::TensorList changed : {weights, all.first, all.second}) markChanged(changed);
  for (at::Tensor count : all.updates) count.add_(1);
}

float narrowed(double value) { return static_cast<float>(value); }

void sgd(at::TensorList weights, at::TensorList velocities, at::TensorList gradients, double rate, double momentum, bool nesterov,
         at::ArrayRef<double> decays) {
  const Parameters all{weights, gradients, momentum == 0 ? at::TensorList() : velocities, {}, {}, decays};
  if (!canUpdate(all)) return composed<decltype(sgd)>("advprop::sgd_", weights, velocities, gradients, rate, momentum, nesterov, decays);
  optimize(all, {nesterov ? kNesterov : kSgd, narrowed(momentum), 0, 0, 0, 0, narrowed(rate)});
}

void rmsprop(at::TensorList weights, at::TensorList squares, at::TensorList velocities, at::TensorList gradients, double rate, double smoothing,
             double momentum, double epsilon, at::ArrayRef<double> decays) {
  const Parameters all{weights, gradients, velocities, squares, {}, decays};
  if (!canUpdate(all)) {
    return composed<decltype(rmsprop)>("advprop::rmsprop_", weights, squares, velocities, gradients, rate, smoothing, momentum, epsilon, decays);
  }
  optimize(all, {kRmsProp, narrowed(momentum), narrowed(smoothing), 0, 0, narrowed(epsilon), narrowed(rate)});
}

void adamw(at::TensorList weights, at::TensorList means, at::TensorList squares, at::TensorList updates, at::TensorList gradients, double rate,
           double beta1, double beta2, double epsilon, at::ArrayRef<double> decays) {
  const Parameters all{weights, gradients, means, squares, updates, decays};
  if (!canUpdate(all) || updates.size() != weights.size()) {
    return composed<decltype(adamw)>("advprop::adamw_", weights, means, squares, updates, gradients, rate, beta1, beta2, epsilon, decays);
  }
  optimize(all, {kAdamW, 0, 0, narrowed(beta1), narrowed(beta2), narrowed(epsilon), narrowed(rate)});
}

}  // namespace

void registerSteps(torch::Library& library) {
  library.impl("keyed_uniform", &uniformNumbers);
  library.impl("keyed_integers", &integerNumbers);
  library.impl("images_from_pixels", &readImages);
  library.impl("augmented_images", &readWindows);
  library.impl("normalize_pixels", &normalizedImages);
  library.impl("linf_step", &attackStep);
  library.impl("sgd_", &sgd);
  library.impl("rmsprop_", &rmsprop);
  library.impl("adamw_", &adamw);
}

}  // namespace advprop::cuda
