#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "check/expect_error.h"
#include "tasks/common/scores.h"
#include "tasks/common/windows.h"

namespace lyceum {
namespace {

using check::expect_error;

using Window = std::pair<std::size_t, std::size_t>;

TEST(Windows, OverlapAndEndWithTheText) {
  EXPECT_EQ(windows(0, 5, 2), (std::vector<Window>{{0, 0}}));
  EXPECT_EQ(windows(5, 5, 2), (std::vector<Window>{{0, 5}}));
  EXPECT_EQ(windows(6, 5, 2), (std::vector<Window>{{0, 5}, {3, 6}}));
  EXPECT_EQ(windows(8, 5, 2), (std::vector<Window>{{0, 5}, {3, 8}}));
  EXPECT_EQ(windows(9, 5, 0), (std::vector<Window>{{0, 5}, {5, 9}}));
  EXPECT_EQ(windows(4, 2, 1), (std::vector<Window>{{0, 2}, {1, 3}, {2, 4}}));
  expect_error(Errc::kUsage, "overlap of 5", [] { windows(9, 5, 5); });
}

TEST(Windows, ASliceKeepsEveryPart) {
  const Encoding e{
      .ids = {1, 2, 3}, .type_ids = {0, 0, 0}, .offsets = {{0, 1}, {1, 2}, {2, 3}}, .words = {0, 1, 1}};
  const Encoding part = slice(e, 1, 3);
  EXPECT_EQ(part.ids, (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(part.type_ids.size(), 2u);
  EXPECT_EQ(part.offsets[0], (TokenSpan{1, 2}));
  EXPECT_EQ(part.words, (std::vector<std::int32_t>{1, 1}));
  EXPECT_TRUE(part.sequences.empty());
}

TEST(Scores, SoftmaxSumsToOneAndHoldsLargeValues) {
  std::vector<float> scores{1000, 999, -1000};
  softmax_in_place(scores);
  EXPECT_FLOAT_EQ(std::accumulate(scores.begin(), scores.end(), 0.0f), 1);
  EXPECT_FLOAT_EQ(scores[0] / scores[1], std::exp(1.0f));
  std::vector<float> none;
  softmax_in_place(none);
}

TEST(Scores, TheBestComeFirstEqualOnesInOrderAndNanLast) {
  const std::vector<float> scores{1, 3, std::nanf(""), 3, 2};
  EXPECT_EQ(best_places(scores, 9), (std::vector<std::size_t>{1, 3, 4, 0, 2}));
  EXPECT_EQ(best_places(scores, 2), (std::vector<std::size_t>{1, 3}));
  EXPECT_TRUE(best_places({}, 2).empty());
}

}  // namespace
}  // namespace lyceum
