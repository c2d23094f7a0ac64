// The loops of FlashAttention-2 on one core: a block of query rows keeps its outputs while key tiles pass by;
// the softmax is carried as a running maximum and sum; scores never leave the first-level cache.
//   M queries  N keys  K key width  V value width
//
// Order of every sum (so that a row's bits do not depend on its neighbours): a score is one chain over K; the
// sum of exponentials has 16 lanes, key j in lane j mod 16; an output is one chain over the keys of a tile,
// rescaled between tiles.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/attention/attention_kernel.cpp"
#include "ops/attention/attention_kernel.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/gemm/tile-inl.h"
#include "kernels/isa.h"
#include "kernels/simd/dropout-inl.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3
constexpr int kMaxVectors = 4;
#elif HWY_TARGET == HWY_AVX2
constexpr int kMaxVectors = 2;
#else
constexpr int kMaxVectors = 4;
#endif
constexpr int kTileRows = 6;
constexpr std::int64_t kStep = hn::MaxLanes(F32());
constexpr std::int64_t kTileColumns = kStep * kMaxVectors;

struct MatrixArgs {
  const float* a;
  std::int64_t a_stride;
  const float* panel;
  std::int64_t panel_stride, k;
  float* c;
  std::int64_t c_stride;
};

// Up to kTileColumns of c.
template <int kRows, bool kTransposed>
HWY_INLINE void Columns(const MatrixArgs& t, std::int64_t columns, bool first) {
  if (columns > kStep * 3 && kMaxVectors == 4) {
    Tile<kRows, kMaxVectors, kTransposed>(t, columns, first);
  } else if (columns > kStep * 2 && kMaxVectors == 4) {
    Tile<kRows, 3, kTransposed>(t, columns, first);
  } else if (columns > kStep) {
    Tile<kRows, 2, kTransposed>(t, columns, first);
  } else {
    Tile<kRows, 1, kTransposed>(t, columns, first);
  }
}

// Up to kTileRows rows and kTileColumns columns of c.
template <bool kTransposed>
HWY_INLINE void MultiplyTile(const MatrixArgs& t, std::int64_t rows, std::int64_t columns, bool first) {
  switch (rows) {
    case 1:
      return Columns<1, kTransposed>(t, columns, first);
    case 2:
      return Columns<2, kTransposed>(t, columns, first);
    case 3:
      return Columns<3, kTransposed>(t, columns, first);
    case 4:
      return Columns<4, kTransposed>(t, columns, first);
    case 5:
      return Columns<5, kTransposed>(t, columns, first);
    default:
      return Columns<6, kTransposed>(t, columns, first);
  }
}

// c[rows][columns] (+)= a b. The last vector of a row of b is read whole: b must allow it. A tile's width of
// b stays in the first-level cache while all rows meet it.
template <bool kTransposed>
void Multiply(const MatrixArgs& args, std::int64_t rows, std::int64_t columns, bool first) {
  MatrixArgs t = args;
  for (std::int64_t n = 0; n < columns; n += kTileColumns) {
    t.panel = args.panel + n;
    for (std::int64_t m = 0; m < rows; m += kTileRows) {
      t.a = args.a + m * (kTransposed ? 1 : args.a_stride);
      t.c = args.c + m * args.c_stride + n;
      MultiplyTile<kTransposed>(t, rows - m < kTileRows ? rows - m : kTileRows,
                                columns - n < kTileColumns ? columns - n : kTileColumns, first);
    }
  }
}

// Rows that Multiply may read as b: [rows][width rounded up to 16], in scratch, when the source has no room
// behind a row.
void CopyRows(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to,
              std::int64_t to_stride) {
  const F32 d;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < to_stride; c += kStep)
      hn::StoreU(LoadTail(d, from + r * stride, c, width), d, to + r * to_stride + c);
}

// [rows][width] to [width][kKeyTile] for up to kKeyTile rows.
void TransposeTile(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to) {
  Transpose(x, stride, rows, width, to, kKeyTile);
  // vectors of 16 keys are read whole; what lies behind the last key must be a number
  for (std::int64_t r = rows; r < (rows + 15) / 16 * 16; ++r)
    for (std::int64_t c = 0; c < width; ++c) to[c * kKeyTile + r] = 0.0f;
}

