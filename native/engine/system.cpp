#include "system.h"

#include <ATen/Parallel.h>

#include "compat.h"
#include "tensors/allocator.h"
#include "tensors/packed_weights.h"

namespace advprop {

napi_value setRunError(Environment& environment, const Arguments& arguments) {
  check(environment, napi_create_reference(environment.env, arguments[0], 1, &environment.runError));
  return undefined(environment);
}

napi_value engineInfo(Environment& environment, const Arguments&) {
  napi_value object;
  check(environment, napi_create_object(environment.env, &object));
  setProperty(environment, object, "torch", fromString(environment, TORCH_VERSION));
  setProperty(environment, object, "cuda", fromBoolean(environment, at::hasCUDA()));
#ifdef ADVPROP_CUDA
  setProperty(environment, object, "cudaKernels", fromBoolean(environment, true));
#else
  setProperty(environment, object, "cudaKernels", fromBoolean(environment, false));
#endif
  setProperty(environment, object, "threads", fromNumber(environment, at::get_num_threads()));
  return object;
}

napi_value setThreads(Environment& environment, const Arguments& arguments) {
  const int64_t count = toInteger(environment, arguments[0], "threads");
  if (count < 1 || count > 1024) throw UserError("ERR_THREADS", "threads must be between 1 and 1024; got " + std::to_string(count));
  at::set_num_threads(static_cast<int>(count));
  return undefined(environment);
}

napi_value memoryStats(Environment& environment, const Arguments&) {
  freeUnusedPackedWeights();
  const AllocatorStats stats = allocatorStats();
  napi_value object;
  check(environment, napi_create_object(environment.env, &object));
  setProperty(environment, object, "liveTensors", fromNumber(environment, static_cast<double>(environment.tensors.live())));
  setProperty(environment, object, "scopes", fromNumber(environment, static_cast<double>(environment.tensors.depth())));
  setProperty(environment, object, "liveBytes", fromNumber(environment, static_cast<double>(stats.live)));
  setProperty(environment, object, "peakBytes", fromNumber(environment, static_cast<double>(stats.peak)));
  setProperty(environment, object, "reservedBytes", fromNumber(environment, static_cast<double>(stats.reserved)));
  setProperty(environment, object, "limitBytes", fromNumber(environment, static_cast<double>(stats.limit)));
  return object;
}

napi_value setMemoryLimit(Environment& environment, const Arguments& arguments) {
  const int64_t bytes = toInteger(environment, arguments[0], "memory limit");
  if (bytes < 0) throw UserError("ERR_MEMORY_LIMIT", "the memory limit must not be negative; got " + std::to_string(bytes));
  setAllocatorLimit(static_cast<size_t>(bytes));
  return undefined(environment);
}

napi_value resetPeak(Environment& environment, const Arguments&) {
  resetAllocatorPeak();
  return undefined(environment);
}

napi_value releaseCachedMemory(Environment& environment, const Arguments&) {
  releaseAllocatorCache();
  return undefined(environment);
}

}  // namespace advprop
