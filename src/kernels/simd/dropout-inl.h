// The random numbers of dropout, many at once: Philox4x32-10 (base/random.h) over neighbouring blocks, and
// the factors that they stand for.

#if defined(LYCEUM_KERNELS_SIMD_DROPOUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LYCEUM_KERNELS_SIMD_DROPOUT_INL_H_
#undef LYCEUM_KERNELS_SIMD_DROPOUT_INL_H_
#else
#define LYCEUM_KERNELS_SIMD_DROPOUT_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>

#include "kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

using PhiloxU64 = hn::CappedTag<std::uint64_t, 8>;
using PhiloxU32 = hn::Repartition<std::uint32_t, PhiloxU64>;
static_assert(hn::MaxLanes(PhiloxU32()) == hn::MaxLanes(F32()));

// Of a row of elements: element c has number c mod 4 of the block c / 4 under (key, row, id).
struct DropoutRow {
  std::uint64_t key, row, id;  // counter_low = row 2^32 + block, counter_high = id
  std::uint32_t below;         // a number below this one drops
  float kept;                  // what remains is multiplied by this: 1 / (1 - p)
};
// unit_float(bits) < p, in whole numbers. Of 0 < p < 1.
HWY_INLINE std::uint32_t DropsBelow(float p) {
  return static_cast<std::uint32_t>(std::ceil(static_cast<double>(p) * 0x1p24)) << 8;
}

// Elements of a row that one call makes: two vectors.
constexpr std::int64_t kDropoutStep = 2 * static_cast<std::int64_t>(hn::MaxLanes(F32()));

// The factors, 0 or `kept`, of elements first + [0, kDropoutStep); first is a multiple of 4. A lane of 64
// bits holds one block's numbers: the blocks of even lanes come first, since two blocks' halves are put
// together within 128 bits.
HWY_INLINE void DropoutFactors(const DropoutRow& t, std::int64_t first, VF32& low, VF32& high) {
  const PhiloxU64 d64;
  const PhiloxU32 d32;
  const F32 d;
  constexpr std::size_t kBlocks = hn::MaxLanes(PhiloxU64());
  alignas(64) static constexpr std::uint64_t kOrder8[8] = {0, 4, 1, 5, 2, 6, 3, 7}, kOrder4[4] = {0, 2, 1, 3},
                                             kOrder2[2] = {0, 1};
  const std::uint64_t* order = kBlocks == 8 ? kOrder8 : kBlocks == 4 ? kOrder4 : kOrder2;
  // c[i] in the lower half of each lane; what stands in the upper half does not count
  auto c0 = hn::Add(hn::Load(d64, order), hn::Set(d64, static_cast<std::uint64_t>(first / 4)));
  auto c1 = hn::Set(d64, t.row), c2 = hn::Set(d64, t.id), c3 = hn::Set(d64, t.id >> 32);
  const auto m0 = hn::Set(d32, 0xD2511F53u), m1 = hn::Set(d32, 0xCD9E8D57u);
  auto k0 = hn::Set(d32, static_cast<std::uint32_t>(t.key)),
       k1 = hn::Set(d32, static_cast<std::uint32_t>(t.key >> 32));
  const auto step0 = hn::Set(d32, 0x9E3779B9u), step1 = hn::Set(d32, 0xBB67AE85u);
  for (int round = 0; round < 10; ++round) {
    const auto p0 = hn::MulEven(hn::BitCast(d32, c0), m0), p1 = hn::MulEven(hn::BitCast(d32, c2), m1);
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::BitCast(d64, k0));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::BitCast(d64, k1));
    c1 = p1;
    c3 = p0;
    k0 = hn::Add(k0, step0);
    k1 = hn::Add(k1, step1);
  }
  const auto lower = hn::Set(d64, 0xFFFFFFFFu);
  const auto front = hn::Or(hn::And(c0, lower), hn::ShiftLeft<32>(c1)),
             back = hn::Or(hn::And(c2, lower), hn::ShiftLeft<32>(c3));
  const auto kept = hn::Set(d, t.kept);
  const auto below = hn::Set(d32, t.below);
  const auto factors = [&](auto numbers) HWY_ATTR {
    return hn::IfThenZeroElse(hn::RebindMask(d, hn::Lt(hn::BitCast(d32, numbers), below)), kept);
  };
  low = factors(hn::InterleaveLower(d64, front, back));
  high = factors(hn::InterleaveUpper(d64, front, back));
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
