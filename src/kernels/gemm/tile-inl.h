// The register tile: c[rows][columns] (+)= a[rows][k] b[k][columns], each output one chain of fused multiply-adds over k
// ascending. Shared by the product and by attention.

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

// Args has a, a_stride (between rows of a), panel, panel_stride (between rows of b), k, c, c_stride. With kTransposed, a
// holds its rows side by side: element (r, k) is a[k * a_stride + r]. `columns` may be fewer than the tile's: then the
// rest of b is read (it must be there) but not written. `first` starts from 0 instead of from c.
template <int kRows, int kVectors, bool kTransposed = false, class Args>
HWY_INLINE void Tile(const Args& t, std::int64_t columns, bool first) {
  const F32 d;
  constexpr std::int64_t kN = hn::MaxLanes(F32());
  VF32 sum[kRows][kVectors];
  const bool whole = columns == kN * kVectors;
  if (first) {
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  } else if (whole) {
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::LoadU(d, t.c + r * t.c_stride + v * kN);
  } else {
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = LoadTail(d, t.c + r * t.c_stride, v * kN, columns);
  }
  const float* b = t.panel;
  const float* a[kRows];
  for (int r = 0; r < kRows; ++r) a[r] = kTransposed ? t.a + r : t.a + r * t.a_stride;
  const std::int64_t a_step = kTransposed ? t.a_stride : 1;
  for (std::int64_t k = 0; k < t.k; ++k, b += t.panel_stride) {
    VF32 column[kVectors];
    for (int v = 0; v < kVectors; ++v) column[v] = hn::LoadU(d, b + v * kN);
    for (int r = 0; r < kRows; ++r) {
      const VF32 x = hn::Set(d, a[r][k * a_step]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(x, column[v], sum[r][v]);
    }
  }
  if (whole) {
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, t.c + r * t.c_stride + v * kN);
  } else {
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) StoreTail(d, sum[r][v], t.c + r * t.c_stride, v * kN, columns);
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
