#include "handles.h"

#include "engine/errors.h"

namespace advprop {

namespace {
constexpr int kSlotBits = 24;
constexpr Handle kSlotMask = (Handle{1} << kSlotBits) - 1;
constexpr int64_t kGenerations = int64_t{1} << (53 - kSlotBits);  // handles are exact as JavaScript numbers
}  // namespace

Handle HandleTable::add(at::Tensor tensor) {
  uint32_t slot;
  if (freeSlots_.empty()) {
    if (slots_.size() > static_cast<size_t>(kSlotMask)) throw UserError("ERR_TENSORS", "too many live tensors; use scope()");
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = freeSlots_.back();
    freeSlots_.pop_back();
  }
  Slot& entry = slots_[slot];
  entry.tensor = std::move(tensor);
  entry.generation += 1;
  entry.scope = scopes_.size();
  entry.used = true;
  live_ += 1;
  const Handle handle = (entry.generation << kSlotBits) | slot;
  if (!scopes_.empty()) scopes_.back().push_back(handle);
  return handle;
}

bool HandleTable::alive(Handle handle) const {
  const auto slot = static_cast<size_t>(handle & kSlotMask);
  return handle > 0 && slot < slots_.size() && slots_[slot].used && slots_[slot].generation == (handle >> kSlotBits);
}

uint32_t HandleTable::slotOf(Handle handle) const {
  if (!alive(handle)) {
    throw UserError("ERR_DISPOSED",
                    "the tensor was already disposed (by dispose() or by the end of the scope that made it); "
                    "return it from the scope or keep() it to use it later");
  }
  return static_cast<uint32_t>(handle & kSlotMask);
}

const at::Tensor& HandleTable::get(Handle handle) const { return slots_[slotOf(handle)].tensor; }

void HandleTable::dispose(Handle handle) { free(slotOf(handle)); }

void HandleTable::free(uint32_t slot) {
  slots_[slot].used = false;
  slots_[slot].tensor = at::Tensor();
  if (slots_[slot].generation + 1 < kGenerations) freeSlots_.push_back(slot);  // a slot whose generations are used up is not used again
  live_ -= 1;
}

void HandleTable::beginScope() { scopes_.emplace_back(); }

void HandleTable::endScope(const std::vector<Handle>& kept) {
  const size_t depth = scopes_.size();
  if (depth == 0) throw UserError("ERR_SCOPE", "no scope is open");
  const std::vector<Handle> mine = std::move(scopes_.back());
  scopes_.pop_back();
  for (const Handle handle : kept) {
    if (!alive(handle)) continue;
    Slot& entry = slots_[handle & kSlotMask];
    if (entry.scope != depth) continue;
    entry.scope = depth - 1;
    if (depth > 1) scopes_.back().push_back(handle);
  }
  for (const Handle handle : mine) {
    if (alive(handle) && slots_[handle & kSlotMask].scope == depth) free(static_cast<uint32_t>(handle & kSlotMask));
  }
}

void HandleTable::keep(Handle handle) { slots_[slotOf(handle)].scope = 0; }

}  // namespace advprop
