// What the operators of this folder have in common. They are registered at the dispatcher's key of gradients, which comes before the key of
// all devices, so that they replace the operators of the CPU. They are compiled in two forms: with CUDA, for tensors of a GPU; and as a
// module for tests, where the kernels run in emulation on CPU tensors.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "launch.h"

#ifndef ADVPROP_EMULATED
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace advprop::cuda {

#ifdef ADVPROP_EMULATED
inline bool isOurs(const at::Tensor& x) { return x.device().is_cpu(); }
struct Launch {
  explicit Launch(const at::Tensor&) {}
  void* const stream = nullptr;
};
inline const char* messageOf(int) { return "emulated"; }
#else
inline bool isOurs(const at::Tensor& x) { return x.is_cuda(); }
/// Makes the tensor's GPU the current one, and gives the stream of its operators.
struct Launch {
  explicit Launch(const at::Tensor& x) : guard(x.device()), stream(c10::cuda::getCurrentCUDAStream(x.device().index()).stream()) {}
  const c10::cuda::CUDAGuard guard;
  void* const stream;
};
inline const char* messageOf(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
#endif

/// @throws a launch failed
inline void check(int error, const char* what) { TORCH_CHECK(error == 0, what, ": ", messageOf(error)); }

/// Whether kernels take the tensor's dtype.
inline bool isKernelDtype(const at::Tensor& x) { return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16; }
inline int dtypeCode(at::ScalarType dtype) { return dtype == at::kFloat ? 0 : 1; }

/// float32 values on the tensor's device, of unknown content.
inline at::Tensor floats(at::IntArrayRef shape, const at::Tensor& like) { return at::empty(shape, like.options().dtype(at::kFloat)); }

/// The elements, or null where there is no tensor.
inline void* dataOf(const at::Tensor& x) { return x.defined() ? x.data_ptr() : nullptr; }
inline float* floatsOf(const at::Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }

/// For cases without a kernel: calls the CPU's operator, which uses libtorch's operators for tensors of any device. `Operator` is the type of
/// the function that replaces it.
template <typename Operator, typename... Arguments>
auto composed(const char* name, const Arguments&... arguments) {
  // It is registered for every key, so any device key without its own operator leads to it.
  const c10::DispatchKeySet anyDevice(c10::DispatchKey::AutogradXPU);
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Operator>().redispatch(anyDevice, arguments...);
}

/// Convolutions with arguments that were checked. The result is undefined if there is no kernel for them.
at::Tensor depthwiseConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);
at::Tensor firstConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);

/// Each replaces the operators of the same names by those of the file that it is named after.
void registerLayers(torch::Library& library);
void registerConvolution(torch::Library& library);
void registerMaxPool(torch::Library& library);
void registerSqueezeExcitation(torch::Library& library);
void registerSteps(torch::Library& library);

}  // namespace advprop::cuda
