#include "allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include "engine/compat.h"

namespace advprop {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kGrowth = size_t{32} << 20;         // least bytes made writable at once
constexpr size_t kAddressSpace = size_t{1} << 42;    // of the arena; halved until the process may have it
constexpr size_t kLeastRemainder = 256;              // a smaller remainder stays with its block

size_t roundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

/// Precedes every block. `size` counts the payload only; neighbours are linked in address order.
struct alignas(kAlignment) Block {
  size_t size;
  Block* previous;
  Block* next;
  size_t returned;  // at least so many bytes of a free block have been returned to the system
  bool used;
  char* begin() { return reinterpret_cast<char*>(this); }
  char* payload() { return begin() + sizeof(Block); }
  char* end() { return payload() + size; }
};
static_assert(sizeof(Block) == kAlignment);

struct BySize {
  bool operator()(const Block* a, const Block* b) const { return a->size != b->size ? a->size < b->size : a < b; }
};

class Pool {
 public:
  void* allocate(size_t bytes) {
    const size_t size = std::max(kAlignment, roundUp(bytes, kAlignment));
    if (bytes > PTRDIFF_MAX) throw MemoryLimitError("a tensor of " + std::to_string(bytes) + " bytes does not fit any address space");
    const std::lock_guard<std::mutex> lock(mutex_);
    Block* block = takeFree(size);
    if (block == nullptr && limit_ != 0 && reserved_ + cost(size) > limit_) {
      giveBack();
      block = takeFree(size);
    }
    if (block == nullptr) block = extend(size);
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
    giveBack();
  }

 private:
  Block* takeFree(size_t size) {
    Block probe{size, nullptr, nullptr, 0, false};
    auto found = free_.lower_bound(&probe);
    // lower_bound orders blocks of equal size by address. The probe is on the stack, so a block of exactly this size may come before it.
    if (found != free_.begin() && (*std::prev(found))->size == size) --found;
    if (found == free_.end()) return nullptr;
    Block* block = *found;
    // Pages that were returned to the system will be mapped again: at most the huge pages that the taken part may touch.
    const size_t again = std::min(block->returned, roundUp(size + sizeof(Block), kHugePage) + kHugePage);
    if (limit_ != 0 && reserved_ + again > limit_) return nullptr;
    free_.erase(found);
    block->returned -= again;
    reserved_ += again;
    return block;
  }

  bool endsFree() const { return last_ != nullptr && !last_->used; }

  /// Bytes by which the arena must grow to have a block of that size at its end. If its last block is free, only the difference is needed.
  size_t missing(size_t size) const {
    return roundUp(endsFree() ? size - std::min(size, last_->size) : size + sizeof(Block), kHugePage);
  }

  size_t cost(size_t size) const { return missing(size) + (endsFree() ? last_->returned : 0); }

  /// The block at the end of the arena, grown to at least that size.
  Block* extend(size_t size) {
    if (base_ == nullptr) open(size);
    if (size > kAddressSpace || (limit_ != 0 && reserved_ + cost(size) > limit_)) throw limitError(size);
    const size_t bytes = missing(size);
    if (bytes > static_cast<size_t>(end_ - top_)) throw limitError(size);
    if (top_ + bytes > writable_) {
      char* until = std::min(end_, std::max(top_ + bytes, writable_ + kGrowth));
      if (mprotect(writable_, until - writable_, PROT_READ | PROT_WRITE) != 0) throw limitError(size);
      writable_ = until;
    }
    if (endsFree()) {
      free_.erase(last_);
      last_->size += bytes;
      reserved_ += last_->returned;
      last_->returned = 0;
    } else {
      auto* block = reinterpret_cast<Block*>(top_);
      *block = Block{bytes - sizeof(Block), last_, nullptr, 0, false};
      if (last_ != nullptr) last_->next = block;
      last_ = block;
    }
    top_ += bytes;
    reserved_ += bytes;
    return last_;
  }

  /// Reserves addresses for the one arena, without memory. With several segments, each would have an unused end.
  void open(size_t size) {
    for (size_t bytes = kAddressSpace; bytes >= kGrowth; bytes /= 2) {
      void* raw = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (raw == MAP_FAILED) continue;
      // Huge pages cause fewer page faults.
      madvise(raw, bytes, MADV_HUGEPAGE);
      base_ = alignUp(static_cast<char*>(raw));
      top_ = writable_ = base_;
      end_ = alignDown(static_cast<char*>(raw) + bytes);
      return;
    }
    throw limitError(size);
  }

  void split(Block* block, size_t size) {
    if (block->size < size + sizeof(Block) + kLeastRemainder) {
      reserved_ += block->returned;
      block->returned = 0;
      return;
    }
    auto* rest = reinterpret_cast<Block*>(block->payload() + size);
    *rest = Block{block->size - size - sizeof(Block), block, block->next, block->returned, false};
    if (rest->next != nullptr) rest->next->previous = rest;
    else last_ = rest;
    block->next = rest;
    block->size = size;
    block->returned = 0;
    free_.insert(rest);
  }

  void absorbNext(Block* block) {
    Block* next = block->next;
    block->size += sizeof(Block) + next->size;
    block->returned += next->returned;
    block->next = next->next;
    if (block->next != nullptr) block->next->previous = block;
    else last_ = block;
  }

  /// Returns the end of the arena to the system, and whole huge pages inside of free blocks.
  void giveBack() {
    if (endsFree()) shorten();
    for (Block* block : free_) {
      char *begin = alignUp(block->payload()), *end = alignDown(block->end());
      if (end <= begin) continue;
      madvise(begin, end - begin, MADV_DONTNEED);
      reserved_ -= static_cast<size_t>(end - begin) - block->returned;
      block->returned = end - begin;
    }
  }

  /// Cuts the arena at its last block, which is free, rounded up to a huge page.
  void shorten() {
    Block* block = last_;
    char* top = alignUp(block->begin());
    if (top == top_) return;
    free_.erase(block);
    reserved_ -= static_cast<size_t>(top_ - top) - block->returned;
    if (top == block->begin()) {
      last_ = block->previous;
      if (last_ != nullptr) last_->next = nullptr;
    } else {
      block->size = top - block->payload();
      block->returned = 0;
      free_.insert(block);
    }
    madvise(top, top_ - top, MADV_DONTNEED);
    top_ = top;
  }

  static char* alignUp(char* address) { return reinterpret_cast<char*>(roundUp(reinterpret_cast<uintptr_t>(address), kHugePage)); }
  static char* alignDown(char* address) { return alignUp(address - kHugePage + 1); }

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
  char* base_ = nullptr;      // of the arena
  char* top_ = nullptr;       // where its blocks end
  char* writable_ = nullptr;  // where memory ends
  char* end_ = nullptr;       // where its addresses end
  Block* last_ = nullptr;
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
