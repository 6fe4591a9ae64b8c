// A channels-last tensor as rows of channels: which thread works on which, and sums over rows in a fixed order. No result depends on the
// GPU, because only the sizes decide how rows are divided into blocks.
#pragma once
#include "pack.h"

namespace advprop::cuda {

/// Packs of channels in a block: 32 of them are 512 bytes of a row.
constexpr int kMostWidth = 32;

/// How blocks lie over [rows, packs]: `width` packs times `height` rows of threads, each thread `steps` rows, `height` apart.
/// Block (x, y) has slice x of the rows and tile y of the packs.
struct RowTiles {
  RowTiles(int64_t rows_, int64_t packs_, int steps_) : rows(rows_), packs(static_cast<int>(packs_)), steps(steps_) {
    tiles = (packs + kMostWidth - 1) / kMostWidth;
    width = (packs + tiles - 1) / tiles;
    height = kThreads / width;
    const int64_t slice = static_cast<int64_t>(height) * steps;
    slices = static_cast<int>((rows + slice - 1) / slice);
  }
  dim3 blocks() const { return dim3(slices, tiles); }

  /// For sums over rows: so many steps that there are some hundred blocks, but no more than float32 can add with an error of 1e-6.
  static RowTiles forSums(int64_t rows, int64_t packs) {
    constexpr int64_t kBlocks = 1024;
    constexpr int kLeast = 8, kMost = 64;
    const RowTiles one(rows, packs, 1);
    const int64_t steps = one.slices * one.tiles / kBlocks;
    return RowTiles(rows, packs, static_cast<int>(steps < kLeast ? kLeast : steps > kMost ? kMost : steps));
  }

  int64_t rows;
  int packs, steps, tiles, width, height, slices;
};

/// The place of this thread. A thread without a place in the tiles is not active, but takes part in barriers.
struct Place {
  __device__ explicit Place(const RowTiles& t)
      : lane(threadIdx.x % t.width), line(threadIdx.x / t.width), pack(blockIdx.y * t.width + lane), active(line < t.height && pack < t.packs) {}

  /// Its row number `step`; beyond the last row there is none.
  __device__ int64_t row(const RowTiles& t, int step) const {
    return (static_cast<int64_t>(blockIdx.x) * t.steps + step) * t.height + line;
  }

  int lane, line, pack;
  bool active;
};

/// Sums over the lines of a block, for each lane. The result is that of the threads of line 0. `shared` has K * kThreads.
template <int K>
__device__ inline void sumLines(float (&values)[K], float* shared, const RowTiles& t, const Place& place) {
#pragma unroll
  for (int k = 0; k < K; ++k) shared[k * kThreads + threadIdx.x] = values[k];
  int half = 1;
  while (half * 2 < t.height) half *= 2;
  for (; half > 0; half /= 2) {
    __syncthreads();
    if (place.line < half && place.line + half < t.height) {
#pragma unroll
      for (int k = 0; k < K; ++k) shared[k * kThreads + threadIdx.x] += shared[k * kThreads + threadIdx.x + half * t.width];
    }
  }
#pragma unroll
  for (int k = 0; k < K; ++k) values[k] = shared[k * kThreads + threadIdx.x];
  __syncthreads();
}

/// Columns that a block of the second stage adds up: few, so that many threads share the slices of one.
constexpr int kColumns = 8;

/// The second stage: the sum over slices of partial[slice, column], in float64. kColumns columns a block, the same column for
/// threads kColumns apart; the result is that of threads below kColumns. `shared` has kThreads values.
__device__ inline double sumSlices(const float* partial, int slices, int64_t columns, int64_t column, double* shared) {
  double sum = 0;
  if (column < columns) {
    for (int slice = threadIdx.x / kColumns; slice < slices; slice += kThreads / kColumns) sum += partial[slice * columns + column];
  }
  shared[threadIdx.x] = sum;
  for (int half = kThreads / 2; half >= kColumns; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  sum = shared[threadIdx.x];
  __syncthreads();
  return sum;
}

/// The column of this thread in the second stage.
__device__ inline int64_t columnNumber() { return static_cast<int64_t>(blockIdx.x) * kColumns + threadIdx.x % kColumns; }

inline int64_t columnBlocks(int64_t columns) { return (columns + kColumns - 1) / kColumns; }

}  // namespace advprop::cuda
