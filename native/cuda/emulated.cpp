// The kernels of this folder compiled for the CPU, as a module for tests. On request its operators replace those of the CPU, so that any
// code that uses these runs through the GPU kernels.
#include <ATen/ATen.h>
#include <node_api.h>
#include <torch/library.h>

// GCC 12 vectorises conditional reads of three neighbours wrongly.
#pragma GCC optimize("no-tree-slp-vectorize", "no-tree-loop-vectorize")

#include "batch_norm_backward.cu"
#include "batch_norm_forward.cu"
#include "depthwise.cu"
#include "depthwise_weight_gradient.cu"
#include "image_channels.cu"
#include "image_convolution.cu"
#include "images.cu"
#include "keyed_random.cu"
#include "max_pool.cu"
#include "operator.h"
#include "optimizer.cu"

namespace advprop::cuda {

namespace {

/// Mistakes that the emulation must find.
enum Mistake : int64_t { kMissingBarrier = 0, kSkippedBarrier = 1, kOtherBarrier = 2, kUnaligned = 3, kUnwrittenShared = 4 };

__global__ void mistakenKernel(int64_t mistake, float* out) {
  SHARED(float, shared, kThreads);
  const int thread = static_cast<int>(threadIdx.x), next = (thread + 1) % kThreads;
  if (mistake != kUnwrittenShared) shared[thread] = static_cast<float>(thread);
  if (mistake == kSkippedBarrier && thread == 7) return;
  if (mistake == kOtherBarrier && thread == 7) {
    __syncthreads();
  } else if (mistake != kMissingBarrier) {
    __syncthreads();
  }
  float values[2] = {shared[next], 0};
  if (mistake == kUnaligned) load<2>(out + 1, values);
  out[thread] = values[0];
}

/// [256] float32: the number of each thread's neighbour, if the emulation finds no mistake in the kernel.
at::Tensor makeMistake(int64_t mistake) {
  const at::Tensor out = at::zeros({kThreads}, at::kFloat);
  LAUNCH((mistakenKernel), 1, kThreads, nullptr, mistake, out.data_ptr<float>());
  return out;
}

}  // namespace

}  // namespace advprop::cuda

namespace {

std::unique_ptr<torch::Library> inPlace;

/// Puts the operators in the place of the CPU's, or takes them away again.
void takeOver(bool on) {
  inPlace.reset();
  if (!on) return;
  inPlace = std::make_unique<torch::Library>(torch::Library::IMPL, "advprop", c10::DispatchKey::AutogradCPU, __FILE__, __LINE__);
  advprop::cuda::registerLayers(*inPlace);
  advprop::cuda::registerConvolution(*inPlace);
  advprop::cuda::registerMaxPool(*inPlace);
  advprop::cuda::registerSqueezeExcitation(*inPlace);
  advprop::cuda::registerSteps(*inPlace);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(advprop_emulated, library) {
  library.def("take_over(bool on) -> ()", &takeOver);
  library.def("launches() -> int", [] { return advprop::cuda::emulation::block.launches; });
  // Threads and blocks in falling order: no result may depend on it.
  library.def("run_backwards(bool backwards) -> ()", [](bool backwards) { advprop::cuda::emulation::block.backwards = backwards; });
  library.def("make_mistake(int mistake) -> Tensor", &advprop::cuda::makeMistake);
}

// Loading the module registers the operators; it has no functions of its own.
NAPI_MODULE_INIT() { return exports; }
