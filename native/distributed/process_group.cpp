#include "process_group.h"

#include "engine/errors.h"

namespace advprop {

namespace {

/// Never destroyed: if the process ends early, the system closes the connections.
std::shared_ptr<ProcessGroup>& current() {
  static auto& group = *new std::shared_ptr<ProcessGroup>();
  return group;
}

}  // namespace

std::shared_ptr<ProcessGroup> groupOrNull() { return current(); }

void setCurrentGroup(std::shared_ptr<ProcessGroup> group) { current() = std::move(group); }

ProcessGroup& currentGroup() {
  if (current() == nullptr) throw UserError("ERR_RANK", "this process is in no group of ranks");
  return *current();
}

void sumOverRanks(double* values, int64_t count) { currentGroup().sum(at::from_blob(values, {count}, at::kDouble)); }

Flat flatFor(const std::vector<at::Tensor>& like) {
  const int64_t item = static_cast<int64_t>(like.at(0).element_size());
  const int64_t step = std::max<int64_t>(1, 64 / item);
  std::vector<int64_t> offsets;
  int64_t total = 0;
  for (const at::Tensor& tensor : like) {
    TORCH_CHECK(tensor.scalar_type() == like[0].scalar_type() && tensor.device() == like[0].device(), "the tensors must have one dtype and device; got ",
                like[0].scalar_type(), " and ", tensor.scalar_type());
    offsets.push_back(total);
    total += (tensor.numel() + step - 1) / step * step;
  }
  Flat flat{at::zeros({total}, like[0].options().requires_grad(false)), {}};
  for (size_t i = 0; i < like.size(); ++i) {
    const at::Tensor& tensor = like[i];
    const at::Tensor dense = tensor.is_non_overlapping_and_dense() ? tensor : tensor.contiguous();
    flat.parts.push_back(flat.memory.as_strided(dense.sizes(), dense.strides(), offsets[i]));
  }
  return flat;
}

#ifndef ADVPROP_GLOO
std::shared_ptr<ProcessGroup> ProcessGroup::join(const GroupMember&) {
  throw UserError("ERR_RANK", "this engine was built without Gloo, which ranks need to meet. Install its headers (Debian: libgloo-dev) and build it again");
}
#endif

}  // namespace advprop
