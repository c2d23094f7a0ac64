// Blocks of sums on the units that processors have for bytes and bf16. Highway 1.0.3 has none of them, so
// these are intrinsics behind our own questions to the processor.
#include "kernels/narrow/narrow_units.h"

#include <algorithm>
#include <cstring>

#include "kernels/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#if defined(LYCEUM_ROLLED)
#define LYCEUM_UNROLL _Pragma("clang loop unroll(disable)")
#elif defined(__clang__)
#define LYCEUM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LYCEUM_UNROLL _Pragma("GCC unroll 16")
#endif

namespace lyceum::kernels {
namespace {

// What every unit computes, in plain words.
void portable_int8(const NarrowBlock& t) {
  for (std::int64_t r = 0; r < t.rows; ++r)
    for (std::int64_t c = 0; c < 16 * t.groups; ++c) {
      const std::byte* b = t.b + c / 16 * t.group_stride + c % 16 * 4;
      std::int32_t sum = t.first ? 0 : t.sums[r * t.sum_stride + c];
      for (std::int64_t i = 0; i < t.column_bytes; ++i)
        sum += static_cast<std::int32_t>(t.a[r * t.a_stride + i]) *
               static_cast<std::int8_t>(b[i / 4 * 64 + i % 4]);
      t.sums[r * t.sum_stride + c] = sum;
    }
}

constexpr std::int64_t kWhole = std::int64_t{1} << 40;  // no blocks of depth

constexpr NarrowUnit kPortableInt8{"portable", portable_int8, 8, 1, kWhole, 4, nullptr, nullptr};
constexpr NarrowUnit kWidened{"f32", nullptr, 0, 0, 0, 0, nullptr, nullptr};

#if defined(__x86_64__)

#define LYCEUM_AVX2 __attribute__((target("avx2")))
#define LYCEUM_DOT __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16")))
#define LYCEUM_AMX __attribute__((target("avx512f,amx-tile,amx-int8,amx-bf16")))

std::int32_t word_of(const std::byte* at) {
  std::int32_t word;
  std::memcpy(&word, at, 4);
  return word;
}

// AVX2's byte product saturates, so bytes are widened: a multiplication of 16 pairs and an addition, where
// f32 has two multiplications. 6 rows x 8 columns: a sum holds two parts of each of 4 columns.
constexpr std::int64_t kAvx2Depth = 1024;
constexpr int kAvx2Rows = 6;

template <int kRows>
LYCEUM_AVX2 inline void avx2_rows(const NarrowBlock& t, std::int64_t r0) {
  alignas(32) std::uint16_t a[kRows][kAvx2Depth];
  for (int r = 0; r < kRows; ++r)
    for (std::int64_t i = 0; i < t.column_bytes; i += 16)
      _mm256_store_si256(reinterpret_cast<__m256i*>(a[r] + i),
                         _mm256_cvtepu8_epi16(_mm_loadu_si128(
                             reinterpret_cast<const __m128i*>(t.a + (r0 + r) * t.a_stride + i))));
  for (std::int64_t half = 0; half < 2 * t.groups; ++half) {
    const std::byte* b = t.b + half / 2 * t.group_stride + half % 2 * 32;
    __m256i sum[kRows][2];
    LYCEUM_UNROLL
    for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    for (std::int64_t i = 0; i < t.column_bytes; i += 4, b += 64) {
      const __m256i left = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b))),
                    right = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 16)));
      LYCEUM_UNROLL
      for (int r = 0; r < kRows; ++r) {
        std::int64_t four;
        std::memcpy(&four, a[r] + i, 8);
        const __m256i x = _mm256_set1_epi64x(four);
        sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(x, left));
        sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(x, right));
        // a row at a time: all rows' factors loaded first, as GCC likes it, leave no registers for the sums
        asm("" : "+x"(sum[r][0]), "+x"(sum[r][1]));
      }
    }
    LYCEUM_UNROLL
    for (int r = 0; r < kRows; ++r) {
      auto* to = reinterpret_cast<__m256i*>(t.sums + (r0 + r) * t.sum_stride + half * 8);
      // columns 0 1 4 5 2 3 6 7
      const __m256i whole = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[r][0], sum[r][1]), 0xD8);
      _mm256_storeu_si256(to, t.first ? whole : _mm256_add_epi32(_mm256_loadu_si256(to), whole));
    }
  }
}
LYCEUM_AVX2 void avx2_int8(const NarrowBlock& t) {
  std::int64_t r = 0;
  for (; r + kAvx2Rows <= t.rows; r += kAvx2Rows) avx2_rows<kAvx2Rows>(t, r);
  switch (t.rows - r) {
    case 5:
      return avx2_rows<5>(t, r);
    case 4:
      return avx2_rows<4>(t, r);
    case 3:
      return avx2_rows<3>(t, r);
    case 2:
      return avx2_rows<2>(t, r);
    case 1:
      return avx2_rows<1>(t, r);
    default:
      return;
  }
}

