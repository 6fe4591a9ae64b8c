#include "disabled_kernels.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <string>

#include "engine/errors.h"

namespace advprop {

namespace {

/// In the order of `Switchable`.
constexpr std::array kNames = {
    "attack-step", "batch-norm", "branch", "convolution-3x3", "depthwise", "first-convolution", "gradient-norm",
    "norm-relu-convolution", "optimizer", "padding-shortcut", "pixels", "pointwise", "strided-convolution", "weight-average",
};
static_assert(kNames.size() == static_cast<size_t>(Switchable::weightAverage) + 1);

using Disabled = std::array<bool, kNames.size()>;

Disabled read() {
  Disabled disabled{};
  const char* variable = std::getenv("ADVPROP_WITHOUT");
  std::istringstream list(variable == nullptr ? "" : variable);
  for (std::string name; std::getline(list, name, ',');) {
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) {
      std::string known;
      for (const char* one : kNames) known += std::string(known.empty() ? "" : ", ") + one;
      throw UserError("ERR_ARGUMENT", "ADVPROP_WITHOUT must name kernels, separated by commas without spaces: " + known + "; got " + name);
    }
    disabled[found - kNames.begin()] = true;
  }
  return disabled;
}

const Disabled& disabledKernels() {
  static const Disabled disabled = read();
  return disabled;
}

}  // namespace

bool isDisabled(Switchable kernel) { return disabledKernels()[static_cast<size_t>(kernel)]; }

void readDisabledKernels() { disabledKernels(); }

}  // namespace advprop