void PackImpl(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to) {
  for (std::int64_t r = 0; r < rows; r += kKeyTile, to += width * kKeyTile)
    TransposeTile(x + r * stride, stride, rows - r < kKeyTile ? rows - r : kKeyTile, width, to);
}

void PackRowsImpl(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to) {
  CopyRows(x, stride, rows, width, to, (width + 15) / 16 * 16);
}

// The keys that a query at position p sees: [low, high) and [0, prefix).
struct Visible {
  std::int64_t low, high, prefix;
};
HWY_INLINE Visible VisibleFrom(const HeadRules& rules, std::int64_t p, std::int64_t keys) {
  Visible v;
  v.low = rules.left < p ? p - rules.left : 0;
  v.high = rules.right < keys - 1 - p ? p + rules.right + 1 : keys;
  v.prefix = rules.prefix < keys ? rules.prefix : keys;
  if (v.low > keys) v.low = keys;
  if (v.high < 0) v.high = 0;
  return v;
}
HWY_INLINE bool SeesAll(const Visible& v, std::int64_t begin, std::int64_t end) {
  return (v.low <= begin && v.high >= end) || v.prefix >= end;
}
HWY_INLINE bool SeesNone(const Visible& v, std::int64_t begin, std::int64_t end) {
  return (v.low >= end || v.high <= begin || v.low >= v.high) && v.prefix <= begin;
}

// scores[0, n) of the query at position p and the keys from `first` on: scale, cap, biases, mask. n is a
// multiple of the vector: what lies behind the last key is masked. `slopes`, if asked for, receives d score /
// d (product * scale).
HWY_INLINE void FinishScores(float* scores, float* slopes, std::int64_t n, std::int64_t first, std::int64_t p,
                             const HeadRules& rules, const Visible& visible, bool masked) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
  const VF32 scale = hn::Set(d, rules.scale);
  for (std::int64_t j = 0; j < n; j += kStep) {
    VF32 s = hn::Mul(hn::LoadU(d, scores + j), scale);
    if (rules.softcap > 0) {
      const VF32 t = Tanh(d, hn::Div(s, hn::Set(d, rules.softcap)));
      s = hn::Mul(t, hn::Set(d, rules.softcap));
      if (slopes != nullptr) hn::StoreU(hn::NegMulAdd(t, t, hn::Set(d, 1.0f)), d, slopes + j);
    }
    const auto key = hn::Add(hn::Iota(di, 0), hn::Set(di, static_cast<int>(first + j)));
    if (rules.slope != 0) {
      const VF32 distance = hn::ConvertTo(d, hn::Sub(key, hn::Set(di, static_cast<int>(p))));
      s = hn::MulAdd(hn::Set(d, rules.slope), distance, s);
    }
    if (rules.bias != nullptr) {
      const auto reach = hn::Set(di, static_cast<int>(rules.bias_reach));
      const auto distance = rules.places == nullptr ? hn::Sub(key, hn::Set(di, static_cast<int>(p)))
                                                    : hn::Sub(hn::LoadU(di, rules.places + first + j),
                                                              hn::Set(di, rules.places[p]));
      const auto index = hn::Add(hn::Min(hn::Max(distance, hn::Neg(reach)), reach), reach);
      s = hn::Add(s, hn::GatherIndex(d, rules.bias, index));
    }
    if (masked) {
      const auto low = hn::Set(di, static_cast<int>(visible.low)),
                 high = hn::Set(di, static_cast<int>(visible.high));
      const auto prefix = hn::Set(di, static_cast<int>(visible.prefix));
      const auto sees = hn::Or(hn::And(hn::Not(hn::Lt(key, low)), hn::Lt(key, high)), hn::Lt(key, prefix));
      s = hn::IfThenElse(hn::RebindMask(d, sees), s, hn::Set(d, -HUGE_VALF));
    }
    hn::StoreU(s, d, scores + j);
  }
}

// The scale is all that is done to a visible score.
HWY_INLINE bool ScalesOnly(const HeadRules& rules) {
  return rules.softcap <= 0 && rules.slope == 0 && rules.bias == nullptr;
}

