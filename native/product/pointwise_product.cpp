#include "block_product.h"
#include "pointwise.h"

namespace advprop {

namespace {

/// Bytes that a block of rows may take of the first-level cache, if the right factor fits there too, and of the second-level cache.
constexpr int64_t kFirstLevelBytes = 16 << 10, kSecondLevelBytes = 256 << 10;

/// Rows that are multiplied with all panels together: each panel is read once for them.
template <typename T>
int64_t rowsOfBlock(const PackedMatrix& right) {
  const int64_t size = sizeof(T);
  if (packedWords<T>(right.depth, right.columns) * 4 <= kFirstLevelBytes) {
    return std::max<int64_t>(24, kFirstLevelBytes / ((right.depth + right.columns) * size));
  }
  return std::max<int64_t>(24, kSecondLevelBytes / ((right.depth + 2 * kPanelVectors * kLanes) * size));
}

template <typename T>
void multiplyAll(const Product<T>& product) {
  const PackedMatrix& right = product.right;
  const int64_t blocks = (product.rows + rowsOfBlock<T>(right) - 1) / rowsOfBlock<T>(right);
  const int64_t work = product.rows * right.depth * right.columns / blocks;
  eachPartOfProduct(blocks, right.columns, work, [&](int64_t block, int64_t first, int64_t last) {
    multiplyBlock(product, block * product.rows / blocks, (block + 1) * product.rows / blocks, first, last);
  });
}

}  // namespace

at::Tensor pointwiseProduct(const at::Tensor& x, const PackedMatrix& right) {
  at::Tensor y = at::empty({x.size(0), right.columns, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  withType(x.scalar_type(), [&](auto zero) {
    using T = decltype(zero);
    multiplyAll(Product<T>{x.data_ptr<T>(), y.data_ptr<T>(), x.numel() / x.size(1), right});
  });
  return y;
}

}  // namespace advprop
