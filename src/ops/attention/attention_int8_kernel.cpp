// What surrounds the products of attention in whole numbers, one copy for each instruction set.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention/attention_int8_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>
#include <limits>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/math-inl.h"
#include "ops/attention/attention_int8.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

using I32 = hn::RebindToSigned<F32>;
using VI32 = hn::VFromD<I32>;
constexpr std::int64_t kStep = hn::MaxLanes(F32());

void SubtractMeanImpl(const float* k, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to) {
  const F32 d;
  const std::int64_t to_stride = (width + 15) / 16 * 16;
  const VF32 part = hn::Set(d, 1.0f / static_cast<float>(rows));
  for (std::int64_t c = 0; c < to_stride; c += kStep) {
    VF32 sum = hn::Zero(d);
    for (std::int64_t r = 0; r < rows; ++r) sum = hn::Add(sum, LoadTail(d, k + r * stride, c, width));
    const VF32 mean = hn::Mul(sum, part);
    for (std::int64_t r = 0; r < rows; ++r)
      hn::StoreU(hn::Sub(LoadTail(d, k + r * stride, c, width), mean), d, to + r * to_stride + c);
  }
}

void PackValueBytesImpl(const float* v, std::int64_t stride, std::int64_t rows, std::int64_t width,
                        std::int64_t to_rows, std::byte* to, float* scales) {
  const F32 d;
  const I32 di;
  const VI32 magnitude = hn::Set(di, 0x7FFFFFFF), byte = hn::Set(di, 255);
  for (std::int64_t c = 0; c < (width + 15) / 16 * 16; c += kStep) {
    VI32 bits = hn::Zero(di);
    for (std::int64_t r = 0; r < rows; ++r)
      bits = hn::Max(bits, hn::And(hn::BitCast(di, LoadTail(d, v + r * stride, c, width)), magnitude));
    // as quantize_row: nothing of a column of zeros, NaN of one that is not finite
    const VF32 most = hn::BitCast(d, bits), steps = hn::Set(d, 127.0f);
    const auto usable = hn::And(hn::Ge(most, hn::Set(d, 1e-30f)), hn::Lt(most, hn::Inf(d)));
    const VF32 inverse = hn::IfThenElseZero(usable, hn::Div(steps, most));
    const VF32 scale = hn::IfThenElseZero(usable, hn::Div(most, steps));
    hn::StoreU(hn::IfThenElse(hn::Lt(most, hn::Inf(d)), scale, hn::NaN(d)), d, scales + c);
    std::byte* panel = to + c / 16 * 16 * to_rows + c % 16 * 4;
    const auto bytes_of = [&](std::int64_t r) {
      if (r >= rows) return hn::Zero(di);
      return hn::And(hn::NearestInt(hn::Mul(LoadTail(d, v + r * stride, c, width), inverse)), byte);
    };
    for (std::int64_t r = 0; r < to_rows; r += 4, panel += 64) {
      const VI32 low = hn::Or(bytes_of(r), hn::ShiftLeft<8>(bytes_of(r + 1)));
      const VI32 high = hn::Or(hn::ShiftLeft<16>(bytes_of(r + 2)), hn::ShiftLeft<24>(bytes_of(r + 3)));
      hn::StoreU(hn::Or(low, high), di, reinterpret_cast<std::int32_t*>(panel));
    }
  }
}

