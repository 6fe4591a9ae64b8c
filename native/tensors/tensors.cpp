#include "tensors.h"

#include "packed_weights.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace advprop {

namespace {

/// "cpu", "cuda" or "cuda:1". Without CUDA, libtorch's own error would only name a missing part of libtorch, so this is checked before.
c10::Device toDevice(const std::string& name) {
  const c10::Device device(name);
  if (device.is_cuda() && !at::hasCUDA()) {
    throw UserError("ERR_DEVICE", "device " + name + " needs a libtorch with CUDA and a GPU that it can use. See: npx advprop doctor");
  }
  return device;
}

/// Copies with all threads if there is much to copy: a GPU takes data faster than one thread can copy it.
void copyBytes(char* to, const char* from, size_t bytes) {
  constexpr int64_t kGrain = 1 << 20;
  at::parallel_for(0, static_cast<int64_t>(bytes), kGrain, [=](int64_t begin, int64_t end) { std::memcpy(to + begin, from + begin, end - begin); });
}

}  // namespace

napi_value tensorFromBytes(Environment& environment, const Arguments& arguments) {
  environment.running = "fromArray";
  bool isTyped = false;
  check(environment, napi_is_typedarray(environment.env, arguments[0], &isTyped));
  if (!isTyped) throw UserError("ERR_ARGUMENT", "data must be a typed array");
  std::vector<int64_t> shape;
  size_t needed = 1;
  bool overflow = false;
  for (napi_value item : toArray(environment, arguments[1], "shape")) {
    shape.push_back(toInteger(environment, item, "shape"));
    if (shape.back() < 0) throw UserError("ERR_SHAPE", "shape must not be negative; got " + std::to_string(shape.back()));
    overflow |= __builtin_mul_overflow(needed, static_cast<size_t>(shape.back()), &needed);
  }
  const at::ScalarType dtype = toScalarType(toString(environment, arguments[2], "dtype"));
  overflow |= __builtin_mul_overflow(needed, c10::elementSize(dtype), &needed);

  // Last, because reading the shape may run JavaScript, which may move the data.
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  check(environment, napi_get_typedarray_info(environment.env, arguments[0], &type, &length, &data, nullptr, nullptr));
  static constexpr size_t kElementBytes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  if (static_cast<size_t>(type) >= std::size(kElementBytes)) throw UserError("ERR_ARGUMENT", "data is a typed array of an unknown kind");
  const size_t bytes = length * kElementBytes[type];
  if (overflow || needed != bytes) {
    throw UserError("ERR_SHAPE", "shape and dtype need " + (overflow ? std::string("too many") : std::to_string(needed)) + " bytes; the data has " + std::to_string(bytes));
  }
  const c10::Device device = toDevice(toString(environment, arguments[3], "device"));
  // A GPU copies from page-locked memory while the program goes on. libtorch uses the memory again after the GPU has read it.
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype).pinned_memory(device.is_cuda()));
  if (dtype == at::kBool) {
    std::transform(static_cast<uint8_t*>(data), static_cast<uint8_t*>(data) + bytes, tensor.data_ptr<bool>(), [](uint8_t byte) { return byte != 0; });
  } else if (bytes > 0) {
    copyBytes(static_cast<char*>(tensor.data_ptr()), static_cast<const char*>(data), bytes);
  }
  if (!device.is_cpu()) tensor = tensor.to(device, /*non_blocking=*/true);
  environment.running.clear();
  return fromTensor(environment, std::move(tensor));
}

napi_value tensorToBytes(Environment& environment, const Arguments& arguments) {
  const at::Tensor tensor = toTensor(environment, arguments[0], "tensor").detach().cpu().contiguous();
  void* data = nullptr;
  napi_value buffer;
  check(environment, napi_create_arraybuffer(environment.env, tensor.nbytes(), &data, &buffer));
  if (tensor.nbytes() > 0) std::memcpy(data, tensor.data_ptr(), tensor.nbytes());
  return buffer;
}

namespace {
napi_value fromIntegers(Environment& environment, at::IntArrayRef values) {
  napi_value array;
  check(environment, napi_create_array_with_length(environment.env, values.size(), &array));
  for (size_t i = 0; i < values.size(); ++i) check(environment, napi_set_element(environment.env, array, i, fromNumber(environment, static_cast<double>(values[i]))));
  return array;
}
}  // namespace

// One function for each fact: most callers need only the dtype, and everything that is returned becomes garbage in JavaScript.

napi_value tensorShape(Environment& environment, const Arguments& arguments) {
  return fromIntegers(environment, toTensor(environment, arguments[0], "tensor").sizes());
}

napi_value tensorStrides(Environment& environment, const Arguments& arguments) {
  return fromIntegers(environment, toTensor(environment, arguments[0], "tensor").strides());
}

napi_value tensorDtype(Environment& environment, const Arguments& arguments) {
  return fromString(environment, scalarTypeName(toTensor(environment, arguments[0], "tensor").scalar_type()));
}

napi_value tensorDevice(Environment& environment, const Arguments& arguments) {
  return fromString(environment, toTensor(environment, arguments[0], "tensor").device().str());
}

napi_value tensorRequiresGradient(Environment& environment, const Arguments& arguments) {
  return fromBoolean(environment, toTensor(environment, arguments[0], "tensor").requires_grad());
}

napi_value tensorVersion(Environment& environment, const Arguments& arguments) {
  return fromNumber(environment, static_cast<double>(toTensor(environment, arguments[0], "tensor")._version()));
}

napi_value tensorItem(Environment& environment, const Arguments& arguments) {
  const at::Tensor& tensor = toTensor(environment, arguments[0], "tensor");
  if (tensor.numel() != 1) throw UserError("ERR_SHAPE", "item: the tensor must have one element; got " + std::to_string(tensor.numel()));
  return fromNumber(environment, tensor.item().toDouble());
}

napi_value disposeTensor(Environment& environment, const Arguments& arguments) {
  environment.tensors.dispose(toHandle(environment, arguments[0], "tensor"));
  freeUnusedPackedWeights();
  return undefined(environment);
}

napi_value isAlive(Environment& environment, const Arguments& arguments) {
  return fromBoolean(environment, environment.tensors.alive(toHandle(environment, arguments[0], "tensor")));
}

napi_value keepTensor(Environment& environment, const Arguments& arguments) {
  environment.tensors.keep(toHandle(environment, arguments[0], "tensor"));
  return undefined(environment);
}

napi_value beginScope(Environment& environment, const Arguments&) {
  environment.tensors.beginScope();
  return undefined(environment);
}

napi_value endScope(Environment& environment, const Arguments& arguments) {
  std::vector<Handle> kept;
  bool several = false;
  check(environment, napi_is_array(environment.env, arguments[0], &several));
  if (several) {
    for (napi_value item : toArray(environment, arguments[0], "kept")) kept.push_back(toHandle(environment, item, "kept"));
  } else if (!isMissing(environment, arguments[0])) {
    kept.push_back(toHandle(environment, arguments[0], "kept"));
  }
  environment.tensors.endScope(kept);
  return undefined(environment);
}

}  // namespace advprop