// 0 or 1 / (1 - dropout) for the keys first + [low, high) of a tile, at factors[low]. All three are multiples
// of 16; up to 16 more are written on either side, within the tile.
HWY_INLINE void TileFactors(const HeadRules& rules, std::int64_t p, std::int64_t first, std::int64_t low,
                            std::int64_t high, float* factors) {
  const F32 d;
  const DropoutRow t{.key = rules.seed,
                     .row = static_cast<std::uint64_t>(p),
                     .id = rules.stream,
                     .below = DropsBelow(rules.dropout),
                     .kept = 1.0f / (1.0f - rules.dropout)};
  for (std::int64_t j = low / kDropoutStep * kDropoutStep; j < high; j += kDropoutStep) {
    VF32 front, back;
    DropoutFactors(t, first + j, front, back);
    hn::StoreU(front, d, factors + j);
    hn::StoreU(back, d, factors + j + kStep);
  }
}

void ForwardImpl(const ForwardHead& h, std::int64_t begin, std::int64_t end, float* scratch) {
  const F32 d;
  const std::int64_t width = h.shape.width, values = h.shape.value_width, keys = h.shape.keys;
  const std::int64_t shift = keys - h.shape.queries;  // position of query 0
  const std::int64_t out_stride = (values + 15) / 16 * 16;
  float* out = scratch;                            // [kQueryBlock][out_stride]
  float* scores = out + kQueryBlock * out_stride;  // [kGroupRows][kKeyTile]
  float* lanes = scores + kGroupRows * kKeyTile;   // [kQueryBlock][16]
  float* most = lanes + kQueryBlock * kLanes;      // [kQueryBlock]
  float* factors = most + kQueryBlock + 4;         // [kKeyTile]
  const bool scaled_only = h.rules.scale > 0 && ScalesOnly(h.rules);
  for (std::int64_t block = begin; block < end; block += kQueryBlock) {
    const std::int64_t rows = end - block < kQueryBlock ? end - block : kQueryBlock;
    for (std::int64_t i = 0; i < rows * out_stride; i += kStep) hn::StoreU(hn::Zero(d), d, out + i);
    for (std::int64_t i = 0; i < rows * static_cast<std::int64_t>(kLanes); i += kStep)
      hn::StoreU(hn::Zero(d), d, lanes + i);
    for (std::int64_t r = 0; r < rows; ++r) most[r] = -HUGE_VALF;
    for (std::int64_t first = 0; first < keys; first += kKeyTile) {
      const std::int64_t count = keys - first < kKeyTile ? keys - first : kKeyTile;
      const std::int64_t whole = (count + 15) / 16 * 16;
      bool any = false;
      for (std::int64_t r = 0; r < rows && !any; ++r)
        any = !SeesNone(VisibleFrom(h.rules, block + r + shift, keys), first, first + count);
      if (!any) continue;
      const float* v = h.values_packed + first * out_stride;
      for (std::int64_t m = 0; m < rows; m += kGroupRows) {
        const std::int64_t group = rows - m < kGroupRows ? rows - m : kGroupRows;
        // The keys of this tile that any of these rows sees, in whole vectors of 16: what lies outside has
        // probability 0.
        std::int64_t low = whole, high = 0;
        Visible visible[kGroupRows];
        for (std::int64_t r = 0; r < group; ++r) {
          visible[r] = VisibleFrom(h.rules, block + m + r + shift, keys);
          const Visible& sees = visible[r];
          const std::int64_t from = sees.prefix > first ? first : sees.low,
                             to = sees.prefix > sees.high ? sees.prefix : sees.high;
          low = from - first < low ? from - first : low;
          high = to - first > high ? to - first : high;
        }
        low = low < 0 ? 0 : low / 16 * 16;
        high = high > count ? whole : (high + 15) / 16 * 16;
        if (low >= high) continue;
        Multiply<false>({h.q + (block + m) * h.q_stride, h.q_stride, h.keys_packed + first * width + low,
                         kKeyTile, width, scores + low, kKeyTile},
                        group, high - low, true);
        bool is_raw[kGroupRows];  // the row's scores are not multiplied by the scale yet
        float now[kGroupRows];
        for (std::int64_t r = 0; r < group; ++r) {
          float* s = scores + r * kKeyTile;
          const bool masked = first + high > keys || !SeesAll(visible[r], first + low, first + high);
          is_raw[r] = scaled_only && !masked;
          if (!is_raw[r])
            FinishScores(s + low, nullptr, high - low, first + low, block + m + r + shift, h.rules,
                         visible[r], masked);
          VF32 highest = hn::Set(d, -HUGE_VALF);  // the second operand of Max: NaN scores leave it as it is
          for (std::int64_t j = low; j < high; j += kStep) highest = hn::Max(hn::LoadU(d, s + j), highest);
          const float most_here = hn::GetLane(hn::MaxOfLanes(d, highest));
          now[r] = is_raw[r] ? most_here * h.rules.scale : most_here;
        }
        for (std::int64_t r = 0; r < group; ++r) {
          float* s = scores + r * kKeyTile;
          const float before = most[m + r];
          if (!(now[r] > before)) now[r] = before;
          if (now[r] == -HUGE_VALF) {  // nothing seen yet: probabilities of this tile are zero
            for (std::int64_t j = low; j < high; j += kStep) hn::StoreU(hn::Zero(d), d, s + j);
            continue;
          }
          float* lane = lanes + (m + r) * static_cast<std::int64_t>(kLanes);
          if (now[r] != before) {  // rescale by e^(before - now); exactly 1 otherwise
            const VF32 c = Exp(d, hn::Set(d, before - now[r]));
            float* o = out + (m + r) * out_stride;
            for (std::int64_t i = 0; i < out_stride; i += kStep)
              hn::StoreU(hn::Mul(hn::LoadU(d, o + i), c), d, o + i);
            for (std::int64_t i = 0; i < static_cast<std::int64_t>(kLanes); i += kStep)
              hn::StoreU(hn::Mul(hn::LoadU(d, lane + i), c), d, lane + i);
            most[m + r] = now[r];
          }
          const VF32 maximum = hn::Set(d, now[r]), factor = hn::Set(d, is_raw[r] ? h.rules.scale : 1.0f);
          VF32 sums[kParts];
          for (std::size_t part = 0; part < kParts; ++part)
            sums[part] = hn::LoadU(d, lane + static_cast<std::int64_t>(part) * kStep);
          for (std::int64_t j = low; j < high; j += static_cast<std::int64_t>(kLanes))
            for (std::size_t part = 0; part < kParts; ++part) {
              float* at = s + j + static_cast<std::int64_t>(part) * kStep;
              const VF32 e = ExpNonPositive(d, hn::Sub(hn::Mul(hn::LoadU(d, at), factor), maximum));
              hn::StoreU(e, d, at);
              sums[part] = hn::Add(sums[part], e);
            }
          for (std::size_t part = 0; part < kParts; ++part)
            hn::StoreU(sums[part], d, lane + static_cast<std::int64_t>(part) * kStep);
          if (h.rules.dropout > 0) {
            TileFactors(h.rules, block + m + r + shift, first, low, high, factors);
            for (std::int64_t j = low; j < high; j += kStep)
              hn::StoreU(hn::Mul(hn::LoadU(d, s + j), hn::LoadU(d, factors + j)), d, s + j);
          }
        }
        Multiply<false>({scores + low, kKeyTile, v + low * out_stride, out_stride,
                         (high < count ? high : count) - low, out + m * out_stride, out_stride},
                        group, values, false);
      }
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      Lanes16 sum;
      for (std::size_t p = 0; p < kParts; ++p)
        sum.part[p] = hn::LoadU(
            d, lanes + r * static_cast<std::int64_t>(kLanes) + static_cast<std::int64_t>(p) * kStep);
      const float total = FoldAdd(sum);
      const VF32 inverse = hn::Set(d, total == 0.0f ? 0.0f : 1.0f / total);
      for (std::int64_t i = 0; i < values; i += kStep)
        StoreTail(d, hn::Mul(hn::LoadU(d, out + r * out_stride + i), inverse),
                  h.out + (block + r) * h.out_stride, i, values);
      if (h.row_max != nullptr) {
        h.row_max[block + r] = most[r];
        h.row_sum[block + r] = total;
      }
    }
  }
}

