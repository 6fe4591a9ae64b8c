#include "allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include "../compat.h"

namespace advprop {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSegment = size_t{32} << 20;  // least bytes mapped at once
constexpr size_t kLeastRemainder = 256;        // a smaller remainder stays with its block

/// Precedes every block. `size` counts the payload only; neighbours in one segment are linked in address order.
struct alignas(kAlignment) Block {
  size_t size;
  Block* previous;
  Block* next;
  bool used;
  char* payload() { return reinterpret_cast<char*>(this) + sizeof(Block); }
};
static_assert(sizeof(Block) == kAlignment);

struct BySize {
  bool operator()(const Block* a, const Block* b) const { return a->size != b->size ? a->size < b->size : a < b; }
};

class Pool {
 public:
  void* allocate(size_t bytes) {
    const size_t size = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    if (bytes > PTRDIFF_MAX) throw MemoryLimitError("a tensor of " + std::to_string(bytes) + " bytes does not fit any address space");
    const std::lock_guard<std::mutex> lock(mutex_);
    Block* block = takeFree(size);
    if (block == nullptr) block = map(size);
    split(block, size);
    block->used = true;
    live_ += block->size;
    peak_ = std::max(peak_, live_);
    return block->payload();
  }

  void free(void* payload) {
    auto* block = reinterpret_cast<Block*>(static_cast<char*>(payload) - sizeof(Block));
    const std::lock_guard<std::mutex> lock(mutex_);
    live_ -= block->size;
    block->used = false;
    if (block->next != nullptr && !block->next->used) {
      free_.erase(block->next);
      absorbNext(block);
    }
    if (block->previous != nullptr && !block->previous->used) {
      block = block->previous;
      free_.erase(block);
      absorbNext(block);
    }
    free_.insert(block);
  }

  AllocatorStats stats() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {live_, peak_, reserved_, limit_};
  }

  void setLimit(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
  }

  void resetPeak() {
    const std::lock_guard<std::mutex> lock(mutex_);
    peak_ = live_;
  }

  void releaseCache() {
    const std::lock_guard<std::mutex> lock(mutex_);
    unmapFree();
  }

 private:
  Block* takeFree(size_t size) {
    Block probe{size, nullptr, nullptr, false};
    auto found = free_.lower_bound(&probe);
    // lower_bound orders equal sizes by address and the probe lies on the stack, so an equal size may stand before it.
    if (found != free_.begin() && (*std::prev(found))->size == size) --found;
    if (found == free_.end()) return nullptr;
    Block* block = *found;
    free_.erase(found);
    return block;
  }

  Block* map(size_t size) {
    const size_t needed = (size + sizeof(Block) + kHugePage - 1) / kHugePage * kHugePage;
    size_t bytes = std::max(needed, kSegment);
    if (limit_ != 0 && reserved_ + bytes > limit_) {
      unmapFree();
      bytes = needed;
      if (reserved_ + bytes > limit_) throw limitError(size);
    }
    // Mapped with room to align to a huge page, so that the kernel can back the segment with them.
    void* raw = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) throw limitError(size);
    const auto address = reinterpret_cast<uintptr_t>(raw);
    const uintptr_t aligned = (address + kHugePage - 1) / kHugePage * kHugePage;
    if (aligned > address) munmap(raw, aligned - address);
    if (const size_t tail = address + kHugePage - aligned; tail > 0) munmap(reinterpret_cast<void*>(aligned + bytes), tail);
    madvise(reinterpret_cast<void*>(aligned), bytes, MADV_HUGEPAGE);
    reserved_ += bytes;
    auto* block = reinterpret_cast<Block*>(aligned);
    *block = Block{bytes - sizeof(Block), nullptr, nullptr, false};
    return block;
  }

  void split(Block* block, size_t size) {
    if (block->size < size + sizeof(Block) + kLeastRemainder) return;
    auto* rest = reinterpret_cast<Block*>(block->payload() + size);
    *rest = Block{block->size - size - sizeof(Block), block, block->next, false};
    if (rest->next != nullptr) rest->next->previous = rest;
    block->next = rest;
    block->size = size;
    free_.insert(rest);
  }

  void absorbNext(Block* block) {
    Block* next = block->next;
    block->size += sizeof(Block) + next->size;
    block->next = next->next;
    if (block->next != nullptr) block->next->previous = block;
  }

  /// Unmaps segments that are free as a whole.
  void unmapFree() {
    for (auto it = free_.begin(); it != free_.end();) {
      Block* block = *it;
      if (block->previous == nullptr && block->next == nullptr) {
        it = free_.erase(it);
        const size_t bytes = block->size + sizeof(Block);
        reserved_ -= bytes;
        munmap(block, bytes);
      } else {
        ++it;
      }
    }
  }

  MemoryLimitError limitError(size_t size) const {
    const auto megabytes = [](size_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MB"; };
    return MemoryLimitError("a tensor of " + megabytes(size) + " does not fit: " + megabytes(live_) + " in use, " +
                            megabytes(reserved_ - live_) + " free in smaller parts, " +
                            (limit_ == 0 ? std::string("and the system has no more") : "of a limit of " + megabytes(limit_)) +
                            ". Use a smaller batch, smaller images or a smaller model, or raise --memory-limit");
  }

  std::mutex mutex_;
  std::set<Block*, BySize> free_;
  size_t live_ = 0;
  size_t peak_ = 0;
  size_t reserved_ = 0;
  size_t limit_ = 0;
};

// Never destroyed: tensors may be freed while the process exits.
Pool& pool() {
  static Pool* instance = new Pool();
  return *instance;
}

void deletePayload(void* payload) {
  if (payload != nullptr) pool().free(payload);
}

class CpuAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) ADVPROP_ALLOCATE_CONST override {
    void* payload = bytes == 0 ? nullptr : pool().allocate(bytes);
    return {payload, payload, &deletePayload, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &deletePayload; }
#if ADVPROP_ALLOCATOR_COPIES
  void copy_data(void* destination, const void* source, size_t count) const override { std::memcpy(destination, source, count); }
#endif
};

}  // namespace

void installAllocator() {
  static CpuAllocator* allocator = [] {
    auto* instance = new CpuAllocator();
    c10::SetCPUAllocator(instance, /*priority=*/100);
    return instance;
  }();
  (void)allocator;
}

AllocatorStats allocatorStats() { return pool().stats(); }
void setAllocatorLimit(size_t bytes) { pool().setLimit(bytes); }
void resetAllocatorPeak() { pool().resetPeak(); }
void releaseAllocatorCache() { pool().releaseCache(); }

}  // namespace advprop
