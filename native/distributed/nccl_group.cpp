#include "nccl_group.h"

#ifdef ADVPROP_NCCL
#include <stdlib.h>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

namespace advprop {

namespace {

class C10dNcclGroup : public NcclGroup {
 public:
  C10dNcclGroup(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size) {
    // NCCL's own watchdogs end the process when a rank is gone. The rank watch does better: it names the rank.
    for (const char* name : {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ENABLE_MONITORING", "NCCL_ASYNC_ERROR_HANDLING"}) setenv(name, "0", 0);
    group_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, c10d::ProcessGroupNCCL::Options::create());
  }

  c10::intrusive_ptr<c10d::Work> sum(const at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    return group_->allreduce(tensors);
  }

  c10::intrusive_ptr<c10d::Work> broadcast(const at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    return group_->broadcast(tensors);
  }

  void leave() override { group_.reset(); }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> group_;
};

}  // namespace

bool NcclGroup::isBuilt() { return true; }

std::unique_ptr<NcclGroup> NcclGroup::create(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size) {
  return std::make_unique<C10dNcclGroup>(store, rank, size);
}

}  // namespace advprop
#elif defined(ADVPROP_GLOO)
namespace advprop {
bool NcclGroup::isBuilt() { return false; }
std::unique_ptr<NcclGroup> NcclGroup::create(const c10::intrusive_ptr<c10d::Store>&, int, int) { return nullptr; }
}  // namespace advprop
#endif
