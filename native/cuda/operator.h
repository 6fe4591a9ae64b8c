// What the operators over the kernels of this folder share. They are compiled in two forms: with CUDA, where they take the place
// of the CPU operators for tensors of a GPU, and as a library for tests, where the kernels run emulated on CPU tensors.
#pragma once
#include <ATen/ATen.h>
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

/// What a case without a kernel goes through: libtorch's operators; in emulation, which is there for the kernels, nowhere.
inline void leaveToLibtorch() {
#ifdef ADVPROP_EMULATED
  TORCH_CHECK(false, "no kernel takes these tensors");
#endif
}

}  // namespace advprop::cuda
