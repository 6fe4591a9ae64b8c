// libtorch is built with NDEBUG. Without it, its header would check a flag that only a debug build of libtorch sets.
#ifndef NDEBUG
#define NDEBUG
#endif
#include "profiler.h"

#include <ATen/record_function.h>
#ifdef ADVPROP_CUDA
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#endif

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "engine/compat.h"
#include "operator_work.h"
#include "profiled_kernel.h"

namespace advprop {

namespace {

using Clock = std::chrono::steady_clock;

/// A line of the profile.
struct Row {
  int64_t calls = 0;
  double seconds = 0, flops = 0, readBytes = 0, writtenBytes = 0;
  bool convolution = false;
  /// Whether operators inside of it count as part of it. This is so for all rows but graph nodes that run libtorch's operators.
  bool whole = true;
};

using Entry = std::pair<const std::string, Row>;

#ifdef ADVPROP_CUDA
/// A point in the work of a GPU. Its time is known when the GPU has reached it.
struct DeviceMoment {
  DeviceMoment() {
    cudaEvent_t made;
    TORCH_CHECK(cudaEventCreate(&made) == cudaSuccess, "profile: no CUDA event");
    event.reset(made, cudaEventDestroy);
    cudaEventRecord(made, c10::cuda::getCurrentCUDAStream());
  }
  double secondsUntil(const DeviceMoment& later) const {
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, event.get(), later.event.get());
    return milliseconds / 1e3;
  }
  std::shared_ptr<std::remove_pointer_t<cudaEvent_t>> event;
};
void waitForDevice() { c10::cuda::getCurrentCUDAStream().synchronize(); }
#else
struct DeviceMoment {
  double secondsUntil(const DeviceMoment&) const { return 0; }
};
void waitForDevice() {}
#endif

/// An operator that is running.
struct Frame {
  Entry* entry;
  bool owner;    // whether it has its own row, and does not share that of the operator around it
  bool counted;  // whether its arithmetic has been counted, so that operators inside must not count theirs
  Clock::time_point start = Clock::now();
  std::optional<DeviceMoment> began = {};
};

/// A span of GPU time. It is added to its own row and subtracted from that of the operator around it.
struct DeviceSpan {
  Entry *entry, *around;
  DeviceMoment began, ended;
};

struct Profile {
  bool onDevice;
  std::map<std::string, Row> rows = {};
  std::vector<Frame> stack = {};
  std::vector<DeviceSpan> spans = {};
  at::CallbackHandle functions = 0, nodes = 0;
};

// Kernels divide their work among threads, but an operator begins and ends on the thread that called it. The backward pass of a GPU runs on
// another thread, which the caller waits for and which inherits its callbacks.
std::unique_ptr<Profile> running;

bool isProfiled() { return at::hasThreadLocalCallbacks() && running != nullptr; }  // other threads must not look

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }
bool beginsWith(const std::string& text, const char* part) { return text.rfind(part, 0) == 0; }

bool isConvolution(const std::string& name) { return contains(name, "conv") || contains(name, "Convolution"); }

/// Whether an operator has its own row even inside another operator: convolutions, because their share is reported, and our operators.
bool standsOut(const std::string& name, const Entry& around) {
  if (around.second.convolution) return false;
  return isConvolution(name) || beginsWith(name, "advprop::");
}

void begin(Entry& entry, bool owner, bool counted) {
  running->stack.push_back({&entry, owner, counted});
  if (running->onDevice) running->stack.back().began.emplace();
}

void push(const std::string& name, bool whole) {
  const Frame* around = running->stack.empty() ? nullptr : &running->stack.back();
  const bool counted = around != nullptr && around->counted;
  if (around != nullptr && around->entry->second.whole && !standsOut(name, *around->entry)) {
    begin(*around->entry, false, counted);
    return;
  }
  Entry& entry = *running->rows.try_emplace(name).first;
  entry.second.calls += 1;
  entry.second.convolution = whole && isConvolution(name);
  entry.second.whole = whole;
  begin(entry, true, counted);
}

void spend(Entry* entry, Entry* around, double seconds) {
  entry->second.seconds += seconds;
  if (around != nullptr) around->second.seconds -= seconds;
}

void pop() {
  const Frame frame = running->stack.back();
  running->stack.pop_back();
  Entry* const around = running->stack.empty() ? nullptr : running->stack.back().entry;
  if (frame.began.has_value()) running->spans.push_back({frame.entry, around, *frame.began, DeviceMoment()});
  else spend(frame.entry, around, std::chrono::duration<double>(Clock::now() - frame.start).count());
}

using Context = std::unique_ptr<at::ObserverContext>;

/// What is noted at the start of an operator for its end.
struct Started : at::ObserverContext {
  double flops = 0, flopsOfResult = 0, readBytes = 0;
};

