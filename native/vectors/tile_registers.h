// The tile registers of Intel's AMX. There are eight, each of up to 16 rows of up to 64 bytes. One instruction multiplies two
// bfloat16 tiles and adds the product to a float32 tile. On these processors vectors multiply bfloat16 at half the speed of float32.
//
// With ADVPROP_EMULATED_TILES plain code does what the instructions do, on any processor. It aborts where they would fail.
#pragma once
#include <cstdint>
#include <cstring>

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

/// The most rows of a register, and the most bytes of a row.
constexpr int kRows = 16, kRowBytes = 64;

/// The memory layout that the processor reads to configure the shapes of its registers.
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

// GCC's intrinsics are not used, because they do not tell the compiler that they read memory.

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

/// Whether the processor itself has such registers and the operating system lets this process use them.
inline bool available() {
#if ADVPROP_TILES && !defined(ADVPROP_EMULATED_TILES)
  return allowed();
#else
  return false;
#endif
}

}  // namespace advprop::tiles
