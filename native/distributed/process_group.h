// The ranks of a data-parallel training, and sums over them by c10d. If a rank is gone, every wait ends with a RunFailure that names it.
// Nothing here ends the process.
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
  /// Distinguishes this start of the group from an earlier one at the same address.
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

/// A sum over all ranks that is running. Its memory must be kept until it has been waited for.
class PendingSum {
 public:
  virtual ~PendingSum() = default;
};

/// What this rank has done so far.
struct GroupStats {
  int64_t bytes = 0;       // that this rank has summed
  double seconds = 0;      // in which a sum was under way
  double waited = 0;       // in which this rank did nothing but wait for a sum
};

class ProcessGroup {
 public:
  /// Waits for the other ranks. Throws a RunFailure if one does not come in time, or if its rank is taken.
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
  /// Waits for all ranks and leaves the group.
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
