// Sums gradients over all ranks in buckets. The sum of a bucket starts as soon as the backward pass has filled it, while the pass goes on.
#pragma once
#include "engine/compat.h"
#include "process_group.h"

namespace advprop {

class GradientBuckets {
 public:
  /// A bucket has at most `bytes` bytes, or one leaf. The last leaves are in the first bucket, because the backward pass reaches them first.
  GradientBuckets(std::vector<at::Tensor> leaves, int64_t bucketBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  /// Says that the gradient of this loss is computed next and is the last one that is added to the leaves' stores. A bucket's sum starts when
  /// the graph has nothing more to add to it.
  void follow(const at::Tensor& loss);
  /// Starts the sums that have not been started.
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
  size_t started_ = 0;  // the sums of the buckets before this one have been started
  bool following_ = false;
};

}  // namespace advprop
