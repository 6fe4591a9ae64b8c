#include "packed_weights.h"

#include <c10/core/StorageImpl.h>

#include <unordered_map>
#include <vector>

namespace advprop {

namespace {

/// One packed form of one view of a weight's elements.
struct Form {
  Pack pack;
  at::ScalarType dtype;
  const void* elements;
  std::vector<int64_t> sizes, strides;
  int64_t version;
  at::Tensor packed;

  bool isOf(const at::Tensor& weight, at::ScalarType dtype_, Pack pack_) const {
    return pack == pack_ && dtype == dtype_ && elements == weight.data_ptr() && weight.sizes() == sizes && weight.strides() == strides;
  }
};

/// All forms of one weight.
struct Kept {
  // While this exists, no other storage gets the same address.
  c10::weak_intrusive_ptr<c10::StorageImpl> storage;
  std::vector<Form> forms;
};

thread_local std::unordered_map<const c10::StorageImpl*, Kept> all;

Kept& keptOf(const at::Tensor& weight) {
  const c10::StorageImpl* storage = weight.storage().unsafeGetStorageImpl();
  const auto found = all.find(storage);
  if (found != all.end()) return found->second;
  freeUnusedPackedWeights();
  return all.emplace(storage, Kept{weight.storage().getWeakStorageImpl(), {}}).first->second;
}

}  // namespace

at::Tensor packedWeight(const at::Tensor& weight, at::ScalarType dtype, Pack pack) {
  std::vector<Form>& forms = keptOf(weight).forms;
  const int64_t version = weight._version();
  const auto known = std::find_if(forms.begin(), forms.end(), [&](const Form& form) { return form.isOf(weight, dtype, pack); });
  if (known != forms.end()) {
    if (known->version == version) return known->packed;
    forms.erase(known);  // before anything new is allocated, which may fail
  }
  const at::Tensor packed = pack(weight.detach(), dtype);
  if (!packed.is_alias_of(weight)) forms.push_back({pack, dtype, weight.data_ptr(), weight.sizes().vec(), weight.strides().vec(), version, packed});
  return packed;
}

void freeUnusedPackedWeights() {
  for (auto kept = all.begin(); kept != all.end();) kept = kept->second.storage.expired() ? all.erase(kept) : std::next(kept);
}

void forgetPackedWeights() { all.clear(); }

}  // namespace advprop
