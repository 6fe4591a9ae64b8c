// The update rules of src/optim, which explains the formulas. float32 on the CPU takes one pass over weights, gradients and state. Other
// tensors go through libtorch's operators.
#include <torch/library.h>

#include "profile/disabled_kernels.h"
#include "tensor_lists.h"

namespace advprop {

namespace {

void checkDecays(at::TensorList weights, at::ArrayRef<double> decays) {
  TORCH_CHECK(decays.size() == weights.size(), "there must be one weight decay for each weight; got ", decays.size(), " for ", weights.size());
}

bool canWalkAll(std::initializer_list<at::TensorList> written) {
  return std::all_of(written.begin(), written.end(), [](at::TensorList list) { return canWalk(list); }) &&
         !isDisabled(Switchable::optimizer);
}

/// g = gradient + decay w;  v = momentum v + g;  w -= rate (nesterov ? g + momentum v : v), or rate g without momentum.
void sgd(at::TensorList weights, at::TensorList velocities, at::TensorList gradients, double rate, double momentum, bool nesterov,
         at::ArrayRef<double> decays) {
  checkDecays(weights, decays);
  if (!canWalkAll({weights, velocities})) {
    for (size_t i = 0; i < weights.size(); ++i) {
      at::Tensor update = decays[i] == 0 ? gradients[i] : gradients[i].add(weights[i], decays[i]);
      if (momentum != 0) {
        velocities[i].mul_(momentum).add_(update);
        update = nesterov ? update.add(velocities[i], momentum) : velocities[i];
      }
      weights[i].add_(update, -rate);
    }
    return;
  }
  const auto step = static_cast<float>(rate), kept = static_cast<float>(momentum);
  if (momentum == 0) {
    return walk<1, 2>({weights, gradients}, [=](int64_t i) {
      return [=, decay = static_cast<float>(decays[i])](std::array<Floats, 2>& at) {
        auto& [w, g] = at;
        w -= step * (g + decay * w);
      };
    });
  }
  walk<2, 3>({weights, velocities, gradients}, [=](int64_t i) {
    return [=, decay = static_cast<float>(decays[i])](std::array<Floats, 3>& at) {
      auto& [w, v, g] = at;
      g += decay * w;
      v = kept * v + g;
      w -= step * (nesterov ? g + kept * v : v);
    };
  });
}

/// g = gradient + decay w;  s = smoothing s + (1 - smoothing) g^2;  v = momentum v + rate g / sqrt(s + epsilon);  w -= v.
void rmsprop(at::TensorList weights, at::TensorList squares, at::TensorList velocities, at::TensorList gradients, double rate, double smoothing,
             double momentum, double epsilon, at::ArrayRef<double> decays) {
  checkDecays(weights, decays);
  if (!canWalkAll({weights, squares, velocities})) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const at::Tensor gradient = decays[i] == 0 ? gradients[i] : gradients[i].add(weights[i], decays[i]);
      squares[i].mul_(smoothing).addcmul_(gradient, gradient, 1 - smoothing);
      velocities[i].mul_(momentum).addcdiv_(gradient, squares[i].add(epsilon).sqrt_(), rate);
      weights[i].sub_(velocities[i]);
    }
    return;
  }
  const auto step = static_cast<float>(rate), kept = static_cast<float>(momentum), inside = static_cast<float>(epsilon);
  const auto old = static_cast<float>(smoothing), fresh = static_cast<float>(1 - smoothing);
  walk<3, 4>({weights, squares, velocities, gradients}, [=](int64_t i) {
    return [=, decay = static_cast<float>(decays[i])](std::array<Floats, 4>& at) {
      auto& [w, s, v, g] = at;
      g += decay * w;
      s = old * s + fresh * g * g;
      v = kept * v + step * g / squareRoot(s + inside);
      w -= v;
    };
  });
}

/// w -= rate decay w;  m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g^2;
/// w -= rate (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon), t = updates + 1, which is written to updates.
void adamw(at::TensorList weights, at::TensorList means, at::TensorList squares, at::TensorList updates, at::TensorList gradients, double rate,
           double beta1, double beta2, double epsilon, at::ArrayRef<double> decays) {
  checkDecays(weights, decays);
  TORCH_CHECK(updates.size() == weights.size(), "there must be one count of updates for each weight; got ", updates.size());
  std::vector<double> rates, unbiased;
  for (at::Tensor count : updates) {
    const auto t = static_cast<double>(count.add_(1).item<int64_t>());
    rates.push_back(rate / (1 - std::pow(beta1, t)));
    unbiased.push_back(1 / (1 - std::pow(beta2, t)));
  }
  if (!canWalkAll({weights, means, squares})) {
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i].mul_(1 - rate * decays[i]);
      means[i].mul_(beta1).add_(gradients[i], 1 - beta1);
      squares[i].mul_(beta2).addcmul_(gradients[i], gradients[i], 1 - beta2);
      weights[i].addcdiv_(means[i], squares[i].mul(unbiased[i]).sqrt_().add_(epsilon), -rates[i]);
    }
    return;
  }
  const auto outside = static_cast<float>(epsilon);
  const auto oldMean = static_cast<float>(beta1), freshMean = static_cast<float>(1 - beta1);
  const auto oldSquare = static_cast<float>(beta2), freshSquare = static_cast<float>(1 - beta2);
  walk<3, 4>({weights, means, squares, gradients}, [&](int64_t i) {
    const auto kept = static_cast<float>(1 - rate * decays[i]), step = static_cast<float>(rates[i]), factor = static_cast<float>(unbiased[i]);
    return [=](std::array<Floats, 4>& at) {
      auto& [w, m, s, g] = at;
      m = oldMean * m + freshMean * g;
      s = oldSquare * s + freshSquare * g * g;
      w = kept * w - step * m / (squareRoot(factor * s) + outside);
    };
  });
}

}  // namespace

TORCH_LIBRARY_IMPL(advprop, CompositeImplicitAutograd, library) {
  library.impl("sgd_", &sgd);
  library.impl("rmsprop_", &rmsprop);
  library.impl("adamw_", &adamw);
}

}  // namespace advprop
