#include "text/training/merge_learner.h"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <set>
#include <string>

#include "base/interrupt.h"
#include "base/random.h"
#include "check/expect_error.h"

namespace lyceum {
namespace {

struct Learned {
  std::vector<SymbolPair> merges;
  std::vector<std::string> tokens;
};
using Words = std::vector<std::pair<std::string, std::uint64_t>>;

// Symbols are the letters of the alphabet, then what is joined.
std::vector<std::string> letters(const std::string& alphabet) {
  std::vector<std::string> out;
  for (const char c : alphabet) out.emplace_back(1, c);
  return out;
}
std::vector<std::uint32_t> symbols_of(const std::string& word, const std::string& alphabet) {
  std::vector<std::uint32_t> out;
  for (const char c : word) out.push_back(static_cast<std::uint32_t>(alphabet.find(c)));
  return out;
}
std::uint32_t id_of(std::vector<std::string>& tokens, const std::string& text) {
  const auto it = std::find(tokens.begin(), tokens.end(), text);
  const auto id = static_cast<std::uint32_t>(it - tokens.begin());
  if (it == tokens.end()) tokens.push_back(text);
  return id;
}

Learned learn(const Words& words, const std::string& alphabet, std::size_t size, std::uint64_t frequency) {
  Learned out{.tokens = letters(alphabet)};
  MergeLearner learner;
  for (const auto& [word, count] : words) learner.add_word(symbols_of(word, alphabet), count);
  out.merges = learner.learn(frequency, [&](std::uint32_t a, std::uint32_t b) {
    if (out.tokens.size() >= size) return MergeLearner::kStop;
    return id_of(out.tokens, out.tokens[a] + out.tokens[b]);
  });
  return out;
}

// The definition, word by word and in the reference's terms: candidates are sets of words, the counts of
// pairs are carried on, and what arises in one step is a candidate of its own.
Learned defined(const Words& words, const std::string& alphabet, std::size_t size, std::uint64_t frequency) {
  struct Candidate {
    std::int64_t count;
    SymbolPair pair;
    std::set<std::size_t> words;
  };
  Learned out{.tokens = letters(alphabet)};
  std::vector<std::vector<std::uint32_t>> rows;
  for (const auto& [word, count] : words) rows.push_back(symbols_of(word, alphabet));
  std::map<SymbolPair, std::int64_t> counts;
  std::map<SymbolPair, std::set<std::size_t>> fresh;
  std::list<Candidate> queue;
  const auto change = [&](SymbolPair pair, std::size_t word, std::int64_t sign) {
    counts[pair] += sign * static_cast<std::int64_t>(words[word].second);
    if (sign > 0) fresh[pair].insert(word);
  };
  const auto put_fresh = [&] {
    for (auto& [pair, where] : fresh)
      if (counts[pair] > 0) queue.push_back({counts[pair], pair, where});
    fresh.clear();
  };
  for (std::size_t w = 0; w < rows.size(); ++w)
    for (std::size_t i = 0; i + 1 < rows[w].size(); ++i) change({rows[w][i], rows[w][i + 1]}, w, 1);
  put_fresh();
  while (out.tokens.size() < size && !queue.empty()) {
    auto best = queue.begin();
    for (auto it = queue.begin(); it != queue.end(); ++it)
      if (it->count > best->count || (it->count == best->count && it->pair < best->pair)) best = it;
    if (best->count != counts[best->pair]) {
      best->count = counts[best->pair];
      continue;
    }
    if (best->count < 1 || best->count < static_cast<std::int64_t>(frequency)) break;
    const Candidate top = *best;
    queue.erase(best);
    const auto [a, b] = top.pair;
    const std::uint32_t joined = id_of(out.tokens, out.tokens[a] + out.tokens[b]);
    out.merges.push_back(top.pair);
    for (const std::size_t w : top.words) {
      auto& row = rows[w];
      for (std::size_t i = 0; i + 1 < row.size(); ++i) {
        if (row[i] != a || row[i + 1] != b) continue;
        row.erase(row.begin() + static_cast<std::ptrdiff_t>(i));
        row[i] = joined;
        if (i > 0) change({row[i - 1], a}, w, -1), change({row[i - 1], joined}, w, 1);
        if (i + 1 < row.size()) change({b, row[i + 1]}, w, -1), change({joined, row[i + 1]}, w, 1);
      }
    }
    put_fresh();
  }
  return out;
}

TEST(MergeLearner, JoinsTheMostFrequentPairFirstByHand) {
  // l o w e r n s t i d: Sennrich et al. 2016, figure 1, with counts that leave no tie
  const Words words = {{"low", 5}, {"lowest", 2}, {"newer", 6}, {"wider", 3}};
  const Learned l = learn(words, "lowerstnid", 100, 5);
  // er 9, we 8 (lowest 2, newer 6), then with er gone: lo 7, low 7 and so on
  ASSERT_GE(l.merges.size(), 3u);
  EXPECT_EQ(l.tokens[10], "er");
  EXPECT_EQ(l.tokens[11], "lo");
  EXPECT_EQ(l.tokens[12], "low");
}

TEST(MergeLearner, OfEquallyFrequentPairsTheSmallerSymbolsAreFirst) {
  // ab, bc, cd: each twice. Symbols go by their place in the alphabet, not by their letters.
  EXPECT_EQ(learn({{"ab", 2}, {"bc", 2}, {"cd", 2}}, "abcd", 7, 1).merges,
            (std::vector<SymbolPair>{{0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(learn({{"ab", 2}, {"bc", 2}, {"cd", 2}}, "dcba", 7, 1).merges,
            (std::vector<SymbolPair>{{1, 0}, {2, 1}, {3, 2}}));
}

TEST(MergeLearner, StopsAtTheSizeAndAtTheLeastFrequency) {
  const Words words = {{"abab", 3}, {"cd", 2}, {"ef", 1}};
  EXPECT_EQ(learn(words, "abcdef", 7, 1).tokens.back(), "ab");
  EXPECT_EQ(learn(words, "abcdef", 100, 3).tokens.back(), "abab");
  EXPECT_EQ(learn(words, "abcdef", 100, 2).tokens.back(), "cd");
  EXPECT_EQ(learn(words, "abcdef", 100, 0).tokens.back(), "ef");
  EXPECT_EQ(learn({}, "a", 100, 0).merges.size(), 0u);
  EXPECT_EQ(learn({{"a", 5}, {"", 5}}, "a", 100, 0).merges.size(), 0u);
}

TEST(MergeLearner, LearnsWhatTheDefinitionLearns) {
  // runs of few letters: pairs overlap themselves, and arise anew in the step that takes them away
  Random random(3);
  for (int round = 0; round < 1500; ++round) {
    const std::string alphabet = std::string("abcd").substr(0, 1 + random.below(4));
    Words words;
    for (std::uint32_t n = 1 + random.below(12); n > 0; --n) {
      std::string word(random.below(round % 3 == 0 ? 40 : 12), ' ');
      for (char& c : word) c = alphabet[random.below(static_cast<std::uint32_t>(alphabet.size()))];
      words.emplace_back(word, 1 + random.below(4));
    }
    const std::size_t size = alphabet.size() + random.below(60);
    const std::uint64_t frequency = random.below(4);
    const Learned got = learn(words, alphabet, size, frequency),
                  want = defined(words, alphabet, size, frequency);
    ASSERT_EQ(got.tokens, want.tokens) << "round " << round;
    ASSERT_EQ(got.merges, want.merges) << "round " << round;
    // what MergeLearner rests on: no token arises twice
    ASSERT_EQ(got.merges.size(), got.tokens.size() - alphabet.size()) << "round " << round;
  }
}

TEST(MergeLearner, WordsOfAMegabyteTakeNoLongerThanManyShortOnes) {
  Random random(5);
  std::string word(1 << 20, 'a');
  for (char& c : word) c = static_cast<char>('a' + random.below(8));
  const Learned l = learn({{word, 1}, {std::string(1 << 20, 'a'), 2}}, "abcdefgh", 2000, 2);
  EXPECT_EQ(l.tokens.size(), 2000u);
}

TEST(MergeLearner, CanBeInterrupted) {
  request_interrupt();
  check::expect_error(Errc::kInterrupted, "interrupted", [] { learn({{"ab", 2}}, "ab", 10, 1); });
  clear_interrupt();
}

}  // namespace
}  // namespace lyceum
