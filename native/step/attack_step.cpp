// One step of an attack on images: along the gradient, back into the ball around the images, and back into the range of pixels [0, 1].
// float32 on the CPU takes one pass over memory, for the Euclidean ball three. Other tensors go through libtorch's operators. A gradient
// of NaN gives pixels of NaN, so that an attack on a broken network cannot look like one that failed.
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "profile/disabled_kernels.h"
#include "vectors/vector.h"

namespace advprop {

namespace {

/// The tensors of a step, all with the same order of values in memory: one image after another.
struct Images {
  Images(const at::Tensor& x_, const at::Tensor& gradient_, const at::Tensor& images_, at::ArrayRef<double> sizes_)
      : x(x_), gradient(like(gradient_)), images(like(images_)), result(at::empty_like(x_)), count(x_.size(0)),
        values(count == 0 ? 0 : x_.numel() / count), sizes(sizes_) {}

  /// Calls `work(begin, end, size)` with the range of each image's values, in parallel.
  template <typename Work>
  void each(const Work& work) const {
    at::parallel_for(0, count, std::max<int64_t>(1, 32768 / std::max<int64_t>(1, values)), [&](int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) work(n * values, (n + 1) * values, sizes[sizes.size() == 1 ? 0 : n]);
    });
  }

  at::Tensor like(const at::Tensor& other) const { return other.strides() == x.strides() ? other : at::empty_like(x).copy_(other); }

