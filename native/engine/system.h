// Versions, threads and memory of the process.
#pragma once
#include "environment.h"

namespace advprop {

/// (class): the class of the errors that end a run, with a constructor (code, message).
napi_value setRunError(Environment& environment, const Arguments& arguments);
/// () -> { torch, cuda, cudaKernels, threads }
napi_value engineInfo(Environment& environment, const Arguments& arguments);
/// (count): threads inside one operator
napi_value setThreads(Environment& environment, const Arguments& arguments);
/// () -> { liveTensors, scopes, liveBytes, peakBytes, reservedBytes, limitBytes }
napi_value memoryStats(Environment& environment, const Arguments& arguments);
/// (bytes): 0 for no limit
napi_value setMemoryLimit(Environment& environment, const Arguments& arguments);
/// (): resets the peak to what is in use now
napi_value resetPeak(Environment& environment, const Arguments& arguments);
/// (): gives cached memory back to the system
napi_value releaseCachedMemory(Environment& environment, const Arguments& arguments);

}  // namespace advprop
