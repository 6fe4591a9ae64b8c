// The tile registers of Intel's AMX: eight, each of up to 16 rows of up to 64 bytes, and a product of bfloat16 numbers between
// them with float32 sums. Where these are compiled, a processor's vectors multiply bfloat16 at half the speed of float32.
//
// With ADVPROP_EMULATED_TILES a program computes what the instructions do, on any processor, and stops at a use that they refuse.
#pragma once
#include <cstdint>
#include <cstring>

#include "vector.h"

#if defined(ADVPROP_EMULATED_TILES)
#include <cstdlib>
#define ADVPROP_TILES 1
#elif defined(__AMX_BF16__) && defined(__AVX512BF16__)
#include <sys/syscall.h>
#include <unistd.h>
#define ADVPROP_TILES 1
#else
#define ADVPROP_TILES 0
#endif

namespace advprop::tiles {

/// Of a register.
constexpr int kRows = 16, kRowBytes = 64;

/// What the processor reads when its registers are given their shapes.
struct alignas(64) Shapes {
  uint8_t palette = 1, firstRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {};
  uint8_t rows[16] = {};

  void set(int tile, int64_t count, int64_t bytes) {
    rows[tile] = static_cast<uint8_t>(count);
    rowBytes[tile] = static_cast<uint16_t>(bytes);
  }
};
static_assert(sizeof(Shapes) == 64);

#if defined(ADVPROP_EMULATED_TILES)

struct Emulated {
  Shapes shapes;
  uint8_t bytes[8][kRows][kRowBytes];
};
inline thread_local Emulated emulated;

inline void require(bool allowed) {
  if (!allowed) std::abort();
}

inline bool allowed() { return true; }

inline void configure(const Shapes& shapes) {
  for (int tile = 0; tile < 8; ++tile) require(shapes.rows[tile] <= kRows && shapes.rowBytes[tile] <= kRowBytes);
  emulated.shapes = shapes;
  std::memset(emulated.bytes, 0, sizeof emulated.bytes);
}

inline void release() { emulated.shapes = Shapes(); }

template <int tile>
void zero() {
  require(emulated.shapes.rows[tile] > 0);
  std::memset(emulated.bytes[tile], 0, sizeof emulated.bytes[tile]);
}

template <int tile>
void load(const void* from, int64_t stride) {
  zero<tile>();
  const auto* row = static_cast<const uint8_t*>(from);
  for (int r = 0; r < emulated.shapes.rows[tile]; ++r, row += stride) std::memcpy(emulated.bytes[tile][r], row, emulated.shapes.rowBytes[tile]);
}

template <int tile>
void store(void* to, int64_t stride) {
  require(emulated.shapes.rows[tile] > 0);
  auto* row = static_cast<uint8_t*>(to);
  for (int r = 0; r < emulated.shapes.rows[tile]; ++r, row += stride) std::memcpy(row, emulated.bytes[tile][r], emulated.shapes.rowBytes[tile]);
}

template <int sum, int left, int right>
void addProduct() {
  const Shapes& s = emulated.shapes;
  require(s.rows[sum] == s.rows[left] && s.rowBytes[left] == 4 * s.rows[right] && s.rowBytes[right] == s.rowBytes[sum]);
  const auto number = [](int tile, int row, int at) {
    uint16_t half;
    std::memcpy(&half, emulated.bytes[tile][row] + 2 * at, sizeof half);
    const uint32_t word = static_cast<uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &word, sizeof value);
    return value;
  };
  for (int r = 0; r < s.rows[sum]; ++r) {
    for (int c = 0; c < s.rowBytes[sum] / 4; ++c) {
      float total;
      std::memcpy(&total, emulated.bytes[sum][r] + 4 * c, sizeof total);
      for (int k = 0; k < s.rows[right]; ++k) {
        for (int half = 0; half < 2; ++half) total += number(left, r, 2 * k + half) * number(right, k, 2 * c + half);
      }
      std::memcpy(emulated.bytes[sum][r] + 4 * c, &total, sizeof total);
    }
  }
}

#elif ADVPROP_TILES

/// Whether the operating system lets this process use the registers; asks for it the first time.
inline bool allowed() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}

// Not GCC's intrinsics, which do not say that they read memory.

inline void configure(const Shapes& shapes) { asm volatile("ldtilecfg %0" ::"m"(shapes)); }

inline void release() { asm volatile("tilerelease"); }

template <int tile>
inline __attribute__((always_inline)) void zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(tile));
}

template <int tile>
inline __attribute__((always_inline)) void load(const void* from, int64_t stride) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(tile), "r"(from), "r"(stride) : "memory");
}

template <int tile>
inline __attribute__((always_inline)) void store(void* to, int64_t stride) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(tile), "r"(to), "r"(stride) : "memory");
}

template <int sum, int left, int right>
inline __attribute__((always_inline)) void addProduct() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(left), "i"(right));
}

#endif

#if ADVPROP_TILES

/// Numbers of a row of a left factor in one register, and pairs of rows of a right one: 32 and 16, as lanes are 16 wherever there are
/// such registers.
constexpr int64_t kDepth = 2 * kLanes, kPairs = kLanes;

/// The registers for products of `rows` rows of so many numbers with vectors of columns: 0 and 1 the sums, 2 a left factor, 3 and 4
/// a right one; 5, 6 and 7 the factors where the last of the depth does not fill a register.
inline void configureProduct(int64_t rows, int64_t depth) {
  Shapes shapes;
  const int64_t last = depth % kDepth / 2;
  for (int tile = 0; tile < 2; ++tile) shapes.set(tile, rows, kVectorBytes);
  shapes.set(2, rows, kVectorBytes);
  for (int tile = 3; tile < 5; ++tile) shapes.set(tile, kPairs, kVectorBytes);
  if (last > 0) {
    shapes.set(5, rows, 4 * last);
    for (int tile = 6; tile < 8; ++tile) shapes.set(tile, last, kVectorBytes);
  }
  configure(shapes);
}

/// Adds to the sums the product of the left factor at `left` with the packed right one at `right`; `A` and `B` are their registers.
template <int A, int B, int Vectors>
inline __attribute__((always_inline)) void addRegisters(const void* left, int64_t leftStride, const float* right) {
  load<A>(left, leftStride);
  load<B>(right, Vectors * kVectorBytes);
  addProduct<0, A, B>();
  if constexpr (Vectors == 2) {
    load<B + 1>(right + kLanes, Vectors * kVectorBytes);
    addProduct<1, A, B + 1>();
  }
}

/// sums [rows][Vectors] = left times panel, after `configureProduct`. `left(k)` is where the numbers of the first row from k on
/// are, as many as a register takes or are left; its rows are `stride` bytes apart.
template <int Vectors, typename Left>
inline __attribute__((always_inline)) void product(Floats* sums, const Left& left, int64_t stride, const float* panel, int64_t depth) {
  zero<0>();
  if constexpr (Vectors == 2) zero<1>();
  int64_t k = 0;
  for (; k + kDepth <= depth; k += kDepth, panel += kPairs * Vectors * kLanes) addRegisters<2, 3, Vectors>(left(k), stride, panel);
  if (k < depth) addRegisters<5, 6, Vectors>(left(k), stride, panel);
  store<0>(sums, Vectors * kVectorBytes);
  if constexpr (Vectors == 2) store<1>(sums + 1, Vectors * kVectorBytes);
}

#endif

/// Whether the processor itself has such registers and the operating system lets this process use them.
inline bool available() {
#if ADVPROP_TILES && !defined(ADVPROP_EMULATED_TILES)
  return allowed();
#else
  return false;
#endif
}

}  // namespace advprop::tiles
