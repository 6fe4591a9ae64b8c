// The Node-API module photos.node, without libtorch. Only src/images/native.ts calls it, so a wrong argument is a mistake in this program. It is
// refused to protect memory, with a short message.
#include <node_api.h>

#include <array>
#include <stdexcept>
#include <string>

#include "jpeg.h"
#include "resize.h"

namespace photos {

namespace {

/// The state of one JavaScript thread.
struct Memory {
  Scratch resize;
  JpegScratch jpeg;
};

void check(napi_status status) {
  if (status != napi_ok) throw std::invalid_argument("photos.node: wrong arguments");
}

void require(bool condition, const char* rule) {
  if (!condition) throw std::invalid_argument(std::string("photos.node: ") + rule);
}

struct Bytes {
  uint8_t* data;
  size_t length;
};

Bytes toBytes(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  check(napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  require(type == napi_uint8_array || type == napi_uint8_clamped_array, "bytes are wanted");
  return {static_cast<uint8_t*>(data), length};
}

int toInteger(napi_env env, napi_value value) {
  int32_t result;
  check(napi_get_value_int32(env, value, &result));
  return result;
}

int property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(napi_get_named_property(env, object, name, &value));
  return toInteger(env, value);
}

Size toSize(napi_env env, napi_value value) {
  const Size size{property(env, value, "width"), property(env, value, "height")};
  require(size.width > 0 && size.height > 0, "a size must be positive");
  return size;
}

Region toRegion(napi_env env, napi_value value) {
  const Size size = toSize(env, value);
  return {property(env, value, "left"), property(env, value, "top"), size.width, size.height};
}

bool contains(const Size& size, const Region& region) {
  return region.left >= 0 && region.top >= 0 && region.width <= size.width - region.left &&
         region.height <= size.height - region.top;
}

template <size_t N>
std::array<napi_value, N> argumentsOf(napi_env env, napi_callback_info info) {
  std::array<napi_value, N> values;
  size_t count = N;
  check(napi_get_cb_info(env, info, &count, values.data(), nullptr, nullptr));
  require(count == N, "an argument is missing");
  return values;
}

/// region, size, window, filter, mirrored, target: the last arguments of both functions below.
struct Output {
  Output(napi_env env, const napi_value* values)
      : region(toRegion(env, values[0])), size(toSize(env, values[1])), window(toRegion(env, values[2])) {
    filter = toInteger(env, values[3]) == 0 ? &BILINEAR : &BICUBIC;
    check(napi_get_value_bool(env, values[4], &mirrored));
    target = toBytes(env, values[5]);
    require(contains(size, window), "the window must lie in the resized image");
    require(target.length == 3 * static_cast<size_t>(window.width) * window.height, "the target must hold the window");
  }

  Resize plan(const Box& box) const { return Resize(box, size, window, *filter, mirrored); }

  Region region;
  Size size;
  Region window;
  const Filter* filter;
  bool mirrored;
  Bytes target;
};

/// (bytes) -> { width, height } or undefined
napi_value jpegSizeOf(napi_env env, napi_callback_info info, Memory&) {
  const auto [bytesValue] = argumentsOf<1>(env, info);
  const Bytes bytes = toBytes(env, bytesValue);
  Jpeg jpeg(bytes.data, bytes.length);
  napi_value result;
  if (!jpeg.open()) {
    check(napi_get_undefined(env, &result));
    return result;
  }
  check(napi_create_object(env, &result));
  napi_value width, height;
  check(napi_create_int32(env, jpeg.size().width, &width));
  check(napi_create_int32(env, jpeg.size().height, &height));
  check(napi_set_named_property(env, result, "width", width));
  check(napi_set_named_property(env, result, "height", height));
  return result;
}

/// (bytes, reduction, region, size, window, filter, mirrored, target) -> whether it could be decoded
napi_value cutJpeg(napi_env env, napi_callback_info info, Memory& memory) {
  const auto values = argumentsOf<8>(env, info);
  const Bytes bytes = toBytes(env, values[0]);
  const int reduction = toInteger(env, values[1]);
  require(reduction == 1 || reduction == 2 || reduction == 4 || reduction == 8, "the reduction must be 1, 2, 4 or 8");
  const Output output(env, values.data() + 2);
  Jpeg jpeg(bytes.data, bytes.length);
  bool done = false;
  if (jpeg.open()) {
    require(contains(jpeg.size(), output.region), "the region must lie in the image");
    const Resize plan = output.plan(jpeg.scale(reduction, output.region));
    const std::optional<Part> part = jpeg.decode(plan.needed(), memory.jpeg);
    if (part) plan.run(part->pixels, part->rowBytes, output.target.data, memory.resize);
    done = part.has_value();
  }
  napi_value result;
  check(napi_get_boolean(env, done, &result));
  return result;
}

/// (pixels, width, region, size, window, filter, mirrored, target)
napi_value resize(napi_env env, napi_callback_info info, Memory& memory) {
  const auto values = argumentsOf<8>(env, info);
  const Bytes pixels = toBytes(env, values[0]);
  const int width = toInteger(env, values[1]);
  const size_t rowBytes = 3 * static_cast<size_t>(width);
  const Output output(env, values.data() + 2);
  require(width > 0 && contains({width, static_cast<int>(pixels.length / rowBytes)}, output.region),
          "the region must lie in the image");
  const Region& region = output.region;
  const Resize plan = output.plan({double(region.left), double(region.top), double(region.width), double(region.height)});
  const Region needed = plan.needed();
  const uint8_t* source = pixels.data + needed.top * rowBytes + 3 * static_cast<size_t>(needed.left);
  plan.run(source, rowBytes, output.target.data, memory.resize);
  napi_value result;
  check(napi_get_undefined(env, &result));
  return result;
}

/// C++ exceptions become JavaScript's.
template <napi_value (*function)(napi_env, napi_callback_info, Memory&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    void* memory;
    check(napi_get_instance_data(env, &memory));
    return function(env, info, *static_cast<Memory*>(memory));
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

napi_value initialize(napi_env env, napi_value exports) {
  napi_set_instance_data(env, new Memory, [](napi_env, void* data, void*) { delete static_cast<Memory*>(data); }, nullptr);
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {{"jpegSize", guarded<jpegSizeOf>}, {"cutJpeg", guarded<cutJpeg>}, {"resize", guarded<resize>}};
  for (const auto& function : functions) {
    napi_value value;
    if (napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.callback, nullptr, &value) != napi_ok ||
        napi_set_named_property(env, exports, function.name, value) != napi_ok) {
      napi_throw_error(env, nullptr, "photos.node cannot be initialised");
      break;
    }
  }
  return exports;
}

}  // namespace

NAPI_MODULE_INIT() { return initialize(env, exports); }

}  // namespace photos
