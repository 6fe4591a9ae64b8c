// Differences between the libtorch versions that the addon builds against (1.13 and 2.x), in one place.
#pragma once
#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/version.h>

#include <memory>
#include <type_traits>

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

namespace advprop {

/// Makes a node of a graph. Older versions own it by std::shared_ptr; 2.13 owns it by a pointer of libtorch's own.
template <typename Node, typename Pointer = decltype(torch::autograd::Edge::function), typename... Arguments>
auto makeNode(Arguments&&... arguments) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<torch::autograd::Node>>) {
    // Newer versions have no function of this name, so it is looked up by the type of its argument.
    return std::shared_ptr<Node>(new Node(std::forward<Arguments>(arguments)...), [](auto* node) { deleteNode(node); });
  } else {
    return c10::make_intrusive<Node>(std::forward<Arguments>(arguments)...);
  }
}

}  // namespace advprop
