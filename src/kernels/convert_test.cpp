#include "kernels/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/random.h"

namespace lyceum::kernels {
namespace {

struct Format {
  const char* name;
  Half half;
  float (*widen_one)(std::uint16_t);
  std::uint16_t (*narrow)(float);
  int exponent_bits, mantissa_bits;
};
const Format kFormats[] = {{"f16", Half::kF16, f16_to_f32, f32_to_f16, 5, 10},
                           {"bf16", Half::kBF16, bf16_to_f32, f32_to_bf16, 8, 7}};

// What the bits mean, from IEEE 754 and from bf16 being the upper half of an f32.
double meaning(const Format& f, std::uint16_t h) {
  const int bias = (1 << (f.exponent_bits - 1)) - 1, most = (1 << f.exponent_bits) - 1;
  const int exponent = (h >> f.mantissa_bits) & most, mantissa = h & ((1 << f.mantissa_bits) - 1);
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == most) return mantissa != 0 ? NAN : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - f.mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << f.mantissa_bits), exponent - bias - f.mantissa_bits);
}

TEST(Convert, EveryValueMeansWhatItsBitsSayAndSurvivesTheRoundTrip) {
  for (const Format& f : kFormats)
    for (std::uint32_t i = 0; i < 65536; ++i) {
      const auto h = static_cast<std::uint16_t>(i);
      const double want = meaning(f, h);
      const float found = f.widen_one(h);
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(found)) << f.name << " " << i;
        ASSERT_TRUE(std::isnan(f.widen_one(f.narrow(found)))) << f.name << " " << i;
        continue;
      }
      ASSERT_EQ(static_cast<double>(found), want) << f.name << " " << i;
      ASSERT_EQ(std::signbit(found), (h & 0x8000) != 0) << f.name << " " << i;
      ASSERT_EQ(f.narrow(found), h) << f.name << " " << i;
    }
}

// Between two neighbours: below the middle goes down, above it up, the middle to the even one; both signs.
TEST(Convert, RoundsToTheNearestAndTiesToEven) {
  for (const Format& f : kFormats) {
    const std::uint32_t infinity = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
    for (std::uint32_t i = 0; i + 1 < infinity; ++i) {
      const auto low = static_cast<std::uint16_t>(i), high = static_cast<std::uint16_t>(i + 1);
      const auto middle = static_cast<float>((meaning(f, low) + meaning(f, high)) / 2);  // exact in f32
      const std::uint16_t even = i % 2 == 0 ? low : high;
      ASSERT_EQ(f.narrow(middle), even) << f.name << " " << i;
      ASSERT_EQ(f.narrow(std::nextafterf(middle, 0)), low) << f.name << " " << i;
      ASSERT_EQ(f.narrow(std::nextafterf(middle, HUGE_VALF)), high) << f.name << " " << i;
      ASSERT_EQ(f.narrow(-middle), even | 0x8000) << f.name << " " << i;
    }
  }
}

TEST(Convert, WhatIsTooLargeBecomesInfinityAndTooSmallZero) {
  EXPECT_EQ(f32_to_f16(65519.99f), 0x7BFF);  // the largest: 65504; halfway to the next would be 65520
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
  EXPECT_EQ(f32_to_f16(-3e38f), 0xFC00);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0x0000);  // a tie with zero, which is even
  EXPECT_EQ(f32_to_f16(-0x1p-26f), 0x8000);
  EXPECT_EQ(f32_to_bf16(3.4028235e38f), 0x7F80);  // f32's largest is nearer to 2^128 than to bf16's largest
  EXPECT_EQ(f32_to_bf16(1e-45f), 0x0000);
  for (const Format& f : kFormats) {
    EXPECT_EQ(f.narrow(INFINITY), f.narrow(f.widen_one(f.narrow(INFINITY)))) << f.name;
    EXPECT_TRUE(std::isnan(f.widen_one(f.narrow(std::bit_cast<float>(0x7F800001u)))))
        << f.name;  // a signalling NaN
  }
}

TEST(Convert, WidensRunsFromAnyAddress) {
  Random random(1);
  std::vector<std::byte> bytes(101);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.below(256));
  for (const Format& f : kFormats)
    for (std::size_t start = 0; start < 3; ++start) {
      std::vector<float> wide(49);
      widen(bytes.data() + start, f.half, 49, wide.data());
      for (std::size_t i = 0; i < 49; ++i) {
        std::uint16_t h;
        std::memcpy(&h, bytes.data() + start + 2 * i, 2);
        const float want = f.widen_one(h);
        ASSERT_TRUE(wide[i] == want || (std::isnan(want) && std::isnan(wide[i])))
            << f.name << " from " << start << ", " << i;
      }
    }
}

}  // namespace
}  // namespace lyceum::kernels
