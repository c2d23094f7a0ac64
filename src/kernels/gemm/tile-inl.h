// The register tile: c[rows][columns] (+)= a[rows][k] b[k][columns], each output one chain of fused
// multiply-adds over k ascending. Shared by the product and by attention.

#if defined(LYCEUM_KERNELS_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LYCEUM_KERNELS_GEMM_TILE_INL_H_
#undef LYCEUM_KERNELS_GEMM_TILE_INL_H_
#else
#define LYCEUM_KERNELS_GEMM_TILE_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

#if defined(LYCEUM_ROLLED)
#define LYCEUM_UNROLL _Pragma("clang loop unroll(disable)")
#elif defined(__clang__)
#define LYCEUM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LYCEUM_UNROLL _Pragma("GCC unroll 16")
#endif

// Tile: args has a, a_stride (between rows of a), panel, panel_stride (between rows of b), k, c, c_stride.
// With kTransposed, a holds its rows side by side: element (r, k) is a[k * a_stride + r]. `columns` may be
// fewer than the tile's: then the rest of b is read (it must be there) but not written. `first` starts from 0
// instead of from c. With kAhead, Args has also `ahead`, and `ahead_lines` cache lines from there for every 4
// steps of k are called into the second-level cache on the way.
HWY_INLINE void PrefetchFar(const float* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p, 0, 2);
#else
  hwy::Prefetch(p);
#endif
}

template <int kRows, int kVectors, bool kTransposed, bool kAhead, bool kFirst, class Args>
HWY_INLINE void WholeTile(const Args& t, float* c, std::int64_t c_stride) {
  static_assert(kRows <= 8);
  const F32 d;
  constexpr std::int64_t kN = hn::MaxLanes(F32());
  VF32 sum[kRows][kVectors];
  LYCEUM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    LYCEUM_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      if constexpr (kFirst) {
        sum[r][v] = hn::Zero(d);
      } else {
        sum[r][v] = hn::LoadU(d, c + r * c_stride + v * kN);
      }
    }
  }
  const float* b = t.panel;
  // Rows of a stand at multiples of the stride that an address can hold (1, 2, 4 times a register): eight row
  // pointers do not fit beside the rest, and moving one in and out of a vector register costs a
  // multiply-add's slot.
  const char* a = reinterpret_cast<const char*>(t.a);
  const std::int64_t s1 = kTransposed ? static_cast<std::int64_t>(sizeof(float))
                                      : t.a_stride * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t s3 = 3 * s1, s5 = 5 * s1, s7 = 7 * s1;
  const std::int64_t a_step = kTransposed ? t.a_stride * static_cast<std::int64_t>(sizeof(float))
                                          : static_cast<std::int64_t>(sizeof(float));
  const auto step = [&]() HWY_ATTR __attribute__((always_inline)) {
    VF32 column[kVectors];
    LYCEUM_UNROLL
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, b + v * kN);
    LYCEUM_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const std::int64_t at = r == 3 ? s3 : r == 5 ? s5 : r == 6 ? 2 * s3 : r == 7 ? s7 : r * s1;
      const VF32 x = hn::Set(d, *reinterpret_cast<const float*>(a + at));
      LYCEUM_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(x, column[v], sum[r][v]);
    }
    b += t.panel_stride;
    a += a_step;
#if defined(__GNUC__)
    asm("" : "+r"(a));  // keeps the compiler from making a pointer of its own for every row
#endif
  };
  std::int64_t k = 0;
  if constexpr (kAhead) {
    const float* ahead = t.ahead;
    for (; k + 4 <= t.k; k += 4) {
      for (int line = 0; line < t.ahead_lines; ++line, ahead += 16) PrefetchFar(ahead);
      step();
      step();
      step();
      step();
    }
  }
  for (; k < t.k; ++k) step();
  LYCEUM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    LYCEUM_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * c_stride + v * kN);
  }
}

template <int kRows, int kVectors, bool kTransposed = false, bool kAhead = false, class Args>
HWY_INLINE void Tile(const Args& t, std::int64_t columns, bool first) {
  const F32 d;
  constexpr std::int64_t kN = hn::MaxLanes(F32()), kColumns = kN * kVectors;
  if (columns == kColumns) {
    first ? WholeTile<kRows, kVectors, kTransposed, kAhead, true>(t, t.c, t.c_stride)
          : WholeTile<kRows, kVectors, kTransposed, kAhead, false>(t, t.c, t.c_stride);
    return;
  }
  alignas(64) float edge[kRows * kColumns];
  if (!first)
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v)
        hn::Store(LoadTail(d, t.c + r * t.c_stride, v * kN, columns), d, edge + r * kColumns + v * kN);
  first ? WholeTile<kRows, kVectors, kTransposed, kAhead, true>(t, edge, kColumns)
        : WholeTile<kRows, kVectors, kTransposed, kAhead, false>(t, edge, kColumns);
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v)
      StoreTail(d, hn::Load(d, edge + r * kColumns + v * kN), t.c + r * t.c_stride, v * kN, columns);
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
