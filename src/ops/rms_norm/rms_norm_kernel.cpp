// Two passes over a row that stays in the first-level cache: the sum of squares, then the result.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rms_norm/rms_norm_kernel.cpp"
#include "ops/rms_norm/rms_norm_kernel.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

void RmsNormRowsImpl(const RmsNormRows& t, std::int64_t begin, std::int64_t end) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const float count = static_cast<float>(t.cols);
  for (std::int64_t r = begin; r < end; ++r) {
    const float* x = t.x + r * t.x_stride;
    float* y = t.y + r * t.cols;
    const float inverse = 1.0f / std::sqrt(Dot(x, x, t.cols) / count + t.epsilon);
    if (t.inverse_rms != nullptr) t.inverse_rms[r] = inverse;
    const VF32 s = hn::Set(d, inverse);
    for (std::int64_t i = 0; i < t.cols; i += step)
      StoreTail(d, hn::Mul(hn::Mul(LoadTail(d, x, i, t.cols), s), LoadTail(d, t.weight, i, t.cols)), y, i,
                t.cols);
  }
}

void RmsNormBackwardImpl(const RmsNormBackwardRows& t, std::int64_t begin, std::int64_t end) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const float count = static_cast<float>(t.cols);
  for (std::int64_t r = begin; r < end; ++r) {
    const float *dy = t.dy + r * t.cols, *x = t.x + r * t.x_stride;
    float* dx = t.dx + r * t.cols;
    const VF32 s = hn::Set(d, t.inverse_rms[r]);
    Lanes16 product = SetLanes(0.0f);
    for (std::int64_t i = 0; i < t.cols; i += 16)
      for (std::size_t p = 0; p < kParts; ++p) {
        const std::int64_t at = i + static_cast<std::int64_t>(p) * step;
        const VF32 g = hn::Mul(LoadTail(d, dy, at, t.cols), LoadTail(d, t.weight, at, t.cols));
        product.part[p] = hn::MulAdd(g, hn::Mul(LoadTail(d, x, at, t.cols), s), product.part[p]);
      }
    const VF32 slope = hn::Set(d, FoldAdd(product) / count);
    for (std::int64_t i = 0; i < t.cols; i += step) {
      const VF32 g = hn::Mul(LoadTail(d, dy, i, t.cols), LoadTail(d, t.weight, i, t.cols));
      const VF32 n = hn::Mul(LoadTail(d, x, i, t.cols), s);
      StoreTail(d, hn::Mul(hn::NegMulAdd(n, slope, g), s), dx, i, t.cols);
    }
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {
HWY_EXPORT(RmsNormRowsImpl);
HWY_EXPORT(RmsNormBackwardImpl);

void rms_norm_rows(const RmsNormRows& args, std::int64_t begin, std::int64_t end) noexcept {
  LYCEUM_DISPATCH(RmsNormRowsImpl)(args, begin, end);
}
void rms_norm_backward_rows(const RmsNormBackwardRows& args, std::int64_t begin, std::int64_t end) noexcept {
  LYCEUM_DISPATCH(RmsNormBackwardImpl)(args, begin, end);
}
}  // namespace lyceum::kernels
#endif
