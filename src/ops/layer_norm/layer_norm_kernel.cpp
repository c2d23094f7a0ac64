// Two passes over a row that stays in the first-level cache: sum, then squared deviations; a third writes.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/layer_norm/layer_norm_kernel.cpp"
#include "ops/layer_norm/layer_norm_kernel.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

void LayerNormRowsImpl(const LayerNormRows& t, std::int64_t begin, std::int64_t end) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const float count = static_cast<float>(t.cols);
  for (std::int64_t r = begin; r < end; ++r) {
    const float* x = t.x + r * t.x_stride;
    float* y = t.y + r * t.cols;
    if (t.residual != nullptr) {  // the sum stands in y meanwhile
      const float* residual = t.residual + r * t.residual_stride;
      for (std::int64_t i = 0; i < t.cols; i += step)
        StoreTail(d, hn::Add(LoadTail(d, x, i, t.cols), LoadTail(d, residual, i, t.cols)), y, i, t.cols);
      x = y;
    }
    const float mean = Sum(x, t.cols) / count;
    Lanes16 squares = SetLanes(0.0f);
    const VF32 m = hn::Set(d, mean);
    for (std::int64_t i = 0; i < t.cols; i += 16)
      for (std::size_t p = 0; p < kParts; ++p) {
        const std::int64_t at = i + static_cast<std::int64_t>(p) * step;
        if (at >= t.cols) break;
        VF32 deviation = hn::Sub(LoadTail(d, x, at, t.cols), m);
        if (t.cols - at < step)
          deviation = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(t.cols - at)), deviation);
        squares.part[p] = hn::MulAdd(deviation, deviation, squares.part[p]);
      }
    const float inverse = 1.0f / std::sqrt(FoldAdd(squares) / count + t.epsilon);
    const VF32 s = hn::Set(d, inverse);
    if (t.inverse_sigma != nullptr) t.inverse_sigma[r] = inverse;
    for (std::int64_t i = 0; i < t.cols; i += step) {
      const VF32 n = hn::Mul(hn::Sub(LoadTail(d, x, i, t.cols), m), s);
      if (t.normalized != nullptr) StoreTail(d, n, t.normalized + r * t.cols, i, t.cols);
      StoreTail(d, hn::MulAdd(n, LoadTail(d, t.gamma, i, t.cols), LoadTail(d, t.beta, i, t.cols)), y, i,
                t.cols);
    }
  }
}

void LayerNormOutputsImpl(const float* normalized, const float* gamma, const float* beta, float* y,
                          std::int64_t cols, std::int64_t begin, std::int64_t end) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = begin; r < end; ++r)
    for (std::int64_t i = 0; i < cols; i += step)
      StoreTail(d,
                hn::MulAdd(LoadTail(d, normalized + r * cols, i, cols), LoadTail(d, gamma, i, cols),
                           LoadTail(d, beta, i, cols)),
                y + r * cols, i, cols);
}

void LayerNormBackwardImpl(const float* dy, const float* normalized, const float* inverse_sigma,
                           const float* gamma, float* dx, std::int64_t cols, std::int64_t begin,
                           std::int64_t end) {
  const F32 d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const float count = static_cast<float>(cols);
  for (std::int64_t r = begin; r < end; ++r) {
    const float *g_row = dy + r * cols, *n_row = normalized + r * cols;
    float* out = dx + r * cols;
    Lanes16 sum = SetLanes(0.0f), product = SetLanes(0.0f);
    for (std::int64_t i = 0; i < cols; i += 16)
      for (std::size_t p = 0; p < kParts; ++p) {
        const std::int64_t at = i + static_cast<std::int64_t>(p) * step;
        const VF32 g = hn::Mul(LoadTail(d, g_row, at, cols), LoadTail(d, gamma, at, cols));
        sum.part[p] = hn::Add(sum.part[p], g);
        product.part[p] = hn::MulAdd(g, LoadTail(d, n_row, at, cols), product.part[p]);
      }
    const VF32 mean = hn::Set(d, FoldAdd(sum) / count), slope = hn::Set(d, FoldAdd(product) / count),
               s = hn::Set(d, inverse_sigma[r]);
    for (std::int64_t i = 0; i < cols; i += step) {
      const VF32 g = hn::Mul(LoadTail(d, g_row, i, cols), LoadTail(d, gamma, i, cols));
      const VF32 centred = hn::NegMulAdd(LoadTail(d, n_row, i, cols), slope, hn::Sub(g, mean));
      StoreTail(d, hn::Mul(centred, s), out, i, cols);
    }
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {
HWY_EXPORT(LayerNormRowsImpl);
HWY_EXPORT(LayerNormOutputsImpl);
HWY_EXPORT(LayerNormBackwardImpl);

void layer_norm_rows(const LayerNormRows& args, std::int64_t begin, std::int64_t end) noexcept {
  LYCEUM_DISPATCH(LayerNormRowsImpl)(args, begin, end);
}
void layer_norm_outputs(const float* normalized, const float* gamma, const float* beta, float* y,
                        std::int64_t cols, std::int64_t begin, std::int64_t end) noexcept {
  LYCEUM_DISPATCH(LayerNormOutputsImpl)(normalized, gamma, beta, y, cols, begin, end);
}
void layer_norm_backward_rows(const float* dy, const float* normalized, const float* inverse_sigma,
                              const float* gamma, float* dx, std::int64_t cols, std::int64_t begin,
                              std::int64_t end) noexcept {
  LYCEUM_DISPATCH(LayerNormBackwardImpl)(dy, normalized, inverse_sigma, gamma, dx, cols, begin, end);
}
}  // namespace lyceum::kernels
#endif
