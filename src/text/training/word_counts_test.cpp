#include "text/training/word_counts.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace lyceum {
namespace {

TEST(WordCounts, CountsWordsOfEveryLengthAsAMapDoes) {
  Random random(1);
  std::map<std::string, std::uint64_t, std::less<>> expected;
  WordCounts counts, halves[2];
  for (int i = 0; i < 40000; ++i) {
    std::string word(random.below(20), ' ');
    // few letters, with NUL and bytes above 127 among them: words that differ in one place only
    for (char& c : word) c = "\0ab\xFF"[random.below(4)];
    ++expected[word];
    counts.add(word);
    halves[i % 2].add(word);
  }
  halves[0].add(halves[1]);
  std::uint64_t bytes = 0;
  for (const auto& [word, count] : expected) bytes += word.size();
  for (const WordCounts* c : {&counts, &halves[0]}) {
    EXPECT_EQ(c->words(), 40000u);
    EXPECT_EQ(c->distinct(), expected.size());
    EXPECT_EQ(c->bytes(), bytes);
    std::size_t seen = 0;
    c->for_each([&](std::string_view word, std::uint64_t count) {
      const auto it = expected.find(word);
      ASSERT_NE(it, expected.end()) << word;
      EXPECT_EQ(count, it->second) << word;
      ++seen;
    });
    EXPECT_EQ(seen, expected.size());
  }
}

}  // namespace
}  // namespace lyceum
