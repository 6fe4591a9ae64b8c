// Differences between the libtorch versions that the addon builds against (1.13 and 2.x), in one place.
#pragma once
#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/version.h>

#define ADVPROP_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

// Allocator::allocate lost its const, and copy_data became pure virtual, in 2.3.
#if ADVPROP_TORCH_AT_LEAST(2, 3)
#define ADVPROP_ALLOCATE_CONST
#define ADVPROP_ALLOCATOR_COPIES 1
#else
#define ADVPROP_ALLOCATE_CONST const
#define ADVPROP_ALLOCATOR_COPIES 0
#endif
