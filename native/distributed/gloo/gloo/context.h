// Stands in for Gloo's header where libtorch comes without it: see gloo/rendezvous/store.h.
#pragma once
#include <chrono>
#include <memory>

namespace gloo {

namespace transport {
class UnboundBuffer;
}

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
