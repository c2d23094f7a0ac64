#include "tensor/shape.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "check/message_of.h"

namespace lyceum {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

TEST(Shape, CountsItsElementsAndIndexesFromBothEnds) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape.elements(), 30);
  EXPECT_EQ(shape.dims(), 3);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 5);
  EXPECT_EQ(shape.text(), "[2, 3, 5]");
  EXPECT_EQ(Shape{}.elements(), 1);  // a scalar
  EXPECT_EQ(Shape{}.text(), "[]");
  EXPECT_EQ((Shape{4, 0, 3}).elements(), 0);
}

TEST(Shape, ComparesSizesAndTheirNumber) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 0}));
  EXPECT_NE((Shape{}), (Shape{0}));
}

TEST(Shape, ProductsThatWouldWrapAreRefused) {
  EXPECT_EQ((Shape{std::int64_t{1} << 31, std::int64_t{1} << 31}).elements(), std::int64_t{1} << 62);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                Shape{std::int64_t{1} << 32, std::int64_t{1} << 31};
                              }),
            "shape [4294967296, 2147483648]: its product is above 2^62 elements");
  // 2^32 * 2^32 = 2^64 wraps to 0, and 2^63 + 1 squared wraps to something small
  for (const auto& sizes :
       std::vector<std::vector<std::int64_t>>{{std::int64_t{1} << 32, std::int64_t{1} << 32},
                                              {kMost, kMost},
                                              {3, kMost},
                                              {kMost},
                                              {kMost, 0},
                                              {0, kMost, 2}})
    EXPECT_NE(check::message_of(Errc::kData, [&] { Shape{std::span(sizes)}; }).find("above 2^62"),
              std::string::npos);
}

TEST(Shape, NegativeSizesAndTooManyDimensionsAreRefused) {
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                Shape{2, -1};
                              }),
            "shape: found the size -1, expected 0 or more");
  EXPECT_EQ(check::message_of(Errc::kData, [] { Shape{std::numeric_limits<std::int64_t>::min()}; }),
            "shape: found the size -9223372036854775808, expected 0 or more");
  EXPECT_NO_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(check::message_of(Errc::kData, [] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }),
            "shape: found 9 dimensions, expected at most 8");
}

}  // namespace
}  // namespace lyceum