float ProbabilityBytesImpl(const ScoreRow& row) {
  const F32 d;
  const I32 di;
  const hn::Rebind<std::uint8_t, F32> d8;
  auto* scores = reinterpret_cast<float*>(row.sums);
  const VF32 row_scale = hn::Set(d, row.row_scale);
  VF32 best = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto odd = hn::Zero(d);  // becomes NaN with a score that is not finite
  for (std::int64_t j = 0; j < row.keys; j += kStep) {
    const VI32 exact = hn::Sub(hn::LoadU(di, row.sums + j), hn::LoadU(di, row.offsets + j));
    VF32 s = hn::Mul(hn::Mul(hn::ConvertTo(d, exact), hn::LoadU(d, row.key_scales + j)), row_scale);
    if (row.bias != nullptr) s = hn::Add(s, hn::LoadU(d, row.bias + j));
    if (row.keys - j < kStep) {
      const auto here = hn::FirstN(d, static_cast<std::size_t>(row.keys - j));
      odd = hn::MulAdd(hn::IfThenElseZero(here, s), hn::Zero(d), odd);
      s = hn::IfThenElse(here, s, hn::Set(d, -std::numeric_limits<float>::infinity()));
    } else {
      odd = hn::MulAdd(s, hn::Zero(d), odd);
    }
    best = hn::Max(best, s);
    hn::StoreU(s, d, scores + j);
  }
  if (!hn::AllTrue(d, hn::Eq(odd, odd))) {
    std::memset(row.high, 0, static_cast<std::size_t>(row.places));
    std::memset(row.low, 0, static_cast<std::size_t>(row.places));
    return std::numeric_limits<float>::quiet_NaN();
  }
  const VF32 most = hn::MaxOfLanes(d, best);
  std::int64_t sum = 0;
  const VF32 steps = hn::Set(d, 65535.0f);
  constexpr std::int64_t kRun = 16384 * kStep;  // a lane holds the sum of as many
  std::int64_t j = 0;
  while (j < row.keys) {
    const std::int64_t end = j + kRun < row.keys ? j + kRun : row.keys;
    VI32 total = hn::Zero(di);
    for (; j < end; j += kStep) {
      const VF32 e = ExpNonPositive(d, hn::Sub(hn::LoadU(d, scores + j), most));
      const VI32 p = hn::NearestInt(hn::Mul(e, steps));
      total = hn::Add(total, p);
      hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<8>(p)), d8, row.high + j);
      hn::StoreU(hn::DemoteTo(d8, hn::And(p, hn::Set(di, 255))), d8, row.low + j);
    }
    alignas(64) std::int32_t lanes[16];
    hn::Store(total, di, lanes);
    for (std::int64_t i = 0; i < kStep; ++i) sum += lanes[i];
  }
  std::memset(row.high + j, 0, static_cast<std::size_t>(row.places - j));
  std::memset(row.low + j, 0, static_cast<std::size_t>(row.places - j));
  return static_cast<float>(sum);
}

void WeightedValuesImpl(const std::int32_t* high, const std::int32_t* low, const float* scales, float total,
                        std::int64_t width, float* y) {
  const F32 d;
  const I32 di;
  const VF32 part = hn::Set(d, 1.0f / total);
  for (std::int64_t c = 0; c < width; c += kStep) {
    const VF32 sum = hn::MulAdd(hn::ConvertTo(d, hn::LoadU(di, high + c)), hn::Set(d, 256.0f),
                                hn::ConvertTo(d, hn::LoadU(di, low + c)));
    StoreTail(d, hn::Mul(sum, hn::Mul(hn::LoadU(d, scales + c), part)), y, c, width);
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {

HWY_EXPORT(SubtractMeanImpl);
HWY_EXPORT(PackValueBytesImpl);
HWY_EXPORT(ProbabilityBytesImpl);
HWY_EXPORT(WeightedValuesImpl);

void subtract_mean(const float* k, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to) {
  LYCEUM_DISPATCH(SubtractMeanImpl)(k, stride, rows, width, to);
}
void pack_value_bytes(const float* v, std::int64_t stride, std::int64_t rows, std::int64_t width,
                      std::int64_t to_rows, std::byte* to, float* scales) {
  LYCEUM_DISPATCH(PackValueBytesImpl)(v, stride, rows, width, to_rows, to, scales);
}
float probability_bytes(const ScoreRow& row) { return LYCEUM_DISPATCH(ProbabilityBytesImpl)(row); }
void weighted_values(const std::int32_t* high, const std::int32_t* low, const float* scales, float total,
                     std::int64_t width, float* y) {
  LYCEUM_DISPATCH(WeightedValuesImpl)(high, low, scales, total, width, y);
}

}  // namespace lyceum::kernels
#endif
