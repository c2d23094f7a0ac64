// One pass over everything that an element needs. What bounds these loops is memory: AdamW reads four arrays
// and writes three. The two corrections of bias are folded into `size` and `epsilon`
// (m / c1 / (sqrt(v) / r + e) = (r / c1) m / (sqrt(v) + r e)), which leaves one division beside the square
// root.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train/optimizer/update_kernel.cpp"
#include "train/optimizer/update_kernel.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

using F64 = hn::Repartition<double, F32>;
using VF64 = hn::VFromD<F64>;
constexpr std::int64_t kStep = hn::MaxLanes(F32());

// 16 accumulators in double: part p of the f32 lanes is the pair 2 p, 2 p + 1.
struct Squares {
  VF64 part[2 * kParts];
};
HWY_INLINE void Clear(Squares& sum) {
  for (VF64& part : sum.part) part = hn::Zero(F64());
}
HWY_INLINE void AddSquares(Squares& sum, std::size_t p, VF32 x) {
  const hn::Half<F32> half;
  const VF64 low = hn::PromoteTo(F64(), hn::LowerHalf(half, x)),
             high = hn::PromoteTo(F64(), hn::UpperHalf(half, x));
  sum.part[2 * p] = hn::MulAdd(low, low, sum.part[2 * p]);
  sum.part[2 * p + 1] = hn::MulAdd(high, high, sum.part[2 * p + 1]);
}
HWY_INLINE double Fold(const Squares& sum) {
  alignas(64) double lane[kLanes];
  for (std::size_t p = 0; p < 2 * kParts; ++p) hn::Store(sum.part[p], F64(), lane + p * hn::Lanes(F64()));
  for (std::size_t half = kLanes / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// Zero in the lanes at and beyond `count`, where the arithmetic of zeros may have left NaN (0 / 0, 0 times
// infinity).
HWY_INLINE VF32 Inside(F32 d, VF32 x, std::int64_t i, std::int64_t count) {
  const std::int64_t left = count - i;
  if (left >= kStep) return x;
  return left <= 0 ? hn::Zero(d) : hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(left)), x);
}

// body(p, i) for each vector of the row: part p of the 16 lanes, elements from i on.
template <class Body>
HWY_INLINE void ForEachPart(std::int64_t count, Body body) {
  for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(kLanes))
    for (std::size_t p = 0; p < kParts; ++p) body(p, i + static_cast<std::int64_t>(p) * kStep);
}

struct Adam {
  explicit HWY_INLINE Adam(const AdamScalars& s)
      : scale(hn::Set(F32(), s.gradient_scale)),
        l2(hn::Set(F32(), s.l2)),
        one_minus_beta1(hn::Set(F32(), s.one_minus_beta1)),
        beta2(hn::Set(F32(), s.beta2)),
        one_minus_beta2(hn::Set(F32(), s.one_minus_beta2)),
        epsilon(hn::Set(F32(), s.epsilon)),
        size(hn::Set(F32(), s.size)),
        decay(hn::Set(F32(), s.decay)) {}
  HWY_INLINE void TakeIn(VF32 g, VF32 p, VF32& m, VF32& v) const {
    g = hn::MulAdd(l2, p, hn::Mul(scale, g));
    m = hn::MulAdd(one_minus_beta1, hn::Sub(g, m), m);
    v = hn::MulAdd(hn::Mul(one_minus_beta2, g), g, hn::Mul(beta2, v));
  }
  HWY_INLINE VF32 Move(VF32 p, VF32 m, VF32 v) const {
    return hn::MulAdd(decay, p, hn::Div(hn::Mul(size, m), hn::Add(hn::Sqrt(v), epsilon)));
  }
  VF32 scale, l2, one_minus_beta1, beta2, one_minus_beta2, epsilon, size, decay;
};

void AdamBlockImpl(const AdamScalars& s, float* p, const float* g, float* m, float* v, std::int64_t count) {
  const F32 d;
  const Adam adam(s);
  for (std::int64_t i = 0; i < count; i += kStep) {
    const VF32 pi = LoadTail(d, p, i, count);
    VF32 mi = LoadTail(d, m, i, count), vi = LoadTail(d, v, i, count);
    adam.TakeIn(LoadTail(d, g, i, count), pi, mi, vi);
    StoreTail(d, mi, m, i, count);
    StoreTail(d, vi, v, i, count);
    StoreTail(d, hn::Sub(pi, adam.Move(pi, mi, vi)), p, i, count);
  }
}

