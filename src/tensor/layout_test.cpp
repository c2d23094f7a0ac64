#include "tensor/layout.h"

#include <gtest/gtest.h>

#include "check/message_of.h"

namespace lyceum {
namespace {

using Counts = std::vector<std::int64_t>;

TEST(SequenceLayout, SaysWhereEachSequenceStands) {
  const Counts lengths = {3, 0, 2};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  EXPECT_EQ(layout.sequences(), 3);
  EXPECT_EQ(layout.tokens(), 5);
  EXPECT_EQ(layout.longest(), 3);
  EXPECT_EQ(Counts(layout.offsets().begin(), layout.offsets().end()), (Counts{0, 3, 3, 5}));
  EXPECT_EQ(Counts(layout.positions().begin(), layout.positions().end()), (Counts{0, 1, 2, 0, 1}));
  EXPECT_EQ(layout.begin(1), 3);
  EXPECT_EQ(layout.length(1), 0);
  EXPECT_EQ(layout.end(2), 5);
  EXPECT_EQ(layout.ids()[2], 2u);
}

TEST(SequenceLayout, NoSequencesAreALayoutToo) {
  for (const SequenceLayout& layout : {SequenceLayout(), SequenceLayout::from_lengths({})}) {
    EXPECT_EQ(layout.sequences(), 0);
    EXPECT_EQ(layout.tokens(), 0);
    EXPECT_EQ(layout.longest(), 0);
    EXPECT_EQ(layout.offsets().size(), 1u);
  }
}

TEST(SequenceLayout, KeepsThePositionsAndIdsItIsGiven) {
  const Counts lengths = {1, 2};
  const SequenceLayout layout = SequenceLayout::from(lengths, {9, 2, 3}, {70, 50});
  EXPECT_EQ(layout.positions()[0], 9);
  EXPECT_EQ(layout.positions()[2], 3);
  EXPECT_EQ(layout.ids()[1], 50u);
}

TEST(SequenceLayout, RefusesCountsThatDoNotAgree) {
  const Counts lengths = {1, 2}, negative = {2, -1}, huge = {std::int64_t{1} << 62, std::int64_t{1} << 62};
  const auto message = [](auto&& make) { return check::message_of(Errc::kData, make); };
  EXPECT_EQ(message([&] {
              SequenceLayout::from(lengths, {0, 0}, {0, 1});
            }),
            "sequence layout: found 2 positions and 2 ids, expected 3 and 2");
  EXPECT_EQ(message([&] {
              SequenceLayout::from(lengths, {0, 0, 1}, {0});
            }),
            "sequence layout: found 3 positions and 1 ids, expected 3 and 2");
  EXPECT_EQ(message([&] { SequenceLayout::from_lengths(negative); }),
            "sequence layout: found the length -1, expected 0 or more");
  EXPECT_EQ(message([&] {
              SequenceLayout::from(huge, {}, {0, 1});
            }),
            "sequence layout: found more than 2^62 tokens");
}

}  // namespace
}  // namespace lyceum
