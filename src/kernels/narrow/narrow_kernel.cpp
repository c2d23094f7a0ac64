// Rows to bytes and bf16 and sums back to f32, one copy for each instruction set.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/narrow/narrow_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/isa.h"
#include "kernels/narrow/narrow_units.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

using I32 = hn::RebindToSigned<F32>;
using VI32 = hn::VFromD<I32>;

// The bits of the largest |x|: as whole numbers they have the order of the values, and what is not a number
// comes last.
std::int32_t LargestBits(const float* x, std::int64_t n) {
  const F32 d;
  const I32 di;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const VI32 magnitude = hn::Set(di, 0x7FFFFFFF);
  VI32 a = hn::Zero(di), b = hn::Zero(di);
  std::int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    a = hn::Max(a, hn::And(hn::BitCast(di, hn::LoadU(d, x + i)), magnitude));
    b = hn::Max(b, hn::And(hn::BitCast(di, hn::LoadU(d, x + i + step)), magnitude));
  }
  for (; i < n; i += step) a = hn::Max(a, hn::And(hn::BitCast(di, LoadTail(d, x, i, n)), magnitude));
  return hn::GetLane(hn::MaxOfLanes(di, hn::Max(a, b)));
}

struct Scale {
  float scale, inverse;
};
Scale ScaleOf(const float* x, std::int64_t n) {
  const std::int32_t bits = LargestBits(x, n);
  float most;
  __builtin_memcpy(&most, &bits, 4);
  if (bits >= 0x7F800000) return {__builtin_nanf(""), 0.0f};
  if (most < 1e-30f) return {0.0f, 0.0f};
  return {most / 127.0f, 127.0f / most};
}

HWY_INLINE VI32 Rounded(const float* x, std::int64_t i, std::int64_t n, VF32 inverse) {
  const F32 d;
  return hn::NearestInt(hn::Mul(LoadTail(d, x, i, n), inverse));
}

float QuantizeRowImpl(const float* x, std::int64_t n, std::int8_t* q) {
  const F32 d;
  const hn::Rebind<std::int8_t, F32> d8;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const Scale scale = ScaleOf(x, n);
  if (scale.inverse == 0.0f) {
    for (std::int64_t i = 0; i < n; ++i) q[i] = 0;
    return scale.scale;
  }
  const VF32 inverse = hn::Set(d, scale.inverse);
  alignas(64) std::int8_t edge[16];
  for (std::int64_t i = 0; i < n; i += step) {
    const auto bytes = hn::DemoteTo(d8, Rounded(x, i, n, inverse));
    if (i + step <= n) {
      hn::StoreU(bytes, d8, q + i);
    } else {
      hn::StoreU(bytes, d8, edge);
      for (std::int64_t j = i; j < n; ++j) q[j] = edge[j - i];
    }
  }
  return scale.scale;
}

void BytesOfRow(const float* x, std::int64_t k, std::int64_t columns, std::uint8_t* to, float* scale_to) {
  const F32 d;
  const I32 di;
  const hn::Rebind<std::uint8_t, F32> d8;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  const Scale scale = ScaleOf(x, k);
  *scale_to = scale.scale;
  const VF32 inverse = hn::Set(d, scale.inverse);
  const VI32 middle = hn::Set(di, 128);
  // columns is a multiple of 64: every store lies inside. (A row that is not finite has an inverse of 0; its
  // bytes mean nothing.)
  for (std::int64_t i = 0; i < columns; i += step)
    hn::StoreU(hn::DemoteTo(d8, hn::Add(Rounded(x, i, k, inverse), middle)), d8, to + i);
}

void HalvesOfRow(const float* x, std::int64_t k, std::int64_t columns, std::uint16_t* to) {
  const F32 d;
  const I32 di;
  const hn::Rebind<std::uint16_t, F32> d16;
  const hn::RebindToUnsigned<F32> du;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < columns; i += step) {
    const VF32 v = LoadTail(d, x, i, k);
    const auto u = hn::BitCast(du, v);
    const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(u, hn::Add(odd, hn::Set(du, 0x7FFF))));
    const auto nan = hn::Or(hn::ShiftRight<16>(u), hn::Set(du, 0x40));
    const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
    const auto half = hn::BitCast(di, hn::IfThenElse(is_nan, nan, rounded));
    hn::StoreU(hn::DemoteTo(d16, half), d16, to + i);
  }
}

