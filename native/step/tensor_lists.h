// Walks several lists of tensors together, vector by vector, in one pass. Each list has one tensor for every parameter. The work is divided
// into chunks of a fixed size.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <vector>

#include "vectors/vector.h"

namespace advprop {

/// Whether a list can be walked: float32 tensors on the CPU whose elements leave no gaps in memory.
inline bool canWalk(at::TensorList tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& x) {
    return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.is_non_overlapping_and_dense();
  });
}

/// Part of a tensor of a list.
struct Chunk {
  int64_t tensor, begin, end;
};

inline std::vector<Chunk> chunksOf(at::TensorList tensors) {
  constexpr int64_t kValues = 16384;
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < tensors.size(); ++i) {
    for (int64_t begin = 0; begin < tensors[i].numel(); begin += kValues) {
      chunks.push_back({static_cast<int64_t>(i), begin, std::min(begin + kValues, tensors[i].numel())});
    }
  }
  return chunks;
}

/// The tensors with the memory layout of `like`; those with another layout are copied.
inline std::vector<at::Tensor> laidOutLike(at::TensorList like, at::TensorList tensors) {
  std::vector<at::Tensor> result;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const bool same = tensors[i].strides() == like[i].strides() && tensors[i].scalar_type() == at::kFloat;
    result.push_back(same ? tensors[i] : at::empty_like(like[i]).copy_(tensors[i]));
  }
  return result;
}

/// At each place: reads one vector of each of the K lists, lets `formulaOf(tensor)(values)` change them, and writes the vectors of the first
/// `written` lists back. All lists have the same shapes. Lists that are only read may have other memory layouts.
template <size_t written, size_t K, typename FormulaOf>
void walk(const std::array<at::TensorList, K>& lists, const FormulaOf& formulaOf) {
  std::array<std::vector<at::Tensor>, K> aligned;
  std::array<std::vector<float*>, K> data;
  for (size_t k = 0; k < K; ++k) {
    TORCH_CHECK(lists[k].size() == lists[0].size(), "the lists must be of one length; got ", lists[0].size(), " and ", lists[k].size());
    for (size_t i = 0; i < lists[0].size(); ++i) {
      TORCH_CHECK(lists[k][i].sizes() == lists[0][i].sizes(), "tensors at one place of the lists must have one shape; got ", lists[0][i].sizes(),
                  " and ", lists[k][i].sizes());
      TORCH_CHECK(k >= written || lists[k][i].strides() == lists[0][i].strides(), "tensors that are changed together must have one memory format");
    }
    aligned[k] = laidOutLike(lists[0], lists[k]);
    for (const at::Tensor& tensor : aligned[k]) data[k].push_back(tensor.data_ptr<float>());
  }
  const std::vector<Chunk> chunks = chunksOf(lists[0]);
  at::parallel_for(0, static_cast<int64_t>(chunks.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; ++c) {
      const auto [tensor, begin, end] = chunks[c];
      const auto formula = formulaOf(tensor);
      std::array<float*, K> at;
      for (size_t k = 0; k < K; ++k) at[k] = data[k][tensor] + begin;
      std::array<Floats, K> values;
      int64_t i = 0;
      for (; i + kLanes <= end - begin; i += kLanes) {
        for (size_t k = 0; k < K; ++k) values[k] = load(at[k] + i);
        formula(values);
        for (size_t k = 0; k < written; ++k) store(at[k] + i, values[k]);
      }
      if (const size_t rest = (end - begin - i) * sizeof(float); rest > 0) {
        for (size_t k = 0; k < K; ++k) std::memcpy(&(values[k] = Floats{}), at[k] + i, rest);
        formula(values);
        for (size_t k = 0; k < written; ++k) std::memcpy(at[k] + i, &values[k], rest);
      }
    }
  });
  for (size_t k = 0; k < written; ++k) {
    for (const at::Tensor& tensor : lists[k]) tensor.unsafeGetTensorImpl()->bump_version();
  }
}

}  // namespace advprop
