// CUDA in plain C++, so that the results of kernels can be tested without a GPU. Each thread of a block is a fiber, and blocks run one after
// another. It also finds mistakes that a GPU would not report: unaligned vectors, and barriers that some threads of a block do not reach.
// Shared memory begins as NaN, and threads can run in either order, so that a missing barrier changes the result.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __syncthreads() ::advprop::cuda::emulation::barrier(__LINE__)
#define SHARED(type, name, count) type* name = ::advprop::cuda::emulation::shared<type>(count)
#define LAUNCH(kernel, blocks, threads, stream, ...) \
  ((void)(stream), ::advprop::cuda::emulation::launch(blocks, threads, [=] { kernel(__VA_ARGS__); }))

struct dim3 {
  dim3(int64_t x_ = 1, int64_t y_ = 1) : x(static_cast<unsigned>(x_)), y(static_cast<unsigned>(y_)) {}
  unsigned x, y;
};
inline dim3 blockIdx, threadIdx;

inline float __uint_as_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline uint32_t __float_as_uint(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float x, float y) { return x / y; }

namespace advprop::cuda::emulation {

struct Fiber {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(1 << 16);
  bool done = false;
  int line = 0;          // of the barrier that it waits at
  size_t sharedSeen = 0;  // shared arrays that it has asked for
};

/// The block that is running.
struct Block {
  ucontext_t scheduler;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<std::vector<char>> shared;
  std::function<void()> kernel;
  std::string failure;
  Fiber* running = nullptr;
  bool backwards = false;  // threads and blocks in falling order
  int64_t launches = 0;    // kernels started so far
};
inline Block block;

/// Ends the thread's work; the launch then throws.
inline void fail(const std::string& message) {
  block.failure = message;
  swapcontext(&block.running->context, &block.scheduler);
}

inline void barrier(int line) {
  block.running->line = line;
  swapcontext(&block.running->context, &block.scheduler);
}

/// The block's array number n, where this is the n-th that the thread asks for. All its bytes are 0xff: NaN.
template <typename T>
T* shared(size_t count) {
  const size_t number = block.running->sharedSeen++;
  if (number == block.shared.size()) block.shared.emplace_back(count * sizeof(T), '\xff');
  return reinterpret_cast<T*>(block.shared[number].data());
}

/// Returns the address after checking that a vector of this many bytes is aligned there.
inline void checkAligned(const void* address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) fail("a vector of " + std::to_string(bytes) + " bytes is not aligned");
}

inline void fiberMain() {
  block.kernel();
  block.running->done = true;
}

/// Lets every thread run to its next barrier or to its end.
inline void runToBarrier(int threads) {
  int ended = 0, line = -1;
  for (int i = 0; i < threads && block.failure.empty(); ++i) {
    const int thread = block.backwards ? threads - 1 - i : i;
    block.running = block.fibers[thread].get();
    threadIdx = dim3(thread);
    swapcontext(&block.scheduler, &block.running->context);
    if (block.running->done) ++ended;
    else if (line >= 0 && line != block.running->line) block.failure = "the threads of a block wait at different barriers";
    else line = block.running->line;
  }
  if (block.failure.empty() && ended != 0 && ended != threads) block.failure = "some threads of a block never reach a barrier";
}

inline void runBlock(int threads) {
  block.shared.clear();
  for (int i = 0; i < threads; ++i) {
    if (static_cast<int>(block.fibers.size()) == i) block.fibers.push_back(std::make_unique<Fiber>());
    Fiber& fiber = *block.fibers[i];
    fiber.done = false;
    fiber.sharedSeen = 0;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = &block.scheduler;
    makecontext(&fiber.context, fiberMain, 0);
  }
  while (!block.fibers[0]->done && block.failure.empty()) runToBarrier(threads);
}

/// Runs every thread of every block. @throws std::runtime_error the kernel did what a GPU does not allow
inline int launch(dim3 blocks, int threads, std::function<void()> kernel) {
  ++block.launches;
  block.kernel = std::move(kernel);
  block.failure.clear();
  const int64_t count = static_cast<int64_t>(blocks.x) * blocks.y;
  for (int64_t i = 0; i < count && block.failure.empty(); ++i) {
    const int64_t number = block.backwards ? count - 1 - i : i;
    blockIdx = dim3(number % blocks.x, number / blocks.x);
    runBlock(threads);
  }
  if (!block.failure.empty()) throw std::runtime_error("emulated kernel: " + block.failure);
  return 0;
}

}  // namespace advprop::cuda::emulation
