// Rows turned into columns, in blocks of 4 x 4.

#if defined(LYCEUM_KERNELS_SIMD_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LYCEUM_KERNELS_SIMD_TRANSPOSE_INL_H_
#undef LYCEUM_KERNELS_SIMD_TRANSPOSE_INL_H_
#else
#define LYCEUM_KERNELS_SIMD_TRANSPOSE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// to[c * to_stride + r] = from[r * stride + c] of [rows][cols].
HWY_INLINE void Transpose(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                          float* to, std::int64_t to_stride) {
  const hn::FixedTag<float, 4> d4;
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* x = from + r * stride;
    float* y = to + r;
    std::int64_t c = 0;
    for (; c + 4 <= cols; c += 4) {
      const auto a = hn::LoadU(d4, x + c), b = hn::LoadU(d4, x + stride + c);
      const auto e = hn::LoadU(d4, x + 2 * stride + c), f = hn::LoadU(d4, x + 3 * stride + c);
      const auto ae0 = hn::InterleaveLower(d4, a, e), ae1 = hn::InterleaveUpper(d4, a, e);
      const auto bf0 = hn::InterleaveLower(d4, b, f), bf1 = hn::InterleaveUpper(d4, b, f);
      hn::StoreU(hn::InterleaveLower(d4, ae0, bf0), d4, y + (c + 0) * to_stride);
      hn::StoreU(hn::InterleaveUpper(d4, ae0, bf0), d4, y + (c + 1) * to_stride);
      hn::StoreU(hn::InterleaveLower(d4, ae1, bf1), d4, y + (c + 2) * to_stride);
      hn::StoreU(hn::InterleaveUpper(d4, ae1, bf1), d4, y + (c + 3) * to_stride);
    }
    for (; c < cols; ++c)
      for (std::int64_t i = 0; i < 4; ++i) y[c * to_stride + i] = x[i * stride + c];
  }
  for (; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) to[c * to_stride + r] = from[r * stride + c];
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
