// The table of tensors that JavaScript holds. A handle is generation * 2^24 + slot. When a slot is used again its generation is higher,
// so that an old handle is recognised. Scopes are a stack: tensors that are made inside a scope are freed when it ends.
#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace advprop {

using Handle = int64_t;

class HandleTable {
 public:
  /// Adds a tensor to the innermost scope (or to none) and returns its handle.
  Handle add(at::Tensor tensor);
  /// The tensor behind a handle. Throws where it was disposed.
  const at::Tensor& get(Handle handle) const;
  /// Removes a tensor. Throws where it was disposed already.
  void dispose(Handle handle);
  bool alive(Handle handle) const;

  void beginScope();
  /// Ends the innermost scope: frees its tensors except `kept`, which move to the enclosing scope.
  void endScope(const std::vector<Handle>& kept);
  /// Takes a tensor out of every scope: it lives until it is disposed.
  void keep(Handle handle);

  size_t live() const { return live_; }
  size_t depth() const { return scopes_.size(); }

 private:
  struct Slot {
    at::Tensor tensor;
    int64_t generation = 0;
    size_t scope = 0;  // depth of the owning scope, 0 for none
    bool used = false;
  };
  void free(uint32_t slot);
  uint32_t slotOf(Handle handle) const;

  std::vector<Slot> slots_;
  std::vector<uint32_t> freeSlots_;
  std::vector<std::vector<Handle>> scopes_;
  size_t live_ = 0;
};

}  // namespace advprop
