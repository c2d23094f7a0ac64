#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace lyceum {
namespace {

// Random123's published known answers for philox4x32-10 (kat_vectors).
TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_EQ(philox(0, 0, 0), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull), (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  // counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: the digits of pi
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, EveryBitOfKeyAndCounterMatters) {
  const PhiloxBlock zero = philox(0, 0, 0);
  for (int bit = 0; bit < 64; ++bit) {
    const std::uint64_t one = std::uint64_t{1} << bit;
    EXPECT_NE(philox(one, 0, 0), zero) << bit;
    EXPECT_NE(philox(0, one, 0), zero) << bit;
    EXPECT_NE(philox(0, 0, one), zero) << bit;
  }
}

TEST(UnitFloat, IsInZeroToOneInExactSteps) {
  EXPECT_EQ(unit_float(0), 0.0f);
  EXPECT_EQ(unit_float(255), 0.0f);
  EXPECT_EQ(unit_float(256), 0x1p-24f);
  EXPECT_EQ(unit_float(0xFFFFFFFF), 1.0f - 0x1p-24f);
}

TEST(Random, IsTheSequenceOfItsBlocks) {
  Random random(5, 9);
  for (std::uint64_t counter = 0; counter < 3; ++counter)
    for (const std::uint32_t word : philox(5, counter, 9)) EXPECT_EQ(random.bits(), word);
}

TEST(Random, SeedsAndStreamsAreDifferentSequences) {
  Random first(1), second(2), stream(1, 1);
  const std::uint32_t a = first.bits(), b = second.bits(), c = stream.bits();
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(b, c);
}

// Means of 100000 draws: the standard deviation is 1 / sqrt(12 * 100000) = 0.0009 of the range; five of them.
TEST(Random, UniformAndBelowFillTheirRanges) {
  Random random(3);
  double sum = 0;
  std::array<int, 7> counts{};
  for (int i = 0; i < 100000; ++i) {
    const float x = random.uniform(-2, 2);
    ASSERT_TRUE(x >= -2 && x < 2);
    sum += static_cast<double>(x);
    const std::uint32_t n = random.below(7);
    ASSERT_LT(n, 7u);
    ++counts[n];
  }
  EXPECT_NEAR(sum / 100000, 0, 0.0183);
  // each face: standard deviation sqrt(100000 * 6 / 49) = 111; five of them
  for (const int count : counts) EXPECT_NEAR(count, 100000 / 7.0, 555);
  EXPECT_EQ(random.below(1), 0u);
}

}  // namespace
}  // namespace lyceum
