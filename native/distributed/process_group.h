// The ranks of a data-parallel training: sums over all ranks by c10d's Gloo. Every wait ends, with a RunFailure that names
// whoever is gone; nothing here ends the process.
#pragma once
#include <ATen/ATen.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace advprop {

/// A process among those that train together, and where they meet.
struct GroupMember {
  int rank = 0, size = 1;
  std::string host;
  int port = 0;
  /// Tells one start of the group from an earlier one at the same address.
  std::string generation;
  /// What this process is called in messages.
  std::string name;
  std::chrono::seconds joinTimeout{30};
};

/// Tensors of one dtype in one piece of memory. Each part begins at a multiple of 64 bytes and has the sizes and strides of
/// the tensor that it is for.
struct Flat {
  at::Tensor memory;
  std::vector<at::Tensor> parts;
};
Flat flatFor(const std::vector<at::Tensor>& like);

/// A sum over all ranks under way. It must be waited for, or the memory kept.
class PendingSum {
 public:
  virtual ~PendingSum() = default;
};

/// What was done so far.
struct GroupStats {
  int64_t bytes = 0;       // that this rank gave into sums
  double seconds = 0;      // in which a sum was under way
  double waited = 0;       // in which this rank did nothing but wait for a sum
};

class ProcessGroup {
 public:
  /// Meets the other ranks. Throws a RunFailure where one does not come in time, or its rank is taken.
  static std::shared_ptr<ProcessGroup> join(const GroupMember& member);
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Begins to replace the elements of a tensor without gaps by their sums over all ranks. All ranks must begin the same sums in
  /// the same order.
  virtual std::shared_ptr<PendingSum> startSum(const at::Tensor& tensor) = 0;
  virtual void wait(const std::shared_ptr<PendingSum>& sum) = 0;
  /// Replaces the elements of a tensor by rank 0's.
  virtual void broadcast(const at::Tensor& tensor) = 0;
  /// Throws where the group is known to have failed.
  virtual void check() = 0;
  /// Tells the others that this rank has failed.
  virtual void fail(const std::string& reason) = 0;
  /// Waits for all ranks and parts from them.
  virtual void leave() = 0;
  virtual GroupStats stats() const = 0;

  void sum(const at::Tensor& tensor) { wait(startSum(tensor)); }
};

/// The group that this process is in. Throws where it is in none.
ProcessGroup& currentGroup();
/// Sets it; a null pointer for none.
void setCurrentGroup(std::shared_ptr<ProcessGroup> group);
std::shared_ptr<ProcessGroup> groupOrNull();

/// Replaces numbers by their sums over all ranks of the current group.
void sumOverRanks(double* values, int64_t count);

}  // namespace advprop
