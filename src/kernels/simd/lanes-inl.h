// Sums, dot products and maxima over a row with 16 virtual lanes, whatever the vector width: element i goes
// to lane i mod 16 in order of i, and the lanes are folded 16 -> 8 -> 4 -> 2 -> 1 by adding the upper half to
// the lower. So the bits of a sum depend on the row alone.

#if defined(LYCEUM_KERNELS_SIMD_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LYCEUM_KERNELS_SIMD_LANES_INL_H_
#undef LYCEUM_KERNELS_SIMD_LANES_INL_H_
#else
#define LYCEUM_KERNELS_SIMD_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::CappedTag<float, 16>;
using VF32 = hn::VFromD<F32>;
constexpr std::size_t kLanes = 16;
// Vectors that make up the 16 lanes: 1 (AVX-512), 2 (AVX2), 4 (NEON).
constexpr std::size_t kParts = kLanes / hn::MaxLanes(F32());

// Elements [i, i + vector) of a row of n; those at and beyond n read as zero without touching memory.
HWY_INLINE VF32 LoadTail(F32 d, const float* x, std::int64_t i, std::int64_t n) {
  const auto left = n - i;
  if (left >= static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, x + i);
  if (left <= 0) return hn::Zero(d);
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(left)), d, x + i);
}
HWY_INLINE void StoreTail(F32 d, VF32 v, float* y, std::int64_t i, std::int64_t n) {
  const auto left = n - i;
  if (left >= static_cast<std::int64_t>(hn::Lanes(d))) {
    hn::StoreU(v, d, y + i);
  } else if (left > 0) {
    hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(left)), d, y + i);
  }
}

// 16 accumulators.
struct Lanes16 {
  VF32 part[kParts];
};
HWY_INLINE Lanes16 SetLanes(float value) {
  Lanes16 sum;
  for (std::size_t p = 0; p < kParts; ++p) sum.part[p] = hn::Set(F32(), value);
  return sum;
}

// The fold. Through memory: it runs once a row, and its order is written out here for every width.
HWY_INLINE float FoldAdd(const Lanes16& sum) {
  const F32 d;
  alignas(64) float lane[kLanes];
  for (std::size_t p = 0; p < kParts; ++p) hn::Store(sum.part[p], d, lane + p * hn::Lanes(d));
  for (std::size_t half = kLanes / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}
HWY_INLINE float FoldMax(const Lanes16& best) {
  const F32 d;
  alignas(64) float lane[kLanes];
  for (std::size_t p = 0; p < kParts; ++p) hn::Store(best.part[p], d, lane + p * hn::Lanes(d));
  float most = lane[0];
  for (std::size_t i = 1; i < kLanes; ++i) most = lane[i] > most ? lane[i] : most;
  return most;
}

HWY_INLINE float Sum(const float* x, std::int64_t n) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  Lanes16 sum = SetLanes(0.0f);
  for (std::int64_t i = 0; i < n; i += 16)
    for (std::size_t p = 0; p < kParts; ++p)
      sum.part[p] = hn::Add(sum.part[p], LoadTail(d, x, i + static_cast<std::int64_t>(p) * step, n));
  return FoldAdd(sum);
}

HWY_INLINE float Dot(const float* x, const float* y, std::int64_t n) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  Lanes16 sum = SetLanes(0.0f);
  for (std::int64_t i = 0; i < n; i += 16)
    for (std::size_t p = 0; p < kParts; ++p) {
      const std::int64_t at = i + static_cast<std::int64_t>(p) * step;
      sum.part[p] = hn::MulAdd(LoadTail(d, x, at, n), LoadTail(d, y, at, n), sum.part[p]);
    }
  return FoldAdd(sum);
}

// The largest of n >= 1 values. With a NaN among them the result is either NaN or the largest of the others.
HWY_INLINE float Max(const float* x, std::int64_t n) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  Lanes16 best = SetLanes(x[0]);
  for (std::int64_t i = 0; i < n; i += 16)
    for (std::size_t p = 0; p < kParts; ++p) {
      const std::int64_t at = i + static_cast<std::int64_t>(p) * step;
      if (at >= n) continue;
      const auto left = n - at;
      const VF32 v = left >= step ? hn::LoadU(d, x + at)
                                  : hn::IfThenElse(hn::FirstN(d, static_cast<std::size_t>(left)),
                                                   LoadTail(d, x, at, n), best.part[p]);
      best.part[p] = hn::Max(v, best.part[p]);
    }
  return FoldMax(best);
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
