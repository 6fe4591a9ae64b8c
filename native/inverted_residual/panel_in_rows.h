// A panel of a matrix whose rows have all channels.
#pragma once
#include "layers.h"

namespace advprop {

/// Reads and writes it as if it were a panel [rows, kPanel]. Channels after the last one read as zero and are not written.
template <typename T>
struct PanelInRows {
  PanelInRows(T* first, int64_t stride_, int64_t panel) : at(first + panel * kPanel), stride(stride_), channels(stride_ - panel * kPanel) {}

  Floats load(int64_t i, int64_t c) const {
    const T* from = at + i / kPanel * stride + c;
    if (c + kLanes <= channels) return advprop::load(from);
    return c < channels ? loadFirst(from, channels - c) : Floats{};
  }
  void store(int64_t i, int64_t c, Floats values) const {
    T* to = at + i / kPanel * stride + c;
    if (c + kLanes <= channels) advprop::store(to, values);
    else if (c < channels) storeFirst(to, values, channels - c);
  }

  T* at;
  int64_t stride, channels;
};

}  // namespace advprop
