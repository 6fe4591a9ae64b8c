// Gradients summed over all ranks in buckets, which leave as soon as the backward pass has filled them, while it goes on.
#pragma once
#include "engine/compat.h"
#include "process_group.h"

namespace advprop {

class GradientBuckets {
 public:
  /// Buckets of at most so many bytes, or of one leaf; the last leaves are in the first bucket, as the backward pass meets them.
  GradientBuckets(std::vector<at::Tensor> leaves, int64_t bucketBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  /// The gradient of this loss, which is computed next, is the last that is added to the leaves' stores: each bucket leaves when
  /// the graph has nothing more to add to it.
  void follow(const at::Tensor& loss);
  /// Starts whatever has not left yet.
  void start();
  /// Waits for all buckets, and puts the sums times a factor in the leaves' stores. Stores that are empty stay empty.
  void finish(double factor);

 private:
  struct Bucket {
    std::vector<size_t> leaves;
    Flat flat;
    size_t awaited = 0;
    std::shared_ptr<PendingSum> sum;
  };
  void arrived(size_t leaf);
  void startReady();
  void startBucket(Bucket& bucket);

  std::vector<at::Tensor> leaves_;
  std::vector<decltype(torch::autograd::Edge::function)> accumulators_;
  std::vector<uintptr_t> hooks_;
  std::vector<Bucket> buckets_;
  std::vector<size_t> bucketOf_;
  std::vector<bool> awaited_;
  size_t started_ = 0;  // the buckets before this one have left
  bool following_ = false;
};

}  // namespace advprop
