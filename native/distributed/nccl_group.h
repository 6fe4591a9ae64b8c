// Sums and broadcasts of tensors on GPUs by c10d's NCCL, which only an engine that was built for CUDA has.
#pragma once
#include <ATen/ATen.h>

#include <memory>

#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

namespace advprop {

class NcclGroup {
 public:
  /// Whether this engine was built with NCCL.
  static bool isBuilt();
  /// Needs NCCL and a GPU. Ranks connect when the first sum begins.
  static std::unique_ptr<NcclGroup> create(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size);
  virtual ~NcclGroup() = default;

  /// Begins to replace the elements of a tensor on this rank's GPU by their sums over all ranks.
  virtual c10::intrusive_ptr<c10d::Work> sum(const at::Tensor& tensor) = 0;
  /// Begins to replace the elements of a tensor on this rank's GPU by rank 0's.
  virtual c10::intrusive_ptr<c10d::Work> broadcast(const at::Tensor& tensor) = 0;
  /// Closes the connections. No sum may be running on any rank.
  virtual void leave() = 0;
};

}  // namespace advprop
