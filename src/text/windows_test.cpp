#include "text/windows.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"

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

}  // namespace
}  // namespace lyceum
