// The Node-API module: the list of all functions that JavaScript can call.
#include "call.h"
#include "distributed/functions.h"
#include "environment.h"
#include "gradients/autograd.h"
#include "gradients/recompute.h"
#include "graph.h"
#include "operators.h"
#include "profile/disabled_kernels.h"
#include "profile/profiler.h"
#include "system.h"
#include "tensors/allocator.h"
#include "tensors/tensors.h"

namespace advprop {

namespace {

napi_value initialize(napi_env env, napi_value exports) {
  installAllocator();
  at::globalContext().setAllowTF32CuDNN(false);  // "fp32" must be float32, not TF32
  at::globalContext().setBenchmarkCuDNN(true);  // cuDNN measures its algorithms for each shape in the first step
  auto* environment = new Environment{env};
  try {
    readDisabledKernels();
    check(*environment, napi_set_instance_data(
                            env, environment, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr));
    // JavaScript's Tensor objects carry their handle under this symbol.
    napi_value description, key;
    check(*environment, napi_create_string_utf8(env, "handle", NAPI_AUTO_LENGTH, &description));
    check(*environment, napi_create_symbol(env, description, &key));
    check(*environment, napi_create_reference(env, key, 1, &environment->handleKey));
    setProperty(*environment, exports, "handleKey", key);

    const struct {
      const char* name;
      napi_callback callback;
    } functions[] = {
        {"findOperator", guarded<findOperator>},
        {"callOperator", guarded<callOperator>},
        {"schemaFaults", guarded<schemaFaults>},
        {"setRequiresGrad", guarded<setRequiresGrad>},
        {"gradients", guarded<gradients>},
        {"accumulateGradients", guarded<accumulateGradients>},
        {"storedGradient", guarded<storedGradient>},
        {"clearGradients", guarded<clearGradients>},
        {"recompute", guarded<recompute>},
        {"storeGradients", guarded<storeGradients>},
        {"beginCapture", guarded<beginCapture>},
        {"endCapture", guarded<endCapture>},
        {"replayGraph", guarded<replayGraph>},
        {"disposeGraph", guarded<disposeGraph>},
        {"fromBytes", guarded<tensorFromBytes>},
        {"toBytes", guarded<tensorToBytes>},
        {"shape", guarded<tensorShape>},
        {"strides", guarded<tensorStrides>},
        {"dtype", guarded<tensorDtype>},
        {"device", guarded<tensorDevice>},
        {"requiresGradient", guarded<tensorRequiresGradient>},
        {"version", guarded<tensorVersion>},
        {"item", guarded<tensorItem>},
        {"dispose", guarded<disposeTensor>},
        {"isAlive", guarded<isAlive>},
        {"keep", guarded<keepTensor>},
        {"beginScope", guarded<beginScope>},
        {"endScope", guarded<endScope>},
        {"setRunError", guarded<setRunError>},
        {"engineInfo", guarded<engineInfo>},
        {"setThreads", guarded<setThreads>},
        {"memoryStats", guarded<memoryStats>},
        {"setMemoryLimit", guarded<setMemoryLimit>},
        {"resetPeak", guarded<resetPeak>},
        {"releaseCachedMemory", guarded<releaseCachedMemory>},
        {"startProfile", guarded<startProfile>},
        {"stopProfile", guarded<stopProfile>},
        {"joinGroup", guarded<joinGroup>},
        {"leaveGroup", guarded<leaveGroup>},
        {"failGroup", guarded<failGroup>},
        {"checkGroup", guarded<checkGroup>},
        {"groupStats", guarded<groupStats>},
        {"startSum", guarded<startSum>},
        {"finishSum", guarded<finishSum>},
        {"broadcastTensors", guarded<broadcastTensors>},
        {"makeBuckets", guarded<makeBuckets>},
        {"followBuckets", guarded<followBuckets>},
        {"startBuckets", guarded<startBuckets>},
        {"finishBuckets", guarded<finishBuckets>},
        {"disposeBuckets", guarded<disposeBuckets>},
    };
    for (const auto& function : functions) {
      napi_value value;
      check(*environment, napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.callback, nullptr, &value));
      setProperty(*environment, exports, function.name, value);
    }
  } catch (...) {
    rethrowAsJavaScript(*environment);
  }
  return exports;
}

}  // namespace

}  // namespace advprop

NAPI_MODULE_INIT() { return advprop::initialize(env, exports); }