// 6 rows x 4 groups: 24 sums, one load a group and one broadcast a row for every 4 bytes of depth, which are
// four bytes (VNNI) or two bf16.
template <int kRows, int kGroups, bool kBytes>
LYCEUM_DOT inline void dot_rows(const NarrowBlock& t, std::int64_t r0) {
  __m512i sum[kRows][kGroups];
  LYCEUM_UNROLL
  for (int r = 0; r < kRows; ++r) LYCEUM_UNROLL
  for (int g = 0; g < kGroups; ++g)
    sum[r][g] =
        t.first ? _mm512_setzero_si512() : _mm512_loadu_si512(t.sums + (r0 + r) * t.sum_stride + g * 16);
  const std::byte *a = t.a + r0 * t.a_stride, *b = t.b;
  for (std::int64_t i = 0; i < t.column_bytes; i += 4, a += 4, b += 64) {
    __m512i column[kGroups];
    LYCEUM_UNROLL
    for (int g = 0; g < kGroups; ++g) column[g] = _mm512_loadu_si512(b + g * t.group_stride);
    LYCEUM_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const __m512i x = _mm512_set1_epi32(word_of(a + r * t.a_stride));
      LYCEUM_UNROLL
      for (int g = 0; g < kGroups; ++g) {
        if constexpr (kBytes) {
          sum[r][g] = _mm512_dpbusd_epi32(sum[r][g], x, column[g]);
        } else {
          sum[r][g] = _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum[r][g]),
                                                           reinterpret_cast<__m512bh>(x),
                                                           reinterpret_cast<__m512bh>(column[g])));
        }
      }
    }
  }
  LYCEUM_UNROLL
  for (int r = 0; r < kRows; ++r) LYCEUM_UNROLL
  for (int g = 0; g < kGroups; ++g) _mm512_storeu_si512(t.sums + (r0 + r) * t.sum_stride + g * 16, sum[r][g]);
}
template <int kGroups, bool kBytes>
LYCEUM_DOT void dot_groups(const NarrowBlock& t) {
  std::int64_t r = 0;
  for (; r + 6 <= t.rows; r += 6) dot_rows<6, kGroups, kBytes>(t, r);
  for (; r + 2 <= t.rows; r += 2) dot_rows<2, kGroups, kBytes>(t, r);
  for (; r < t.rows; ++r) dot_rows<1, kGroups, kBytes>(t, r);
}
template <bool kBytes>
LYCEUM_DOT void dot(const NarrowBlock& t) {
  switch (t.groups) {
    case 1:
      return dot_groups<1, kBytes>(t);
    case 2:
      return dot_groups<2, kBytes>(t);
    case 3:
      return dot_groups<3, kBytes>(t);
    default:
      return dot_groups<4, kBytes>(t);
  }
}

// AMX: tiles of 16 rows of 64 bytes. 0 to 3 hold the sums of 32 x 32, 4 and 5 rows of a, 6 and 7 columns of
// b.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
LYCEUM_AMX void amx_begin() {
  static constexpr TileConfig config;
  _tile_loadconfig(&config);
}
LYCEUM_AMX void amx_end() { _tile_release(); }

#define LYCEUM_TILE_MULTIPLY(to, left, right) \
  do {                                        \
    if constexpr (kBytes) {                   \
      _tile_dpbusd(to, left, right);          \
    } else {                                  \
      _tile_dpbf16ps(to, left, right);        \
    }                                         \
  } while (false)

// Tiles read 16 rows whatever there are: a and the sums have them (narrow.cpp sees to it).
template <bool kBytes, bool kLowRows, bool kRightGroup>
LYCEUM_AMX inline void amx_tiles(const NarrowBlock& t) {
  const std::int64_t sum_bytes = t.sum_stride * 4;
  std::int32_t* low = t.sums + 16 * t.sum_stride;
  if (t.first) {
    _tile_zero(0);
    if constexpr (kRightGroup) _tile_zero(1);
    if constexpr (kLowRows) _tile_zero(2);
    if constexpr (kLowRows && kRightGroup) _tile_zero(3);
  } else {
    _tile_loadd(0, t.sums, sum_bytes);
    if constexpr (kRightGroup) _tile_loadd(1, t.sums + 16, sum_bytes);
    if constexpr (kLowRows) _tile_loadd(2, low, sum_bytes);
    if constexpr (kLowRows && kRightGroup) _tile_loadd(3, low + 16, sum_bytes);
  }
  const std::byte *a = t.a, *b = t.b;
  for (std::int64_t i = 0; i < t.column_bytes; i += 64, a += 64, b += 1024) {
    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, t.a_stride);
    LYCEUM_TILE_MULTIPLY(0, 4, 6);
    if constexpr (kRightGroup) {
      _tile_loadd(7, b + t.group_stride, 64);
      LYCEUM_TILE_MULTIPLY(1, 4, 7);
    }
    if constexpr (kLowRows) {
      _tile_loadd(5, a + 16 * t.a_stride, t.a_stride);
      LYCEUM_TILE_MULTIPLY(2, 5, 6);
      if constexpr (kRightGroup) LYCEUM_TILE_MULTIPLY(3, 5, 7);
    }
  }
  _tile_stored(0, t.sums, sum_bytes);
  if constexpr (kRightGroup) _tile_stored(1, t.sums + 16, sum_bytes);
  if constexpr (kLowRows) _tile_stored(2, low, sum_bytes);
  if constexpr (kLowRows && kRightGroup) _tile_stored(3, low + 16, sum_bytes);
}
template <bool kBytes>
LYCEUM_AMX void amx(const NarrowBlock& t) {
  if (t.rows > 16)
    t.groups > 1 ? amx_tiles<kBytes, true, true>(t) : amx_tiles<kBytes, true, false>(t);
  else
    t.groups > 1 ? amx_tiles<kBytes, false, true>(t) : amx_tiles<kBytes, false, false>(t);
}