SquareSums LambMomentsBlockImpl(const AdamScalars& s, const float* p, const float* g, float* m, float* v,
                                std::int64_t count) {
  const F32 d;
  const Adam adam(s);
  Squares weight, update;
  Clear(weight);
  Clear(update);
  ForEachPart(count, [&](std::size_t part, std::int64_t i) HWY_ATTR {
    const VF32 pi = LoadTail(d, p, i, count);
    VF32 mi = LoadTail(d, m, i, count), vi = LoadTail(d, v, i, count);
    adam.TakeIn(LoadTail(d, g, i, count), pi, mi, vi);
    StoreTail(d, mi, m, i, count);
    StoreTail(d, vi, v, i, count);
    AddSquares(weight, part, pi);
    AddSquares(update, part, Inside(d, adam.Move(pi, mi, vi), i, count));
  });
  return {Fold(weight), Fold(update)};
}

void LambMoveBlockImpl(const AdamScalars& s, float step, float* p, const float* m, const float* v,
                       std::int64_t count) {
  const F32 d;
  const Adam adam(s);
  const VF32 size = hn::Set(d, step);
  for (std::int64_t i = 0; i < count; i += kStep) {
    const VF32 pi = LoadTail(d, p, i, count);
    const VF32 u = adam.Move(pi, LoadTail(d, m, i, count), LoadTail(d, v, i, count));
    StoreTail(d, hn::NegMulAdd(size, u, pi), p, i, count);
  }
}

void SgdBlockImpl(const SgdScalars& s, float* p, const float* g, float* b, std::int64_t count) {
  const F32 d;
  const VF32 scale = hn::Set(d, s.gradient_scale), l2 = hn::Set(d, s.l2), momentum = hn::Set(d, s.momentum),
             intake = hn::Set(d, s.intake), rate = hn::Set(d, s.rate);
  for (std::int64_t i = 0; i < count; i += kStep) {
    const VF32 pi = LoadTail(d, p, i, count);
    VF32 move = hn::MulAdd(l2, pi, hn::Mul(scale, LoadTail(d, g, i, count)));
    if (b != nullptr) {
      const VF32 bi = hn::MulAdd(momentum, LoadTail(d, b, i, count), hn::Mul(intake, move));
      StoreTail(d, bi, b, i, count);
      move = s.nesterov ? hn::MulAdd(momentum, bi, move) : bi;
    }
    StoreTail(d, hn::NegMulAdd(rate, move, pi), p, i, count);
  }
}

double SumOfSquaresImpl(const float* x, float scale, std::int64_t count) {
  const F32 d;
  const VF32 by = hn::Set(d, scale);
  Squares sum;
  Clear(sum);
  ForEachPart(count, [&](std::size_t part, std::int64_t i) HWY_ATTR {
    AddSquares(sum, part, Inside(d, hn::Mul(by, LoadTail(d, x, i, count)), i, count));
  });
  return Fold(sum);
}

void AddSquaresImpl(const float* x, float scale, double* sums, std::int64_t count) {
  const hn::Half<F32> half;
  const auto by = hn::Set(half, scale);
  const auto step = static_cast<std::int64_t>(hn::Lanes(half));
  std::int64_t i = 0;
  for (; i + step <= count; i += step) {
    const VF64 square = hn::PromoteTo(F64(), hn::Mul(by, hn::LoadU(half, x + i)));
    hn::StoreU(hn::MulAdd(square, square, hn::LoadU(F64(), sums + i)), F64(), sums + i);
  }
  for (; i < count; ++i) {
    const double value = static_cast<double>(scale * x[i]);
    sums[i] += value * value;  // exact, so as good as fused
  }
}

HWY_INLINE VF32 Row(F32 d, const AdafactorRow& row, VF32 factor, VF32 scale, std::int64_t i,
                    std::int64_t count) {
  return hn::Mul(hn::Mul(factor, LoadTail(d, row.column_factors, i, count)),
                 hn::Mul(scale, LoadTail(d, row.g, i, count)));
}

