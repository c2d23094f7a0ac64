// Three passes over a row in cache: maximum, exponentials with their sum, division.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/softmax/softmax_kernel.cpp"
#include "ops/softmax/softmax_kernel.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

// Writes exp(x - most) and returns their sum.
HWY_INLINE float Exponentials(const float* x, float most, float* y, std::int64_t cols) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const VF32 m = hn::Set(d, most);
  Lanes16 sum = SetLanes(0.0f);
  for (std::int64_t i = 0; i < cols; i += 16)
    for (std::size_t p = 0; p < kParts; ++p) {
      const std::int64_t at = i + static_cast<std::int64_t>(p) * step;
      if (at >= cols) break;
      VF32 e = Exp(d, hn::Sub(LoadTail(d, x, at, cols), m));
      if (cols - at < step) e = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(cols - at)), e);
      StoreTail(d, e, y, at, cols);
      sum.part[p] = hn::Add(sum.part[p], e);
    }
  return FoldAdd(sum);
}

void SoftmaxImpl(const float* x, float* y, std::int64_t cols) {
  const F32 d;
  const VF32 sum = hn::Set(d, Exponentials(x, Max(x, cols), y, cols));
  for (std::int64_t i = 0; i < cols; i += static_cast<std::int64_t>(hn::Lanes(d)))
    StoreTail(d, hn::Div(LoadTail(d, y, i, cols), sum), y, i, cols);
}

float LogSumExpImpl(const float* x, float* exponentials, std::int64_t cols) {
  const F32 d;
  const float most = Max(x, cols);
  const float sum = Exponentials(x, most, exponentials, cols);
  return most + hn::GetLane(Log(d, hn::Set(d, sum)));
}

void SoftmaxBackwardImpl(const float* y, const float* dy, float* dx, std::int64_t cols) {
  const F32 d;
  const VF32 along = hn::Set(d, Dot(y, dy, cols));
  for (std::int64_t i = 0; i < cols; i += static_cast<std::int64_t>(hn::Lanes(d)))
    StoreTail(d, hn::Mul(LoadTail(d, y, i, cols), hn::Sub(LoadTail(d, dy, i, cols), along)), dx, i, cols);
}

void LogisticLossImpl(const float* x, const float* target, float* loss, float* slope, std::int64_t cols) {
  const F32 d;
  const VF32 zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  for (std::int64_t i = 0; i < cols; i += static_cast<std::int64_t>(hn::Lanes(d))) {
    const VF32 v = LoadTail(d, x, i, cols), t = LoadTail(d, target, i, cols);
    const VF32 tail = Log(d, hn::Add(one, Exp(d, hn::Neg(hn::Abs(v)))));
    StoreTail(d, hn::Add(hn::NegMulAdd(v, t, hn::Max(zero, v)), tail), loss, i, cols);
    StoreTail(d, hn::Sub(Sigmoid(d, v), t), slope, i, cols);
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {
HWY_EXPORT(SoftmaxImpl);
HWY_EXPORT(LogSumExpImpl);
HWY_EXPORT(SoftmaxBackwardImpl);
HWY_EXPORT(LogisticLossImpl);

void softmax_row(const float* x, float* y, std::int64_t cols) noexcept {
  if (cols > 0) LYCEUM_DISPATCH(SoftmaxImpl)(x, y, cols);
}
float log_sum_exp(const float* x, float* exponentials, std::int64_t cols) noexcept {
  return LYCEUM_DISPATCH(LogSumExpImpl)(x, exponentials, cols);
}
void softmax_backward_row(const float* y, const float* dy, float* dx, std::int64_t cols) noexcept {
  LYCEUM_DISPATCH(SoftmaxBackwardImpl)(y, dy, dx, cols);
}
void logistic_loss_row(const float* x, const float* target, float* loss, float* slope,
                       std::int64_t cols) noexcept {
  LYCEUM_DISPATCH(LogisticLossImpl)(x, target, loss, slope, cols);
}
}  // namespace lyceum::kernels
#endif
