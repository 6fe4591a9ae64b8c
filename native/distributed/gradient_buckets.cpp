#include "gradient_buckets.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <unordered_map>
#include <unordered_set>

namespace advprop {

using torch::autograd::Node;
using torch::autograd::variable_list;

GradientBuckets::GradientBuckets(std::vector<at::Tensor> leaves, int64_t bucketBytes) : leaves_(std::move(leaves)), bucketOf_(leaves_.size()), awaited_(leaves_.size()) {
  int64_t room = 0;
  for (size_t i = leaves_.size(); i-- > 0;) {
    const auto bytes = static_cast<int64_t>(leaves_[i].nbytes());
    if (buckets_.empty() || bytes > room) {
      buckets_.emplace_back();
      room = bucketBytes;
    }
    room -= bytes;
    bucketOf_[i] = buckets_.size() - 1;
    buckets_.back().leaves.push_back(i);
  }
  for (Bucket& bucket : buckets_) {
    std::vector<at::Tensor> like;
    for (const size_t i : bucket.leaves) like.push_back(leaves_[i].detach());
    bucket.flat = flatFor(like);
  }
  for (size_t i = 0; i < leaves_.size(); ++i) {
    accumulators_.push_back(torch::autograd::impl::grad_accumulator(leaves_[i]));
    hooks_.push_back(accumulators_[i]->add_post_hook(
        std::make_unique<torch::autograd::utils::LambdaPostHook>([this, i](const variable_list& outputs, const variable_list&) {
          arrived(i);
          return outputs;
        })));
  }
}

GradientBuckets::~GradientBuckets() {
  for (size_t i = 0; i < hooks_.size(); ++i) accumulators_[i]->del_post_hook(hooks_[i]);
}

void GradientBuckets::follow(const at::Tensor& loss) {
  TORCH_CHECK(!following_ && started_ == 0, "the last loss of an update was given already");
  TORCH_CHECK(loss.grad_fn(), "the loss depends on no parameter");
  std::unordered_map<const Node*, size_t> known;
  for (size_t i = 0; i < accumulators_.size(); ++i) known.emplace(accumulators_[i].get(), i);
  for (Bucket& bucket : buckets_) bucket.awaited = 0;
  std::fill(awaited_.begin(), awaited_.end(), false);
  std::vector<Node*> open{loss.grad_fn().get()};
  std::unordered_set<const Node*> seen(open.begin(), open.end());
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    if (const auto found = known.find(node); found != known.end()) {
      awaited_[found->second] = true;
      ++buckets_[bucketOf_[found->second]].awaited;
    }
    for (const auto& edge : node->next_edges()) {
      if (edge.function != nullptr && seen.insert(edge.function.get()).second) open.push_back(edge.function.get());
    }
  }
  following_ = true;
  startReady();
}

void GradientBuckets::arrived(size_t leaf) {
  if (!following_) return;
  TORCH_CHECK(awaited_[leaf], "a gradient was added after its bucket had left");
  awaited_[leaf] = false;
  --buckets_[bucketOf_[leaf]].awaited;
  startReady();
}

/// Buckets are started in order, because the order must be the same on all ranks.
void GradientBuckets::startReady() {
  while (started_ < buckets_.size() && buckets_[started_].awaited == 0) startBucket(buckets_[started_]);
}

void GradientBuckets::startBucket(Bucket& bucket) {
  ++started_;
  for (size_t i = 0; i < bucket.leaves.size(); ++i) {
    const at::Tensor& gradient = leaves_[bucket.leaves[i]].grad();
    if (gradient.defined()) bucket.flat.parts[i].copy_(gradient);
    else bucket.flat.parts[i].zero_();
  }
  bucket.sum = currentGroup().startSum(bucket.flat.memory);
}

void GradientBuckets::start() {
  following_ = false;
  while (started_ < buckets_.size()) startBucket(buckets_[started_]);
}

void GradientBuckets::finish(double factor) {
  start();
  for (Bucket& bucket : buckets_) {
    currentGroup().wait(bucket.sum);
    bucket.sum.reset();
    if (factor != 1) bucket.flat.memory.mul_(factor);
    for (size_t i = 0; i < bucket.leaves.size(); ++i) {
      at::Tensor leaf = leaves_[bucket.leaves[i]];
      if (leaf.grad().defined()) leaf.mutable_grad() = bucket.flat.parts[i];
    }
  }
  started_ = 0;
}

}  // namespace advprop