void NarrowRowsImpl(Narrow format, const float* x, std::int64_t stride, std::int64_t rows, std::int64_t k,
                    std::byte* to, std::int64_t to_stride, float* scales) {
  for (std::int64_t r = 0; r < rows; ++r) {
    std::byte* row = to + r * to_stride;
    if (format == Narrow::kInt8) {
      BytesOfRow(x + r * stride, k, (k + 63) / 64 * 64, reinterpret_cast<std::uint8_t*>(row), scales + r);
    } else {
      HalvesOfRow(x + r * stride, k, (k + 31) / 32 * 32, reinterpret_cast<std::uint16_t*>(row));
    }
  }
}

// y = act(sum + bias) + residual, the sum of int8 scaled before: (float(sum - offset) * column scale) * row
// scale.
template <Activation kActivation, bool kBytes>
void FinishFor(const FinishBlock& t, const Epilogue& e) {
  const F32 d;
  const I32 di;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < t.rows; ++r) {
    const std::int32_t* sums = t.sums + r * t.sum_stride;
    float* y = t.c + r * t.c_stride;
    float* pre =
        e.pre_activation == nullptr ? nullptr : e.pre_activation + (t.row + r) * e.pre_stride + t.column;
    const float* residual =
        e.residual == nullptr ? nullptr : e.residual + (t.row + r) * e.residual_stride + t.column;
    const VF32 row_scale = hn::Set(d, kBytes ? t.row_scales[r] : 1.0f);
    for (std::int64_t c = 0; c < t.columns; c += step) {
      VF32 x;
      if constexpr (kBytes) {  // offsets and scales are filled up to whole vectors, and so are the sums
        const VI32 exact = hn::Sub(hn::LoadU(di, sums + c), hn::LoadU(di, t.offsets + c));
        x = hn::Mul(hn::Mul(hn::ConvertTo(d, exact), hn::LoadU(d, t.column_scales + c)), row_scale);
      } else {
        x = hn::BitCast(d, hn::LoadU(di, sums + c));
      }
      if (e.bias != nullptr) x = hn::Add(x, LoadTail(d, e.bias + t.column, c, t.columns));
      if (pre != nullptr) StoreTail(d, x, pre, c, t.columns);
      x = Activate<kActivation>(d, x);
      if (residual != nullptr) x = hn::Add(x, LoadTail(d, residual, c, t.columns));
      StoreTail(d, x, y, c, t.columns);
    }
  }
}

void FinishImpl(Narrow format, const FinishBlock& t, const Epilogue& e) {
  WithActivation(e.activation, [&](auto activation) {
    format == Narrow::kInt8 ? FinishFor<decltype(activation)::value, true>(t, e)
                            : FinishFor<decltype(activation)::value, false>(t, e);
  });
}

// A word holds the bf16 of two steps: the first in its lower half.
void WidenPanelImpl(const std::byte* b, std::int64_t group_stride, std::int64_t groups, std::int64_t first,
                    std::int64_t steps, float* panel) {
  const F32 d;
  const hn::RebindToUnsigned<F32> du;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t g = 0; g < groups; ++g)
    for (std::int64_t k = 0; k < steps; k += 2)
      for (std::int64_t c = 0; c < 16; c += lanes) {
        const auto* from =
            reinterpret_cast<const std::uint32_t*>(b + g * group_stride + (first + k) / 2 * 64 + 4 * c);
        const auto pair = hn::LoadU(du, from);
        hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(pair)), d, panel + k * 48 + g * 16 + c);
        if (k + 1 < steps)
          hn::StoreU(hn::BitCast(d, hn::And(pair, hn::Set(du, 0xFFFF0000u))), d,
                     panel + (k + 1) * 48 + g * 16 + c);
      }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {

HWY_EXPORT(QuantizeRowImpl);
HWY_EXPORT(NarrowRowsImpl);
HWY_EXPORT(FinishImpl);
HWY_EXPORT(WidenPanelImpl);

float quantize_row(const float* x, std::int64_t n, std::int8_t* q) noexcept {
  return LYCEUM_DISPATCH(QuantizeRowImpl)(x, n, q);
}
void narrow_rows(Narrow format, const float* x, std::int64_t stride, std::int64_t rows, std::int64_t k,
                 std::byte* to, std::int64_t to_stride, float* scales) {
  LYCEUM_DISPATCH(NarrowRowsImpl)(format, x, stride, rows, k, to, to_stride, scales);
}
void finish_sums(Narrow format, const FinishBlock& block, const Epilogue& epilogue) {
  LYCEUM_DISPATCH(FinishImpl)(format, block, epilogue);
}
void widen_panel(const std::byte* b, std::int64_t group_stride, std::int64_t groups, std::int64_t first,
                 std::int64_t steps, float* panel) {
  LYCEUM_DISPATCH(WidenPanelImpl)(b, group_stride, groups, first, steps, panel);
}

}  // namespace lyceum::kernels
#endif
