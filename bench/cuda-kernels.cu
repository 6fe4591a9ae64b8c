// The CUDA kernels of norms, depthwise convolution, and squeeze and excitation by themselves, in bfloat16 at the sizes of
// EfficientNet-B0 and ResNet-50 with 256 images of 224 px: milliseconds, medians, and the GB/s of the least memory traffic.
//
//     nvcc -std=c++17 -O3 -arch=sm_90 -I native/cuda bench/cuda-kernels.cu -o build/cuda-kernels && build/cuda-kernels
//
// Four sets of tensors take turns, so that none is found in the cache.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "batch_norm_backward.cu"
#include "batch_norm_forward.cu"
#include "depthwise.cu"
#include "depthwise_weight_gradient.cu"
#include "image_channels.cu"

namespace advprop::cuda {

namespace {

constexpr int kSets = 4;
constexpr int64_t kCount = 256, kMost = kCount * 112 * 112 * 96, kFloats = 1 << 24;
uint16_t* tensors[3][kSets];
float* floats[9];

void require(int error, const char* what) {
  if (error == 0) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(static_cast<cudaError_t>(error)));
  std::exit(1);
}

__device__ float noise(size_t i, unsigned seed) {
  unsigned hash = static_cast<unsigned>(i) * 2654435761u + seed * 97u;
  hash = (hash ^ hash >> 15) * 2246822519u;
  return ((hash ^ hash >> 13) & 0xffff) / 65536.f;
}
__global__ void fillTensor(uint16_t* values, size_t count, unsigned seed) {
  for (size_t i = threadNumber(); i < count; i += static_cast<size_t>(gridDim.x) * kThreads) {
    values[i] = __bfloat16_as_ushort(__float2bfloat16_rn(4 * noise(i, seed) - 2));
  }
}
__global__ void fillFloats(float* values, size_t count, unsigned seed) {
  for (size_t i = threadNumber(); i < count; i += static_cast<size_t>(gridDim.x) * kThreads) values[i] = 0.5f + noise(i, seed);
}

/// Times a launch, given the number of its set, and prints it.
void measure(const char* name, double bytes, const std::function<int(int)>& launch) {
  cudaEvent_t begin, end;
  require(cudaEventCreate(&begin), name);
  require(cudaEventCreate(&end), name);
  std::vector<float> times;
  for (int round = 0; round < 3 + 9; ++round) {
    require(cudaEventRecord(begin), name);
    for (int set = 0; set < kSets; ++set) require(launch(set), name);
    require(cudaEventRecord(end), name);
    require(cudaEventSynchronize(end), name);
    float elapsed = 0;
    require(cudaEventElapsedTime(&elapsed, begin, end), name);
    if (round >= 3) times.push_back(elapsed / kSets);
  }
  std::sort(times.begin(), times.end());
  std::printf("  %-28s %7.3f ms %6.0f GB/s\n", name, times[4], bytes / times[4] / 1e6);
}

void measureNorms(int64_t side, int64_t channels) {
  const Rows rows{kCount * side * side, channels, kBFloat16};
  const double pass = 2.0 * rows.rows * channels;
  const auto source = [](int set, int activation, bool rectified) {
    return NormGradient{tensors[0][set], rectified ? nullptr : tensors[1][set], rectified ? tensors[1][set] : nullptr, floats[0], floats[1], floats[2],
                        activation};
  };
  const auto &x = tensors[0], &y = tensors[1], &z = tensors[2];
  std::printf("batch norm, %ld channels of %ld px\n", static_cast<long>(channels), static_cast<long>(side));
  measure("statistics", pass, [&](int s) { return batchStatistics(rows, x[s], 0.1f, 1e-3, floats[4], floats[5], floats[6], floats[7], nullptr); });
  measure("SiLU", 2 * pass, [&](int s) { return normalize(rows, x[s], nullptr, floats[0], floats[1], floats[2], kSilu, y[s], nullptr); });
  measure("residual and ReLU", 3 * pass, [&](int s) { return normalize(rows, x[s], z[s], floats[0], floats[1], floats[2], kRelu, y[s], nullptr); });
  measure("gradient, running", 3 * pass, [&](int s) { return normalizeInputGradient(rows, source(s, kSilu, false), nullptr, nullptr, z[s], nullptr); });
  measure("the same, residual", 4 * pass, [&](int s) {
    return normalizeInputGradient(rows, source(s, kRelu, true), nullptr, tensors[1][(s + 1) % kSets], z[s], nullptr);
  });
  measure("sums of the gradient", 2 * pass, [&](int s) {
    return normalizeSums(rows, source(s, kSilu, false), nullptr, floats[4], floats[5], floats[6], floats[7], nullptr);
  });
  measure("gradient, batch", 3 * pass, [&](int s) { return normalizeInputGradient(rows, source(s, kSilu, false), floats[3], nullptr, z[s], nullptr); });
  const Images images{kCount, side * side, channels, kBFloat16};
  measure("sums over images", pass, [&](int s) { return imageSums(images, x[s], nullptr, 1, floats[4], nullptr); });
  measure("sums of products", 2 * pass, [&](int s) { return imageSums(images, x[s], y[s], 1, floats[4], nullptr); });
  measure("factors of images", 2 * pass, [&](int s) { return scaleImages(images, x[s], floats[0], floats[1], 1, y[s], nullptr); });
}

void measureDepthwise(int64_t channels, int kernel, int stride, int64_t side) {
  const int64_t out = side / stride, before = stride == 1 ? kernel / 2 : kernel / 2 - 1;
  const Depthwise sizes{kCount, channels, side, side, out, out, before, before, kernel, stride, kBFloat16};
  const double bytes = 2.0 * kCount * channels * (side * side + out * out);
  const auto &x = tensors[0], &y = tensors[1];
  std::printf("depthwise %dx%d, stride %d, %ld channels of %ld px\n", kernel, kernel, stride, static_cast<long>(channels), static_cast<long>(side));
  measure("result", bytes, [&](int s) { return depthwiseForward(sizes, x[s], floats[1], y[s], nullptr); });
  measure("gradient of the input", bytes, [&](int s) { return depthwiseInputGradient(sizes, x[s], floats[1], y[s], nullptr); });
  measure("gradient of the weight", bytes, [&](int s) { return depthwiseWeightGradient(sizes, x[s], y[s], floats[4], floats[7], nullptr); });
}

void measureAll() {
  unsigned seed = 0;
  for (auto& sets : tensors) {
    for (auto& set : sets) {
      require(cudaMalloc(&set, 2 * kMost), "memory");
      fillTensor<<<1024, kThreads>>>(set, kMost, ++seed);
    }
  }
  for (auto& values : floats) {
    require(cudaMalloc(&values, sizeof(float) * kFloats), "memory");
    fillFloats<<<256, kThreads>>>(values, kFloats, ++seed);
  }
  for (const auto& [side, channels] : std::vector<std::pair<int64_t, int64_t>>{
           {112, 32}, {112, 64}, {112, 96}, {56, 144}, {56, 256}, {28, 240}, {14, 480}, {14, 672}, {14, 1024}, {7, 1152}}) {
    measureNorms(side, channels);
  }
  measureDepthwise(32, 3, 1, 112);
  measureDepthwise(96, 3, 2, 112);
  measureDepthwise(144, 3, 1, 56);
  measureDepthwise(144, 5, 2, 56);
  measureDepthwise(240, 5, 1, 28);
  measureDepthwise(240, 3, 2, 28);
  measureDepthwise(480, 3, 1, 14);
  measureDepthwise(480, 5, 1, 14);
  measureDepthwise(672, 5, 1, 14);
  measureDepthwise(672, 5, 2, 14);
  measureDepthwise(1152, 5, 1, 7);
  measureDepthwise(1152, 3, 1, 7);
}

}  // namespace

}  // namespace advprop::cuda

int main() { advprop::cuda::measureAll(); }
