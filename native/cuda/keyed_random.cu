// Keyed random tensors: a thread makes one block of four draws.
#include "keyed_block.h"

namespace advprop::cuda {

namespace {

__global__ void uniformKernel(const int64_t* samples, int64_t count, DrawKey key, int64_t channels, int64_t positions, bool channelsLast,
                              float* out) {
  const int64_t draws = channels * positions, blocks = (draws + 3) / 4, number = threadNumber();
  if (number >= count * blocks) return;
  const int64_t image = number / blocks, block = number % blocks;
  const PhiloxBlock words = keyedBlock(key, samples[image], block);
#pragma unroll
  for (int lane = 0; lane < 4; ++lane) {
    const int64_t draw = block * 4 + lane;
    if (draw >= draws) return;
    const int64_t at = channelsLast ? draw % positions * channels + draw / positions : draw;
    out[image * draws + at] = toUniform(words.word[lane]);
  }
}

__global__ void integersKernel(const int64_t* samples, int64_t count, DrawKey key, int64_t draw, int64_t bound, int64_t* out) {
  const int64_t number = threadNumber();
  if (number < count) out[number] = toInteger(keyedBlock(key, samples[number], draw >> 2)[draw & 3], bound);
}

}  // namespace

int keyedUniform(const int64_t* samples, int64_t count, const DrawKey& key, int64_t channels, int64_t positions, bool channelsLast, float* out,
                 void* stream) {
  const int64_t blocks = blocksFor(count * ((channels * positions + 3) / 4));
  return LAUNCH((uniformKernel), blocks, kThreads, stream, samples, count, key, channels, positions, channelsLast, out);
}

int keyedIntegers(const int64_t* samples, int64_t count, const DrawKey& key, int64_t draw, int64_t bound, int64_t* out, void* stream) {
  return LAUNCH((integersKernel), blocksFor(count), kThreads, stream, samples, count, key, draw, bound, out);
}

}  // namespace advprop::cuda