// D_i = <dO_i, O_i>;  P = exp(S - max) / sum;  dV += (P Z)^T dO;  dP = (dO V^T) Z;  dS = P (dP - D);  dQ +=
// scale dS K; dK += scale dS^T Q;  dbias += dS.    Dao et al. 2022, algorithm 4.
void BackwardImpl(const BackwardHead& h, float* scratch) {
  const F32 d;
  const std::int64_t width = h.shape.width, values = h.shape.value_width, keys = h.shape.keys,
                     queries = h.shape.queries;
  const std::int64_t shift = keys - queries;
  const std::int64_t wide_k = (width + 15) / 16 * 16, wide_v = (values + 15) / 16 * 16;
  float* key_columns = scratch;                           // [width][kKeyTile]
  float* value_columns = key_columns + width * kKeyTile;  // [values][kKeyTile]
  float* key_rows = value_columns + values * kKeyTile;    // [kKeyTile][wide_k]
  float* query_rows = key_rows + kKeyTile * wide_k;       // [kQueryBlock][wide_k]
  float* dout_rows = query_rows + kQueryBlock * wide_k;   // [kQueryBlock][wide_v]
  float* p_tile = dout_rows + kQueryBlock * wide_v;       // [kQueryBlock][kKeyTile]
  float* s_tile = p_tile + kQueryBlock * kKeyTile;        // [kQueryBlock][kKeyTile]
  float* slopes = s_tile + kQueryBlock * kKeyTile;        // [kKeyTile]
  float* factors = slopes + kKeyTile;                     // [kKeyTile]
  float* along = factors + kKeyTile;                      // D [M]
  const bool plain = ScalesOnly(h.rules) && h.rules.dropout <= 0;
  for (std::int64_t i = 0; i < queries; ++i)
    along[i] = Dot(h.dout + i * h.out_stride, h.out + i * h.out_stride, values);
  for (std::int64_t first = 0; first < keys; first += kKeyTile) {
    const std::int64_t count = keys - first < kKeyTile ? keys - first : kKeyTile;
    const std::int64_t whole = (count + 15) / 16 * 16;
    TransposeTile(h.k + first * h.k_stride, h.k_stride, count, width, key_columns);
    TransposeTile(h.v + first * h.v_stride, h.v_stride, count, values, value_columns);
    CopyRows(h.k + first * h.k_stride, h.k_stride, count, width, key_rows, wide_k);
    for (std::int64_t from = 0; from < queries; from += kQueryBlock) {
      // The block's rows [block, end) from the first to the last one that sees any of these keys.
      std::int64_t block = from, end = queries - from < kQueryBlock ? queries : from + kQueryBlock;
      while (block < end && SeesNone(VisibleFrom(h.rules, block + shift, keys), first, first + count))
        ++block;
      while (block < end && SeesNone(VisibleFrom(h.rules, end - 1 + shift, keys), first, first + count))
        --end;
      if (block == end) continue;
      const std::int64_t rows = end - block;
      CopyRows(h.q + block * h.q_stride, h.q_stride, rows, width, query_rows, wide_k);
      CopyRows(h.dout + block * h.out_stride, h.out_stride, rows, values, dout_rows, wide_v);
      Multiply<false>({query_rows, wide_k, key_columns, kKeyTile, width, p_tile, kKeyTile}, rows, whole,
                      true);
      Multiply<false>({dout_rows, wide_v, value_columns, kKeyTile, values, s_tile, kKeyTile}, rows, whole,
                      true);
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t i = block + r, p = i + shift;
        float *prob = p_tile + r * kKeyTile, *ds = s_tile + r * kKeyTile;
        if (h.row_max[i] == -HUGE_VALF) {  // a query that sees nothing
          for (std::int64_t j = 0; j < whole; j += kStep) {
            hn::StoreU(hn::Zero(d), d, prob + j);
            hn::StoreU(hn::Zero(d), d, ds + j);
          }
          continue;
        }
        const VF32 maximum = hn::Set(d, h.row_max[i]), inverse = hn::Set(d, 1.0f / h.row_sum[i]),
                   row_along = hn::Set(d, along[i]);
        const VF32 scale = hn::Set(d, h.rules.scale);
        const Visible visible = VisibleFrom(h.rules, p, keys);
        const bool masked = count != whole || !SeesAll(visible, first, first + count);
        if (plain && !masked) {  // what follows, in one pass
          for (std::int64_t j = 0; j < whole; j += kStep) {
            const VF32 s = hn::Sub(hn::Mul(hn::LoadU(d, prob + j), scale), maximum);
            const VF32 e = hn::Mul(ExpNonPositive(d, s), inverse);
            hn::StoreU(e, d, prob + j);
            hn::StoreU(hn::Mul(hn::Mul(e, hn::Sub(hn::LoadU(d, ds + j), row_along)), scale), d, ds + j);
          }
          continue;
        }
        FinishScores(prob, slopes, whole, first, p, h.rules, visible, masked);
        if (h.rules.dropout > 0) TileFactors(h.rules, p, first, 0, whole, factors);
        for (std::int64_t j = 0; j < whole; j += kStep) {
          const VF32 e = hn::Mul(ExpNonPositive(d, hn::Sub(hn::LoadU(d, prob + j), maximum)), inverse);
          VF32 dp = hn::LoadU(d, ds + j), dropped = e;
          if (h.rules.dropout > 0) {
            const VF32 z = hn::LoadU(d, factors + j);
            dp = hn::Mul(dp, z);
            dropped = hn::Mul(e, z);
          }
          hn::StoreU(dropped, d, prob + j);
          hn::StoreU(hn::Mul(e, hn::Sub(dp, row_along)), d, ds + j);
        }
        if (h.dbias != nullptr)
          for (std::int64_t j = 0; j < count; ++j) {
            std::int64_t distance =
                h.rules.places == nullptr ? first + j - p : h.rules.places[first + j] - h.rules.places[p];
            distance = distance < -h.rules.bias_reach  ? -h.rules.bias_reach
                       : distance > h.rules.bias_reach ? h.rules.bias_reach
                                                       : distance;
            h.dbias[distance + h.rules.bias_reach] += ds[j];
          }
        for (std::int64_t j = 0; j < whole; j += kStep) {
          VF32 g = hn::Mul(hn::LoadU(d, ds + j), scale);
          if (h.rules.softcap > 0) g = hn::Mul(g, hn::LoadU(d, slopes + j));
          hn::StoreU(g, d, ds + j);
        }
      }
      Multiply<true>({p_tile, kKeyTile, dout_rows, wide_v, rows, h.dv + first * h.dv_stride, h.dv_stride},
                     count, values, false);
      Multiply<true>({s_tile, kKeyTile, query_rows, wide_k, rows, h.dk + first * h.dk_stride, h.dk_stride},
                     count, width, false);
      Multiply<false>({s_tile, kKeyTile, key_rows, wide_k, count, h.dq + block * h.dq_stride, h.dq_stride},
                      rows, width, false);
    }
  }
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lyceum::kernels {
HWY_EXPORT(ForwardImpl);
HWY_EXPORT(BackwardImpl);
HWY_EXPORT(PackImpl);
HWY_EXPORT(PackRowsImpl);

std::int64_t attention_scratch(const HeadShape& shape) {
  const std::int64_t wide = (shape.value_width + 15) / 16 * 16;
  return kQueryBlock * wide + kGroupRows * kKeyTile + kQueryBlock * 17 + 4 + kKeyTile;
}

std::int64_t attention_backward_scratch(const HeadShape& shape) {
  const std::int64_t wide_k = (shape.width + 15) / 16 * 16, wide_v = (shape.value_width + 15) / 16 * 16;
  return (shape.width + shape.value_width + wide_k) * kKeyTile +
         kQueryBlock * (wide_k + wide_v + 2 * kKeyTile) + 2 * kKeyTile + shape.queries + 16;
}

std::int64_t attention_packed_floats(std::int64_t rows, std::int64_t width) noexcept {
  return (rows + kKeyTile - 1) / kKeyTile * kKeyTile * width;
}

void attention_pack(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width,
                    float* to) noexcept {
  LYCEUM_DISPATCH(PackImpl)(x, stride, rows, width, to);
}
void attention_pack_rows(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width,
                         float* to) noexcept {
  LYCEUM_DISPATCH(PackRowsImpl)(x, stride, rows, width, to);
}
void attention_forward(const ForwardHead& head, std::int64_t begin, std::int64_t end,
                       float* scratch) noexcept {
  LYCEUM_DISPATCH(ForwardImpl)(head, begin, end, scratch);
}
void attention_backward(const BackwardHead& head, float* scratch) noexcept {
  LYCEUM_DISPATCH(BackwardImpl)(head, scratch);
}
}  // namespace lyceum::kernels
#endif
