#include <gtest/gtest.h>

#include <map>
#include <set>

#include "check/expect_error.h"
#include "data/examples/example_test_data.h"
#include "data/examples/masking.h"
#include "data/examples/sentence_blocks.h"
#include "data/examples/sentence_pairs.h"

namespace lyceum {
namespace {

using namespace test_data;
using check::expect_error;
using Ids = std::vector<std::int32_t>;
using Texts = std::vector<std::string>;

Texts cut(const std::string& text, SentenceRule rule) {
  Texts out;
  for (const auto& [begin, end] : sentence_spans(text, rule)) out.push_back(text.substr(begin, end - begin));
  return out;
}

TEST(SentenceSpans, FollowTheirRule) {
  EXPECT_EQ(cut("  one\r\n\n two three \n", SentenceRule::kLines), (Texts{"one", "two three"}));
  EXPECT_EQ(cut(" a. B\n", SentenceRule::kNone), Texts{"a. B"});
  EXPECT_EQ(cut("One. Two! (Three?) \"Four.\" five.\nSix 3.5 e.g. seven", SentenceRule::kMarks),
            (Texts{"One.", "Two!", "(Three?)", "\"Four.\" five.", "Six 3.5 e.g. seven"}));
  EXPECT_EQ(cut("a title\n\nOne\nline.  \n \nTwo", SentenceRule::kMarks),
            (Texts{"a title", "One\nline.", "Two"}));
  EXPECT_EQ(cut("\u4e00\u3002\u4e8c\uff01\u4e09", SentenceRule::kMarks),
            (Texts{"\u4e00\u3002", "\u4e8c\uff01", "\u4e09"}));
  for (const auto rule : {SentenceRule::kNone, SentenceRule::kLines, SentenceRule::kMarks})
    EXPECT_TRUE(cut(" \n ", rule).empty());
  EXPECT_EQ(cut("...", SentenceRule::kMarks), Texts{"..."});
}

// Documents of sentences, one a line; blank lines between documents. Document d, sentence s has the words
// "w{d} w{s}" repeated: 1 + (d * 5 + s * 3) % 9 of them.
class Sentences : public testing::Test {
 protected:
  ExampleInput corpus(int documents, bool shuffle, int sentences = 7) const {
    std::string text;
    for (int d = 0; d < documents; ++d) {
      for (int s = 0; s < 1 + (d * 3) % sentences; ++s) {
        for (int i = 0; i < 1 + (d * 5 + s * 3) % 9; ++i) text += (i > 0 ? " w" : "w") + std::to_string(d);
        text += "\n";
      }
      text += "\n";
    }
    return corpus_of(text, shuffle);
  }
  ExampleInput corpus_of(const std::string& text, bool shuffle) const {
    check::write_file(folder_ / "a.txt", text);
    return input_of({(folder_ / "a.txt").string()}, {.separator = "\n\n"}, shuffle);
  }
  std::vector<Ids> blocks(const ExampleInput& input, const SentenceBlockOptions& options) const {
    SentenceBlocks builder(input, tokenizer_, options);
    std::vector<Ids> out;
    for (const Example& e : epoch_of(builder)) out.push_back(e.ids);
    return out;
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = word_tokenizer();
  check::TemporaryFolder folder_;
};

constexpr std::int32_t a = kFirstWord, b = a + 1, c = a + 2;

// Golden, by hand: sentences of 2, 3, 1 and 2, 9 tokens in two documents.
TEST_F(Sentences, BlocksAreWholeSentencesWithASeparatorBetweenDocuments) {
  const ExampleInput input = corpus_of("w0 w0\nw1 w1 w1\nw2\n\nw0 w1\nw2 w2 w2 w2 w2 w2 w2 w2 w2\n", false);
  EXPECT_EQ(blocks(input, {.max_tokens = 8}), (std::vector<Ids>{{kCls, a, a, b, b, b, c, kSep},
                                                                {kCls, a, b, kSep},
                                                                {kCls, c, c, c, c, c, c, kSep},
                                                                {kCls, c, c, c, kSep}}));
  EXPECT_EQ(blocks(input, {.max_tokens = 11}), (std::vector<Ids>{{kCls, a, a, b, b, b, c, kSep, a, b, kSep},
                                                                 {kCls, c, c, c, c, c, c, c, c, c, kSep}}));
  EXPECT_EQ(blocks(input, {.max_tokens = 19}), (std::vector<Ids>{{kCls, a, a, b, b, b, c, kSep, a, b, kSep},
                                                                 {kCls, c, c, c, c, c, c, c, c, c, kSep}}));
  EXPECT_EQ(blocks(input, {.max_tokens = 20}),
            (std::vector<Ids>{{kCls, a, a, b, b, b, c, kSep, a, b, c, c, c, c, c, c, c, c, c, kSep}}));
  EXPECT_EQ(
      blocks(input, {.max_tokens = 20, .cross_document = false}),
      (std::vector<Ids>{{kCls, a, a, b, b, b, c, kSep}, {kCls, a, b, c, c, c, c, c, c, c, c, c, kSep}}));
}

TEST_F(Sentences, ARuleFindsSentencesInRunningText) {
  const ExampleInput input = corpus_of("w0 w0 w0 . W1 w1 w1 . W2 w2\nw2 .\n", false);
  // upper case is lower-cased by the tokenizer; the spaces before the marks are its own
  EXPECT_EQ(blocks(input, {.max_tokens = 7, .document = {.sentences = SentenceRule::kMarks}}).size(), 3u);
}

TEST_F(Sentences, BlocksKeepThePromises) {
  for (const bool shuffle : {false, true})
    for (const bool cross : {false, true}) {
      const ExampleInput input = corpus(25, shuffle);
      expect_promises([&](const AheadOptions& ahead) {
        ExampleInput with = input;
        with.ahead = ahead;
        return std::make_unique<SentenceBlocks>(
            with, tokenizer_, SentenceBlockOptions{.max_tokens = 12, .cross_document = cross});
      });
    }
}

TEST_F(Sentences, EveryTokenIsInOneBlock) {
  const ExampleInput input = corpus(40, true);
  std::map<std::int32_t, int> expected, found;
  for (int d = 0; d < 40; ++d)
    for (int s = 0; s < 1 + (d * 3) % 7; ++s) expected[kFirstWord + d] += 1 + (d * 5 + s * 3) % 9;
  for (const Ids& ids : blocks(input, {.max_tokens = 16})) {
    EXPECT_LE(ids.size(), 16u);
    for (const std::int32_t id : ids) found[id] += id >= kFirstWord;
  }
  found.erase(kCls), found.erase(kSep);
  EXPECT_EQ(found, expected);
}

// All of a document's words are one word, so that a pair shows what it was made of.
TEST_F(Sentences, TruePairsNeverCrossDocumentsAndRandomOnesAlwaysDo) {
  SentencePairs builder(corpus(60, true), tokenizer_, {.max_tokens = 24});
  std::set<std::int32_t> firsts;
  for (int epoch = 0; epoch < 30; ++epoch)
    for (const Example& e : epoch_of(builder)) {
      EXPECT_LE(e.ids.size(), 24u);
      ASSERT_EQ(e.types.size(), e.ids.size());
      std::set<std::int32_t> documents[2];
      for (std::size_t i = 0; i < e.ids.size(); ++i)
        if (e.ids[i] >= kFirstWord) documents[e.types[i]].insert(e.ids[i]);
      ASSERT_EQ(documents[0].size(), 1u);
      ASSERT_EQ(documents[1].size(), 1u);
      EXPECT_EQ(*documents[0].begin() == *documents[1].begin(), e.next_sentence == 0);
      firsts.insert(*documents[0].begin());
      EXPECT_EQ(e.ids.front(), kCls);
      EXPECT_EQ(e.ids.back(), kSep);
    }
  EXPECT_EQ(firsts.size(), 60u);
  const SentencePairCounts& counts = builder.pairs();
  const double share = static_cast<double>(counts.random) / static_cast<double>(counts.pairs);
  EXPECT_GT(share, 0.5);  // chunks of one sentence are always random
  EXPECT_LT(share, 0.75);
  EXPECT_EQ(counts.pairs, builder.counts().examples);
}

TokenDocument document_of(std::initializer_list<int> sentence_lengths) {
  TokenDocument out;
  for (const int length : sentence_lengths) {
    out.sentences.push_back(static_cast<std::uint32_t>(out.ids.size()));
    for (int i = 0; i < length; ++i) out.ids.push_back(static_cast<std::int32_t>(out.ids.size()));
  }
  return out;
}

// With pairs that never are random, the segments of a document that needs no cut are its tokens in their
// order; with pairs that always are, the first segments are, since what is not used is put back.
TEST_F(Sentences, WhatIsNotUsedIsPutBack) {
  const TokenDocument documents[] = {document_of({3, 2, 4, 1, 5, 2, 2, 3, 4, 1}), document_of({2, 2})};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Ids all, firsts;
    for (const SentencePair& pair : sentence_pairs(
             documents, 0, 100, {.short_probability = seed % 2 ? 1.0 : 0.0, .random_next = 0}, random)) {
      all.insert(all.end(), pair.first.begin(), pair.first.end());
      if (!pair.is_random) all.insert(all.end(), pair.second.begin(), pair.second.end());
    }
    EXPECT_EQ(all, documents[0].ids);
    for (const SentencePair& pair : sentence_pairs(documents, 0, 100, {.random_next = 1}, random)) {
      EXPECT_TRUE(pair.is_random);
      EXPECT_EQ(pair.second_document, 1u);
      EXPECT_FALSE(pair.second.empty());
      firsts.insert(firsts.end(), pair.first.begin(), pair.first.end());
    }
    EXPECT_EQ(firsts, documents[0].ids);
  }
}

// One document in ten is cut into short pairs: 4000 documents, standard deviation sqrt(4000 * 0.09) = 19;
// five of them. A target of 2 to 60 tokens, where the document has 60, is its whole length once in 59 times.
TEST_F(Sentences, OneDocumentInTenHasShortPairs) {
  std::vector<TokenDocument> documents(2);
  for (TokenDocument& d : documents)
    for (std::uint32_t s = 0; s < 60; ++s) d.sentences.push_back(s), d.ids.push_back(7);
  int cut = 0;
  Random random(3);
  for (int i = 0; i < 4000; ++i)
    cut += sentence_pairs(documents, 0, 60, {.random_next = 0}, random).size() > 1;
  EXPECT_NEAR(cut, 400 * 58.0 / 59, 95);
}

TEST_F(Sentences, LongPairsLoseTokensAtBothEnds) {
  const TokenDocument documents[] = {document_of({50, 50}), document_of({9, 1})};
  std::set<int> begins, ends;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    for (const SentencePair& pair :
         sentence_pairs(documents, 0, 40, {.short_probability = 0, .random_next = 0}, random)) {
      EXPECT_EQ(pair.first.size() + pair.second.size(), 40u);
      begins.insert(pair.first.front());
      ends.insert(pair.first.back());
      for (std::size_t i = 1; i < pair.first.size(); ++i) ASSERT_EQ(pair.first[i], pair.first[i - 1] + 1);
    }
  }
  EXPECT_GT(begins.size(), 10u);
  EXPECT_GT(ends.size(), 10u);
}

TEST_F(Sentences, PairsKeepThePromises) {
  for (const bool shuffle : {false, true})
    for (const std::uint64_t window : {std::uint64_t{1}, std::uint64_t{400}, std::uint64_t{1} << 26}) {
      const ExampleInput input = corpus(25, shuffle);
      expect_promises([&](const AheadOptions& ahead) {
        ExampleInput with = input;
        with.ahead = ahead;
        return std::make_unique<SentencePairs>(with, tokenizer_,
                                               SentencePairOptions{.max_tokens = 16, .window_bytes = window});
      });
    }
}

TEST_F(Sentences, EveryWindowHasTwoDocuments) {
  for (const int documents : {2, 3, 4, 5, 9})
    for (const std::uint64_t window : {std::uint64_t{1}, std::uint64_t{150}}) {
      SentencePairs builder(corpus(documents, false), tokenizer_, {.max_tokens = 24, .window_bytes = window});
      std::set<std::int32_t> firsts;
      for (const Example& e : epoch_of(builder)) firsts.insert(e.ids[1]);
      EXPECT_EQ(firsts.size(), static_cast<std::size_t>(documents)) << window;
    }
  SentencePairs alone(corpus(1, false), tokenizer_, {});
  Example example;
  expect_error(Errc::kData, "found 1 documents with sentences, expected at least two",
               [&] { alone.next(example); });
}

TEST_F(Sentences, OptionsWithoutSenseAreRefused) {
  const ExampleInput input = corpus(3, false);
  expect_error(Errc::kUsage, "max_tokens 2, expected more than the 2",
               [&] { SentenceBlocks(input, tokenizer_, {.max_tokens = 2}); });
  expect_error(Errc::kUsage, "no rule", [&] { SentenceBlocks(input, tokenizer_, {.document = {}}); });
  expect_error(Errc::kUsage, "max_tokens 4", [&] { SentencePairs(input, tokenizer_, {.max_tokens = 4}); });
  expect_error(Errc::kUsage, "no rule", [&] { SentencePairs(input, tokenizer_, {.document = {}}); });
  expect_error(Errc::kUsage, "probability of 2",
               [&] { SentencePairs(input, tokenizer_, {.random_next = 2}); });
}

}  // namespace
}  // namespace lyceum
