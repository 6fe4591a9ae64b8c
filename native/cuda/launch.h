// The launch functions of the kernels in this folder. They do not need libtorch. Pointers are to GPU memory, `stream` is a cudaStream_t, and
// the result is CUDA's error code, 0 for none. A launch does not wait for the GPU. Activations are channels-last, [rows, channels] with
// rows = N H W, of `dtype` 0 (float32) or 1 (bfloat16); sums and statistics are float32 and float64. Numbers are passed as arguments and
// not in memory, so that a launch needs no copy to the GPU and can be captured in a CUDA graph. Every sum has a fixed order: results
// repeat bit for bit, on any GPU.
#pragma once
#include <cstdint>

#include "../step/crop_window.h"

namespace advprop::cuda {

/// Colours of a pixel.
constexpr int kColors = 3;

// Batch norm with what follows it, y = act((x - mean) / sqrt(variance + epsilon) * weight + bias + residual)

/// Codes of `activation`.
enum Activation : int { kIdentity = 0, kRelu = 1, kSilu = 2, kRelu6 = 3 };

struct Rows {
  int64_t rows, channels;
  int dtype;
};

/// float32 values that `partial` must hold in the functions below.
int64_t batchNormWorkspace(const Rows& sizes);

/// statistics [2, C]: mean and 1 / sqrt(variance + epsilon) of the batch. The running mean and variance, where they are not
/// null, move towards the batch's mean and unbiased variance by `factor`.
int batchStatistics(const Rows& sizes, const void* x, float factor, double epsilon, float* runningMean, float* runningVariance,
                    float* statistics, float* partial, void* stream);

/// The same statistics of the running mean and variance.
int runningStatistics(int64_t channels, const float* runningMean, const float* runningVariance, double epsilon, float* statistics, void* stream);

/// y; `residual` may be null.
int normalize(const Rows& sizes, const void* x, const void* residual, const float* statistics, const float* weight, const float* bias,
              int activation, void* y, void* stream);

/// What the gradient is computed from: the gradient of y, x (null where nothing needs it), y where a rectifier follows a
/// residual (else null), and the statistics and parameters of the forward pass.
struct NormGradient {
  const void *gradient, *x, *y;
  const float *statistics, *weight, *bias;
  int activation;
};

/// sums [2, C]: with p the gradient before the activation, S(p) and S(p (x - mean)) over each channel, which make
/// gradBias = S(p) and gradWeight = S(p (x - mean)) inverse; either may be null. p itself goes to `gradResidual`, unless null.
int normalizeSums(const Rows& sizes, const NormGradient& of, void* gradResidual, float* sums, float* gradWeight, float* gradBias, float* partial,
                  void* stream);

/// The gradient of x: by the batch's statistics where `sums` are given, else by given statistics, when p goes to
/// `gradResidual`, unless null.
int normalizeInputGradient(const Rows& sizes, const NormGradient& of, const float* sums, void* gradResidual, void* gradX, void* stream);

// Depthwise convolution

/// x is [images, height, width, channels] in memory, y [images, rows, columns, channels]:
/// y[r, c] = sum over i, j of x[stride r + i - top, stride c + j - left] weight[i, j], with zeros outside of x. The kernel's side
/// is 3 or 5, the stride 1 or 2. Weights are float32 [channels, kernel, kernel].
struct Depthwise {
  int64_t images, channels, height, width, rows, columns, left, top;
  int kernel, stride, dtype;
};

int depthwiseForward(const Depthwise& sizes, const void* x, const float* weight, void* y, void* stream);
int depthwiseInputGradient(const Depthwise& sizes, const void* gradient, const float* weight, void* gradX, void* stream);
/// float32 values that `partial` must hold.
int64_t depthwiseWorkspace(const Depthwise& sizes);
int depthwiseWeightGradient(const Depthwise& sizes, const void* gradient, const void* x, float* gradWeight, float* partial, void* stream);

// The first convolution

/// x is [images, height, width, 3] in memory, y [images, rows, columns, outputs]:
/// y[r, c] = sum over i, j of x[stride r + i - top, stride c + j - left] weight[i, j], 3x3, with zeros outside of x. The stride is 1 or
/// 2. Weights are float32 [outputs, 3, 3, 3], of kMostImageOutputs at most.
struct ImageConvolution {
  int64_t images, height, width, outputs, rows, columns, left, top;
  int stride, dtype;
};
constexpr int kMostImageOutputs = 128;

int imageConvolution(const ImageConvolution& sizes, const void* x, const float* weight, void* y, void* stream);
int imageConvolutionGradient(const ImageConvolution& sizes, const void* gradient, const float* weight, void* gradX, void* stream);

/// A 7x7 convolution with stride 2 is one of 4x4 with stride 1 over blocks of 2 x 2 pixels, which the matrix units of a GPU are made
/// for: 16 channels, of which the first 12 are [row, column, colour] of a block and the others zero.
constexpr int kBlockChannels = 16;
/// x [images, height, width, 3] to blocks [images, down, across, 16]: block (r, c) begins at pixel (2 r - top, 2 c - left), zeros outside.
struct PixelBlocks {
  int64_t images, height, width, down, across, left, top;
  int dtype;
};
int toBlocks(const PixelBlocks& sizes, const void* x, void* blocks, void* stream);
/// Its gradient.
int fromBlocks(const PixelBlocks& sizes, const void* gradient, void* gradX, void* stream);

// Max pooling

/// x is [images, height, width, channels] in memory, y [images, rows, columns, channels]: the largest of the window of `size` x `size`
/// pixels from (stride r - padding, stride c - padding) on, NaN where there is one.
struct MaxPool {
  int64_t images, height, width, channels, rows, columns;
  int size, stride, padding, dtype;
};
/// places, like y: where in its window it is, row * size + column.
int maxPool(const MaxPool& sizes, const void* x, void* y, uint8_t* places, void* stream);
int maxPoolGradient(const MaxPool& sizes, const void* gradient, const uint8_t* places, void* gradX, void* stream);

// Squeeze and excitation

/// A channels-last tensor as images of `pixels` = H W.
struct Images {
  int64_t images, pixels, channels;
  int dtype;
};

/// sums [images, channels] = share S(x), or share S(x other) where `other` is not null, S over the pixels of an image.
int imageSums(const Images& sizes, const void* x, const void* other, float share, float* sums, void* stream);

/// y = x factors + share offsets, each [images, channels]; `offsets` may be null.
int scaleImages(const Images& sizes, const void* x, const float* factors, const float* offsets, float share, void* y, void* stream);

// Keyed random numbers, those of native/step/keyed_random.cpp

struct DrawKey {
  PhiloxKey seed;
  uint32_t epoch, use;  // use = purpose + 256 stream
};
/// out: uniform in [0, 1), float32 [count, channels, positions], or channels-last, [count, positions, channels].
int keyedUniform(const int64_t* samples, int64_t count, const DrawKey& key, int64_t channels, int64_t positions, bool channelsLast, float* out,
                 void* stream);
/// out int64 [count], uniform in [0, bound): the given draw of each sample.
int keyedIntegers(const int64_t* samples, int64_t count, const DrawKey& key, int64_t draw, int64_t bound, int64_t* out, void* stream);

// Images

/// Images of `count` x `height` x `width` pixels of three channels.
struct Pictures {
  int64_t count, height, width;
};
/// out = pixels / 255 with pixels uint8; out is of the dtype.
int imagesFromPixels(const Pictures& sizes, const uint8_t* pixels, int dtype, void* out, void* stream);
/// The same for the window of each image, cropped and mirrored by the draws of its sample and stream; out float32, samples and streams [count].
int augmentedImages(const Pictures& sizes, const uint8_t* pixels, const int64_t* samples, const int64_t* streams, const CropAndMirror& augmentation,
                    float* out, void* stream);
/// out = (images - mean) / deviation, images float32.
int normalizeImages(const Pictures& sizes, const float* images, const float* mean, const float* deviation, int dtype, void* out, void* stream);
/// Its gradient, gradient / deviation in float32.
int normalizeImagesGradient(const Pictures& sizes, const void* gradient, int dtype, const float* deviation, float* gradImages, void* stream);

/// One step of an attack in the L-infinity ball: out = clip01(min(max(x + size sign(gradient), images - epsilon), images + epsilon)),
/// sign(0) = 0, sign(NaN) = NaN, all float32 with `values` elements in the same order. `out` may be x.
int linfStep(int64_t values, const float* x, const float* gradient, const float* images, float size, float epsilon, float* out, void* stream);

// Optimisers: one pass over every parameter

/// One parameter, float32, with what its optimiser keeps. `first` is the velocity (SGD, RMSProp) or the mean of gradients
/// (AdamW), `second` the mean of squares (RMSProp, AdamW). `updates` are those before this step (AdamW). `decay` is the weight decay.
struct OptimizerEntry {
  float *weight, *gradient, *first, *second;
  int64_t updates, size;
  float decay;
};

enum OptimizerKind : int { kSgd = 0, kNesterov = 1, kRmsProp = 2, kAdamW = 3 };

/// The numbers of the update rules in src/optim; those that a rule does not name are not used.
struct OptimizerRule {
  int kind;
  float momentum;      // SGD, RMSProp
  float decay;         // RMSProp: of the mean of squares
  float beta1, beta2;  // AdamW
  float epsilon;
  float rate;  // the learning rate
};

/// Values of a parameter that one block changes.
constexpr int64_t kOptimizerChunk = 4096;
/// `entries` and `chunks` lie in the GPU's memory; a chunk is two int32, an entry and its chunk of kOptimizerChunk values.
int optimizerStep(const OptimizerEntry* entries, const int32_t* chunks, int64_t chunkCount, const OptimizerRule& rule, void* stream);

}  // namespace advprop::cuda
