// What the operators over the kernels of this folder share. They take the place of the operators of the CPU at the key
// of gradients, which comes before that of all devices where those are. Compiled in two forms: with CUDA, for tensors of a GPU;
// and as a module for tests, where the kernels run emulated on CPU tensors.
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
/// Makes the tensor's GPU the current one, and names the stream that its operators run in.
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

/// What a case without a kernel goes through: the operator of the CPU, which composes libtorch's for tensors of any
/// device. `Operator` is the type of the function that takes its place.
template <typename Operator, typename... Arguments>
auto composed(const char* name, const Arguments&... arguments) {
  // It is registered for every key, so that the key of any device without an operator of its own leads to it.
  const c10::DispatchKeySet anyDevice(c10::DispatchKey::AutogradXPU);
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Operator>().redispatch(anyDevice, arguments...);
}

/// Convolutions whose arguments were checked. Undefined where there is no kernel for them.
at::Tensor depthwiseConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);
at::Tensor firstConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride, at::IntArrayRef padding);

/// Put operators in the place of others of the same names: those of the files of these names.
void registerLayers(torch::Library& library);
void registerConvolution(torch::Library& library);
void registerMaxPool(torch::Library& library);
void registerSqueezeExcitation(torch::Library& library);
void registerSteps(torch::Library& library);

}  // namespace advprop::cuda
