// The CPU allocator behind every tensor: caching, 64-byte aligned, limited.
//
// Blocks come from one arena that grows at its end. A request takes the smallest free block that is large enough and splits it; freed
// neighbours are joined. So a training step in its steady state has no page faults, and little memory is unused. Alignment is part of
// reproducibility: vectorised loops treat elements before the first aligned address differently, which changes rounding.
#pragma once
#include <cstddef>
#include <stdexcept>

namespace advprop {

class MemoryLimitError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct AllocatorStats {
  size_t live;      // bytes in use by tensors
  size_t peak;      // most bytes in use since the last reset
  size_t reserved;  // bytes mapped from the system, in use or cached
  size_t limit;     // most bytes that may be mapped, 0 for no limit
};

/// Makes this the allocator of CPU tensors. Idempotent, never undone.
void installAllocator();
AllocatorStats allocatorStats();
void setAllocatorLimit(size_t bytes);
void resetAllocatorPeak();
void releaseAllocatorCache();

}  // namespace advprop
