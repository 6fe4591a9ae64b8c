// The operators of this folder in libtorch's dispatcher, for tensors of a GPU.
#include "operator.h"

namespace advprop::cuda {

TORCH_LIBRARY_IMPL(advprop, AutogradCUDA, library) {
  registerLayers(library);
  registerConvolution(library);
  registerMaxPool(library);
  registerSqueezeExcitation(library);
  registerSteps(library);
}

}  // namespace advprop::cuda
