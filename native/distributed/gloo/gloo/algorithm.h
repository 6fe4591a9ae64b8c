// Stands in for Gloo's header where libtorch comes without it: see gloo/rendezvous/store.h.
#pragma once
