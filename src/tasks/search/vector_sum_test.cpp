#include "tasks/search/vector_sum.h"

#include <gtest/gtest.h>

#include <vector>

namespace lyceum {
namespace {

TEST(VectorSum, DependsOnWhatIsThereAndNotOnHowItCame) {
  const std::vector<float> a{1, 2, 3}, b{4, 5, 6};
  VectorSum one, other;
  one.add(1, a.data(), 3);
  one.add(2, b.data(), 3);
  other.add(7, b.data(), 3);
  other.add(2, b.data(), 3);
  EXPECT_NE(one, other);
  other.add(1, a.data(), 3);
  other.remove(7, b.data(), 3);
  EXPECT_EQ(one, other);
  other.remove(1, a.data(), 3);
  other.remove(2, b.data(), 3);
  EXPECT_EQ(other, VectorSum());
}

TEST(VectorSum, TellsVectorsIdsAndTheirPlacesApart) {
  const std::vector<float> a{1, 2}, b{1, 3}, minus_zero{-0.0f, 2}, zero{0, 2};
  const auto sum = [](std::int64_t id, const std::vector<float>& v) {
    VectorSum s;
    s.add(id, v.data(), static_cast<std::int64_t>(v.size()));
    return s;
  };
  EXPECT_NE(sum(1, a), sum(1, b));
  EXPECT_NE(sum(1, a), sum(2, a));
  EXPECT_NE(sum(1, zero), sum(1, minus_zero));
  VectorSum swapped = sum(1, b), straight = sum(1, a);
  swapped.add(2, a.data(), 2);
  straight.add(2, b.data(), 2);
  EXPECT_NE(swapped, straight);
}

TEST(VectorSum, IsWrittenAsDigits) {
  const std::vector<float> a{1, 2};
  VectorSum sum;
  EXPECT_EQ(sum.text(), std::string(64, '0'));
  sum.add(1, a.data(), 2);
  EXPECT_EQ(VectorSum::parse(sum.text()), sum);
  for (const std::string& bad : {std::string(), sum.text() + "0", sum.text().substr(1), std::string(64, 'x'),
                                 "-" + std::string(63, '0'), std::string(63, '0') + " "})
    EXPECT_FALSE(VectorSum::parse(bad)) << bad;
}

}  // namespace
}  // namespace lyceum