double AdafactorSquaresImpl(const AdafactorRow& row, std::int64_t count) {
  const F32 d;
  const VF32 factor = hn::Set(d, row.row_factor), scale = hn::Set(d, row.scale);
  Squares sum;
  Clear(sum);
  ForEachPart(count, [&](std::size_t part, std::int64_t i) HWY_ATTR {
    AddSquares(sum, part, Inside(d, Row(d, row, factor, scale, i, count), i, count));
  });
  return Fold(sum);
}

void AdafactorMoveImpl(const AdafactorMove& s, const AdafactorRow& row, float* p, float* m,
                       std::int64_t count) {
  const F32 d;
  const VF32 factor = hn::Set(d, row.row_factor), scale = hn::Set(d, row.scale), size = hn::Set(d, s.size),
             decay = hn::Set(d, s.decay), beta1 = hn::Set(d, s.beta1),
             one_minus_beta1 = hn::Set(d, s.one_minus_beta1);
  for (std::int64_t i = 0; i < count; i += kStep) {
    const VF32 pi = LoadTail(d, p, i, count);
    VF32 move = hn::Mul(size, Row(d, row, factor, scale, i, count));
    if (m != nullptr) {
      move = hn::MulAdd(one_minus_beta1, move, hn::Mul(beta1, LoadTail(d, m, i, count)));
      StoreTail(d, move, m, i, count);
    }
    StoreTail(d, hn::Sub(pi, hn::MulAdd(decay, pi, move)), p, i, count);
  }
}

void MoveAverageImpl(float* average, const float* x, float one_minus_decay, std::int64_t count) {
  const F32 d;
  const VF32 share = hn::Set(d, one_minus_decay);
  for (std::int64_t i = 0; i < count; i += kStep) {
    const VF32 a = LoadTail(d, average, i, count);
    StoreTail(d, hn::MulAdd(share, hn::Sub(LoadTail(d, x, i, count), a), a), average, i, count);
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {
HWY_EXPORT(AdamBlockImpl);
HWY_EXPORT(LambMomentsBlockImpl);
HWY_EXPORT(LambMoveBlockImpl);
HWY_EXPORT(SgdBlockImpl);
HWY_EXPORT(SumOfSquaresImpl);
HWY_EXPORT(AddSquaresImpl);
HWY_EXPORT(AdafactorSquaresImpl);
HWY_EXPORT(AdafactorMoveImpl);
HWY_EXPORT(MoveAverageImpl);

void adam_block(const AdamScalars& s, float* p, const float* g, float* m, float* v,
                std::int64_t count) noexcept {
  LYCEUM_DISPATCH(AdamBlockImpl)(s, p, g, m, v, count);
}
SquareSums lamb_moments_block(const AdamScalars& s, const float* p, const float* g, float* m, float* v,
                              std::int64_t count) noexcept {
  return LYCEUM_DISPATCH(LambMomentsBlockImpl)(s, p, g, m, v, count);
}
void lamb_move_block(const AdamScalars& s, float step, float* p, const float* m, const float* v,
                     std::int64_t count) noexcept {
  LYCEUM_DISPATCH(LambMoveBlockImpl)(s, step, p, m, v, count);
}
void sgd_block(const SgdScalars& s, float* p, const float* g, float* b, std::int64_t count) noexcept {
  LYCEUM_DISPATCH(SgdBlockImpl)(s, p, g, b, count);
}
double sum_of_squares(const float* x, float scale, std::int64_t count) noexcept {
  return LYCEUM_DISPATCH(SumOfSquaresImpl)(x, scale, count);
}
void add_squares(const float* x, float scale, double* sums, std::int64_t count) noexcept {
  LYCEUM_DISPATCH(AddSquaresImpl)(x, scale, sums, count);
}
double adafactor_squares(const AdafactorRow& row, std::int64_t count) noexcept {
  return LYCEUM_DISPATCH(AdafactorSquaresImpl)(row, count);
}
void adafactor_move(const AdafactorMove& s, const AdafactorRow& row, float* p, float* m,
                    std::int64_t count) noexcept {
  LYCEUM_DISPATCH(AdafactorMoveImpl)(s, row, p, m, count);
}
void move_average(float* average, const float* x, float one_minus_decay, std::int64_t count) noexcept {
  LYCEUM_DISPATCH(MoveAverageImpl)(average, x, one_minus_decay, count);
}
}  // namespace lyceum::kernels
#endif
