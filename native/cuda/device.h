// The language of the kernels in this folder: CUDA, or without its compiler an emulation on the CPU (emulation.h).
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>

/// Memory that the threads of a block share: an array of `count` values, of unknown content, aligned to 16 bytes.
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
/// Starts a kernel on a stream, and returns CUDA's error code, 0 for none. The kernel must be in parentheses.
#define LAUNCH(kernel, blocks, threads, stream, ...) \
  (kernel<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__), static_cast<int>(cudaGetLastError()))
#else
#include "emulation.h"
#endif

namespace advprop::cuda {

/// Threads of a block, in every kernel of this folder.
constexpr int kThreads = 256;

/// Blocks of kThreads that give each of `count` items a thread.
inline int64_t blocksFor(int64_t count) { return (count + kThreads - 1) / kThreads; }

/// The number of this thread in a grid of one dimension.
__device__ inline int64_t threadNumber() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

}  // namespace advprop::cuda
