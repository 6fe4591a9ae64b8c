#include "graph.h"

#ifdef ADVPROP_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#include <memory>

#include "tensors/packed_weights.h"
#endif

namespace advprop {

#ifdef ADVPROP_CUDA

namespace {

// The thread's graphs by number. One that JavaScript does not dispose of stays until the thread ends.
thread_local std::map<int64_t, std::unique_ptr<at::cuda::CUDAGraph>> graphs;
thread_local std::unique_ptr<at::cuda::CUDAGraph> capturing;
thread_local int64_t made = 0;

at::cuda::CUDAGraph& graphOf(Environment& environment, napi_value number) {
  const auto found = graphs.find(toInteger(environment, number, "graph"));
  if (found == graphs.end()) throw UserError("ERR_ARGUMENT", "there is no such graph");
  return *found->second;
}

}  // namespace

napi_value beginCapture(Environment& environment, const Arguments& arguments) {
  const c10::Device device(toString(environment, arguments[0], "device"));
  if (capturing) throw UserError("ERR_ARGUMENT", "a graph is being captured already");
  c10::cuda::set_device(device.index());
  c10::cuda::device_synchronize();
  // The default stream cannot be captured. The thread stays on the new stream afterwards, so that its tensors need not change streams.
  if (c10::cuda::getCurrentCUDAStream() == c10::cuda::getDefaultCUDAStream()) {
    c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index()));
  }
  c10::cuda::CUDACachingAllocator::emptyCache();  // the graph has memory of its own
  forgetPackedWeights();
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  graph->capture_begin();
  capturing = std::move(graph);
  return undefined(environment);
}

napi_value endCapture(Environment& environment, const Arguments&) {
  if (!capturing) throw UserError("ERR_ARGUMENT", "no graph is being captured");
  std::unique_ptr<at::cuda::CUDAGraph> graph = std::move(capturing);
  forgetPackedWeights();
  graph->capture_end();
  graphs.emplace(++made, std::move(graph));
  return fromNumber(environment, static_cast<double>(made));
}

napi_value replayGraph(Environment& environment, const Arguments& arguments) {
  graphOf(environment, arguments[0]).replay();
  return undefined(environment);
}

napi_value disposeGraph(Environment& environment, const Arguments& arguments) {
  graphOf(environment, arguments[0]);
  c10::cuda::device_synchronize();
  graphs.erase(toInteger(environment, arguments[0], "graph"));
  return undefined(environment);
}

#else

namespace {
[[noreturn]] void refuse() { throw UserError("ERR_DEVICE", "CUDA graphs need an engine that was built with ADVPROP_CUDA=ON"); }
}  // namespace

napi_value beginCapture(Environment&, const Arguments&) { refuse(); }
napi_value endCapture(Environment&, const Arguments&) { refuse(); }
napi_value replayGraph(Environment&, const Arguments&) { refuse(); }
napi_value disposeGraph(Environment&, const Arguments&) { refuse(); }

#endif

}  // namespace advprop