  const at::Tensor x, gradient, images, result;
  const int64_t count, values;
  const at::ArrayRef<double> sizes;
};

/// Calls `work(load, store)` for the values from `begin` to `end`, vector by vector. The last vector may be partial: missing values load as zero
/// and are not stored.
template <typename Work>
void eachVector(int64_t begin, int64_t end, const Work& work) {
  int64_t at = begin;
  for (; at + kLanes <= end; at += kLanes) {
    work([at](const float* from) { return load(from + at); }, [at](float* to, Floats values) { store(to + at, values); });
  }
  if (const size_t rest = (end - at) * sizeof(float); rest > 0) {
    work(
        [at, rest](const float* from) {
          Floats values{};
          std::memcpy(&values, from + at, rest);
          return values;
        },
        [at, rest](float* to, Floats values) { std::memcpy(to + at, &values, rest); });
  }
}

/// Within [low, high]; NaN stays.
inline Floats clip(Floats x, Floats low, Floats high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

inline Floats clipToPixels(Floats x) { return clip(x, Floats{}, spread(1.f)); }

/// Adds the squares of the lanes in float64.
inline void addSquares(double& sum, Floats x) {
  double part = 0;
  for (int lane = 0; lane < kLanes; ++lane) part += static_cast<double>(x[lane]) * x[lane];
  sum += part;
}

void checkStep(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& images, at::ArrayRef<double> sizes) {
  TORCH_CHECK(x.dim() >= 1 && gradient.sizes() == x.sizes() && images.sizes() == x.sizes(), "x, gradient and images must have one shape; got ",
              x.sizes(), ", ", gradient.sizes(), " and ", images.sizes());
  TORCH_CHECK(sizes.size() == 1 || static_cast<int64_t>(sizes.size()) == x.size(0), "there must be one size for all images or one for each of the ",
              x.size(0), "; got ", sizes.size());
}

bool goesInOnePass(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& images) {
  const auto fits = [](const at::Tensor& t) { return t.device().is_cpu() && t.scalar_type() == at::kFloat; };
  const bool imageByImage = x.is_non_overlapping_and_dense() && (x.size(0) < 2 || x.stride(0) * x.size(0) == x.numel());
  return fits(x) && fits(gradient) && fits(images) && imageByImage && !isDisabled(Switchable::attackStep);
}

/// The step sizes as a tensor that can be multiplied with images.
at::Tensor byImage(at::ArrayRef<double> sizes, const at::Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape[0] = static_cast<int64_t>(sizes.size());
  return at::tensor(sizes, x.options().requires_grad(false)).view(shape);
}

/// clip01(min(max(x + size sign(gradient), images - epsilon), images + epsilon)), sign(0) = 0.
at::Tensor linfStep(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& images, at::ArrayRef<double> sizes, double epsilon) {
  checkStep(x, gradient, images, sizes);
  if (!goesInOnePass(x, gradient, images)) {
    const at::Tensor direction = at::where(gradient.isnan(), gradient, gradient.sign());
    return (x + direction * byImage(sizes, x)).maximum(images - epsilon).minimum(images + epsilon).clamp_(0, 1);
  }
  const Images all(x, gradient, images, sizes);
  const float *from = all.x.data_ptr<float>(), *g = all.gradient.data_ptr<float>(), *original = all.images.data_ptr<float>();
  float* to = all.result.data_ptr<float>();
  all.each([=, radius = static_cast<float>(epsilon)](int64_t begin, int64_t end, double size) {
    const Floats forward = spread(static_cast<float>(size)), back = -forward;
    eachVector(begin, end, [=](auto read, auto write) {
      const Floats direction = read(g), image = read(original);
      const Floats move = direction > 0.f ? forward : direction < 0.f ? back : direction;  // zero or NaN in the last case
      write(to, clipToPixels(clip(read(from) + move, image - radius, image + radius)));
    });
  });
  return all.result;
}

constexpr double kSmallestNormalFloat = 0x1p-126;

/// The Euclidean norm of each image's gradient, at least the smallest normal float; NaN if the gradient has a NaN.
at::Tensor gradientNorm(const at::Tensor& gradient) {
  const at::Tensor rows = gradient.reshape({gradient.size(0), -1}).to(at::kDouble);
  return at::linalg_vector_norm(rows, 2, 1).clamp_min(kSmallestNormalFloat).to(gradient.scalar_type());
}

/// y = x + size gradient / ||gradient|| by image;  clip01(images + (y - images) min(1, epsilon / ||y - images||)).
at::Tensor l2Step(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& images, at::ArrayRef<double> sizes, double epsilon) {
  checkStep(x, gradient, images, sizes);
  if (!goesInOnePass(x, gradient, images)) {
    std::vector<int64_t> shape(x.dim(), 1);
    shape[0] = x.size(0);
    const at::Tensor delta = x + gradient / gradientNorm(gradient).view(shape) * byImage(sizes, x) - images;
    const at::Tensor length = at::linalg_vector_norm(delta.reshape({x.size(0), -1}), 2, 1).clamp_min(epsilon).view(shape);
    return (delta * (epsilon / length) + images).clamp_(0, 1);
  }
  const Images all(x, gradient, images, sizes);
  const float *from = all.x.data_ptr<float>(), *g = all.gradient.data_ptr<float>(), *original = all.images.data_ptr<float>();
  float* to = all.result.data_ptr<float>();
  all.each([=](int64_t begin, int64_t end, double size) {
    double squares = 0, moved = 0;
    eachVector(begin, end, [&](auto read, auto) { addSquares(squares, read(g)); });
    const auto norm = static_cast<float>(std::sqrt(squares)), step = static_cast<float>(size);
    // The division comes first: step / norm may overflow if the norm is tiny.
    const float divisor = norm < kSmallestNormalFloat ? static_cast<float>(kSmallestNormalFloat) : norm;
    const auto delta = [=](auto read) { return (read(from) - read(original)) + read(g) / divisor * step; };
    eachVector(begin, end, [&](auto read, auto) { addSquares(moved, delta(read)); });
    const double length = std::sqrt(moved);
    const auto factor = static_cast<float>(length <= epsilon ? 1 : epsilon / length);
    eachVector(begin, end, [=](auto read, auto write) { write(to, clipToPixels(read(original) + delta(read) * factor)); });
  });
  return all.result;
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("linf_step", &linfStep);
  library.impl("l2_step", &l2Step);
}

}  // namespace advprop