Context startFunction(const at::RecordFunction& function) {
  if (!running) return nullptr;
  const std::string name = function.name();
  auto started = std::make_unique<Started>();
  if (beginsWith(name, "autograd::")) {
    push("autograd", /*whole=*/false);
    return started;
  }
  const OperatorWork work = workOf(name, function.inputs());
  push(name + work.detail, /*whole=*/true);
  Frame& frame = running->stack.back();
  if (!frame.counted) {
    started->flops = work.flops;
    started->flopsOfResult = work.flopsOfResult;
    frame.counted = work.flops + work.flopsOfResult > 0;
  }
  started->readBytes = tensorBytes(function.inputs());
  return started;
}

/// "torch::autograd::CppNode<advprop::(anonymous namespace)::Normalize>" to "Normalize backward"; empty for another name.
std::string ownNode(const std::string& name) {
  if (!beginsWith(name, "torch::autograd::CppNode<")) return "";
  const size_t begin = name.rfind(':') + 1;
  return name.substr(begin, name.rfind('>') - begin) + " backward";
}

/// A graph node of libtorch runs operators, which get rows of their own. A node of ours does the work itself, so it is one row.
Context startNode(const at::RecordFunction& function) {
  if (!running) return nullptr;
  const std::string own = ownNode(function.name());
  push(own.empty() ? "autograd" : own, /*whole=*/!own.empty());
  return std::make_unique<Started>();
}

void finish(const at::RecordFunction& function, at::ObserverContext* context) {
  if (!running || context == nullptr || running->stack.empty()) return;
  const auto* started = static_cast<const Started*>(context);
  const Frame& frame = running->stack.back();
  if (function.scope() == at::RecordScope::FUNCTION) {
    const Values results(function.outputs().data(), function.outputs().size());
    Row& row = frame.entry->second;
    row.flops += started->flops + started->flopsOfResult * elementsOfFirst(results);
    if (frame.owner) {
      row.readBytes += started->readBytes;
      row.writtenBytes += tensorBytes(results);
    }
  }
  pop();
}

}  // namespace

ProfiledKernel::ProfiledKernel(const char* name, double flops, double readBytes, double writtenBytes) : active_(isProfiled()) {
  if (!active_) return;
  Entry& entry = *running->rows.try_emplace(name).first;
  entry.second.calls += 1;
  entry.second.flops += flops;
  entry.second.readBytes += readBytes;
  entry.second.writtenBytes += writtenBytes;
  entry.second.convolution = isConvolution(entry.first);
  begin(entry, true, true);
}

ProfiledKernel::~ProfiledKernel() {
  if (active_ && running) pop();
}

napi_value startProfile(Environment& environment, const Arguments& arguments) {
  if (running) throw UserError("ERR_PROFILE", "startProfile: a profile is running already");
  running = std::make_unique<Profile>(Profile{toBoolean(environment, arguments[0], "onDevice")});
  running->functions = at::addThreadLocalCallback(
      at::RecordFunctionCallback(startFunction, finish).needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION}));
  // Inputs are not asked for: with one more reference to a gradient, libtorch would copy it.
  running->nodes = at::addThreadLocalCallback(at::RecordFunctionCallback(startNode, finish).scopes({at::RecordScope::BACKWARD_FUNCTION}));
  return undefined(environment);
}

napi_value stopProfile(Environment& environment, const Arguments&) {
  if (!running) throw UserError("ERR_PROFILE", "stopProfile: no profile is running");
  at::removeCallback(running->functions);
  at::removeCallback(running->nodes);
  const std::unique_ptr<Profile> profile = std::move(running);
  if (profile->onDevice) waitForDevice();
  for (const DeviceSpan& span : profile->spans) spend(span.entry, span.around, span.began.secondsUntil(span.ended));
  napi_value array;
  check(environment, napi_create_array_with_length(environment.env, profile->rows.size(), &array));
  uint32_t i = 0;
  for (const auto& [name, row] : profile->rows) {
    napi_value object;
    check(environment, napi_create_object(environment.env, &object));
    setProperty(environment, object, "name", fromString(environment, name));
    setProperty(environment, object, "calls", fromNumber(environment, static_cast<double>(row.calls)));
    setProperty(environment, object, "ms", fromNumber(environment, 1e3 * row.seconds));
    setProperty(environment, object, "flops", fromNumber(environment, row.flops));
    setProperty(environment, object, "readBytes", fromNumber(environment, row.readBytes));
    setProperty(environment, object, "writtenBytes", fromNumber(environment, row.writtenBytes));
    setProperty(environment, object, "convolution", fromBoolean(environment, row.convolution));
    check(environment, napi_set_element(environment.env, array, i++, object));
  }
  return array;
}

}  // namespace advprop