constexpr NarrowUnit kAvx2Int8{"avx2", avx2_int8, 24, 4, kAvx2Depth, 16, nullptr, nullptr};
constexpr NarrowUnit kVnniInt8{"avx512_vnni", dot<true>, 24, 4, kWhole, 4, nullptr, nullptr};
constexpr NarrowUnit kAvx512Bf16{"avx512_bf16", dot<false>, 24, 4, kWhole, 4, nullptr, nullptr};
// 768 bytes of 32 columns are 24 KiB, half of the first-level cache of the processors that have AMX.
constexpr NarrowUnit kAmxInt8{"amx", amx<true>, 32, 2, 768, 64, amx_begin, amx_end};
constexpr NarrowUnit kAmxBf16{"amx", amx<false>, 32, 2, 768, 64, amx_begin, amx_end};

bool is_amd() {
  unsigned a, b, c, d;
  return __get_cpuid(0, &a, &b, &c, &d) != 0 && b == signature_AMD_ebx;
}

#endif

}  // namespace

void multiply(const NarrowUnit& unit, const NarrowBlock& whole) {
  for (std::int64_t g = 0; g < whole.groups; g += unit.groups)
    for (std::int64_t depth = 0; depth < whole.column_bytes; depth += unit.depth)
      for (std::int64_t m = 0; m < whole.rows; m += unit.rows)
        unit.multiply({.a = whole.a + m * whole.a_stride + depth,
                       .a_stride = whole.a_stride,
                       .b = whole.b + g * whole.group_stride + depth * 16,
                       .group_stride = whole.group_stride,
                       .column_bytes = std::min(unit.depth, whole.column_bytes - depth),
                       .sums = whole.sums + m * whole.sum_stride + g * 16,
                       .sum_stride = whole.sum_stride,
                       .rows = std::min(unit.rows, whole.rows - m),
                       .groups = std::min(unit.groups, whole.groups - g),
                       .first = whole.first && depth == 0});
}

std::vector<const NarrowUnit*> narrow_units_here(Narrow format) {
  std::vector<const NarrowUnit*> units;
  if (format == Narrow::kInt8) units.push_back(&kPortableInt8);
#if defined(__x86_64__)
  if (format == Narrow::kInt8) units.push_back(&kAvx2Int8);
  if (format == Narrow::kInt8 && __builtin_cpu_supports("avx512vnni")) units.push_back(&kVnniInt8);
  if (format == Narrow::kBF16 && __builtin_cpu_supports("avx512bf16")) units.push_back(&kAvx512Bf16);
  for (const Isa isa : available_isas())
    if (isa == Isa::kAmx) units.push_back(format == Narrow::kInt8 ? &kAmxInt8 : &kAmxBf16);
#endif
  return units;
}

const NarrowUnit& narrow_unit_of(Narrow format) {
  const Isa isa = current_isa();
#if defined(__x86_64__)
  if (isa == Isa::kAmx) return format == Narrow::kInt8 ? kAmxInt8 : kAmxBf16;
  static const bool vnni = __builtin_cpu_supports("avx512vnni") != 0;
  // On Intel's servers without AMX these dot products run at a third to a half of f32's rate.
  static const bool fast_bf16 = __builtin_cpu_supports("avx512bf16") != 0 && is_amd();
  if (isa == Isa::kAvx512 && format == Narrow::kInt8 && vnni) return kVnniInt8;
  if (isa == Isa::kAvx512 && format == Narrow::kBF16 && fast_bf16) return kAvx512Bf16;
  if (format == Narrow::kInt8 && isa != Isa::kNeon) return kAvx2Int8;
#else
  static_cast<void>(isa);
#endif
  return format == Narrow::kInt8 ? kPortableInt8 : kWidened;
}

const char* narrow_unit(Narrow format) { return narrow_unit_of(format).name; }

}  // namespace lyceum::kernels
