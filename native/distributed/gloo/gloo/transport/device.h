// Stands in for Gloo's header where libtorch comes without it: see gloo/rendezvous/store.h.
#pragma once
namespace gloo {
namespace transport {
class Device;
}
}  // namespace gloo
