#include "data/examples/causal_blocks.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "data/examples/example_test_data.h"

namespace lyceum {
namespace {

using namespace test_data;
using Ids = std::vector<std::int32_t>;
using Labels = std::vector<std::int64_t>;

class Causal : public testing::Test {
 protected:
  // A line is a document; of these lengths, the words counted on from one to the next.
  ExampleInput documents(const std::vector<int>& lengths, bool shuffle) const {
    std::string text;
    int first = 0;
    for (const int length : lengths) text += words(std::exchange(first, first + length), length) + "\n";
    check::write_file(folder_ / "a.txt", text);
    return input_of({(folder_ / "a.txt").string()}, {.separator = "\n"}, shuffle);
  }
  std::unique_ptr<CausalBlocks> blocks(const ExampleInput& input, const CausalOptions& options) const {
    return std::make_unique<CausalBlocks>(input, tokenizer_, options);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = word_tokenizer();
  check::TemporaryFolder folder_;
};

Ids from_to(int begin, int end) {
  Ids out;
  for (int i = begin; i < end; ++i) out.push_back(kFirstWord + i % 100);
  return out;
}

Labels as_labels(const Ids& ids) { return {ids.begin(), ids.end()}; }

// The interface: one stream without separators over all documents, pieces of context_tokens inputs that
// overlap by the one label.
TEST_F(Causal, WithoutShufflingBlocksAreConsecutivePiecesOfOneStream) {
  const auto builder = blocks(documents({7, 1, 5, 4}, false), {.context_tokens = 4});
  const std::vector<Example> found = epoch_of(*builder);
  ASSERT_EQ(found.size(), 4u);  // 17 tokens: 16 inputs have a label
  for (int b = 0; b < 4; ++b) {
    const Example& e = found[static_cast<std::size_t>(b)];
    EXPECT_EQ(e.ids, from_to(4 * b, 4 * b + 4));
    EXPECT_EQ(e.labels, as_labels(from_to(4 * b + 1, 4 * b + 5)));
    EXPECT_EQ(e.begins, Labels{0});
    EXPECT_TRUE(e.has_token_labels);
  }
  EXPECT_EQ(found[2].where, (folder_ / "a.txt").string() + ": line 3");  // where its first token lies
  EXPECT_EQ(builder->counts().records, 4u);
  EXPECT_EQ(builder->counts().examples, 4u);
}

TEST_F(Causal, WhatIsLeftAtTheEndIsKeptOnRequest) {
  for (const int tokens : {1, 2, 9, 12, 13, 14}) {
    const std::vector<Example> found =
        epoch_of(*blocks(documents({tokens}, false), {.context_tokens = 4, .keep_last = true}));
    const auto inputs = static_cast<std::size_t>(tokens - 1);
    ASSERT_EQ(found.size(), (inputs + 3) / 4) << tokens;
    std::size_t sum = 0;
    for (const Example& e : found) {
      EXPECT_EQ(e.ids.size(), e.labels.size());
      sum += e.ids.size();
    }
    EXPECT_EQ(sum, inputs);
    EXPECT_EQ(epoch_of(*blocks(documents({tokens}, false), {.context_tokens = 4})).size(), inputs / 4);
  }
}

TEST_F(Causal, TokensStandAroundEveryDocument) {
  const std::vector<Example> found =
      epoch_of(*blocks(documents({2, 1}, false), {.context_tokens = 3, .before = {kCls}, .behind = {kSep}}));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].ids, (Ids{kCls, kFirstWord, kFirstWord + 1}));
  EXPECT_EQ(found[0].labels, (Labels{kFirstWord, kFirstWord + 1, kSep}));
  EXPECT_EQ(found[1].ids, (Ids{kSep, kCls, kFirstWord + 2}));
  EXPECT_EQ(found[1].labels, (Labels{kCls, kFirstWord + 2, kSep}));
}

TEST_F(Causal, DocumentsApartAreSequencesAndNoLabelIsOfAnother) {
  const std::vector<Example> found = epoch_of(*blocks(
      documents({3, 1, 6, 2}, false), {.context_tokens = 4, .cross_document = false, .keep_last = true}));
  // pairs of a token and the next: 2 + 0 + 5 + 1
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].ids, (Ids{5, 6, 9, 10}));
  EXPECT_EQ(found[0].labels, (Labels{6, 7, 10, 11}));
  EXPECT_EQ(found[0].begins, (Labels{0, 2}));
  EXPECT_EQ(found[1].ids, (Ids{11, 12, 13, 15}));
  EXPECT_EQ(found[1].labels, (Labels{12, 13, 14, 16}));
  EXPECT_EQ(found[1].begins, (Labels{0, 3}));
}

TEST_F(Causal, ShufflingChangesTheOrderOfDocumentsAndNothingElse) {
  std::vector<int> lengths;
  for (int d = 0; d < 40; ++d) lengths.push_back(1 + d * 7 % 13);
  const CausalOptions options{.context_tokens = 5, .behind = {kSep}, .keep_last = true};
  std::vector<std::int64_t> plain, shuffled;
  for (const Example& e : epoch_of(*blocks(documents(lengths, false), options)))
    plain.insert(plain.end(), e.labels.begin(), e.labels.end());
  const auto builder = blocks(documents(lengths, true), options);
  const std::vector<Example> first = epoch_of(*builder), second = epoch_of(*builder);
  EXPECT_NE(first[0].ids, second[0].ids);
  for (const Example& e : first) shuffled.insert(shuffled.end(), e.labels.begin(), e.labels.end());
  EXPECT_NE(shuffled, plain);
  EXPECT_EQ(shuffled.size(), plain.size());  // each has all tokens but the first
}

TEST_F(Causal, SeekingIsContinuingAndThreadsChangeNothing) {
  std::vector<int> lengths;
  for (int d = 0; d < 30; ++d) lengths.push_back(1 + d * 7 % 23);
  for (const bool shuffle : {false, true})
    for (const bool cross : {false, true})
      for (const bool keep : {false, true}) {
        const ExampleInput input = documents(lengths, shuffle);
        expect_promises([&](const AheadOptions& ahead) {
          ExampleInput with = input;
          with.ahead = ahead;
          return blocks(with, {.context_tokens = 6, .cross_document = cross, .keep_last = keep});
        });
      }
}

TEST_F(Causal, ExamplesHaveIdsOfTheirPlaceInEveryEpoch) {
  const auto builder = blocks(documents({9, 8, 7}, false), {.context_tokens = 4});
  const std::vector<Example> first = epoch_of(*builder), second = epoch_of(*builder);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].id, second[i].id);
    EXPECT_EQ(second[i].epoch, 1u);
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(first[i].id, first[j].id);
  }
}

TEST_F(Causal, TheNumberOfEpochsIsALimit) {
  ExampleInput input = documents({9}, true);
  input.epochs = 2;
  for (const int threads : {0, 2}) {
    input.ahead.threads = threads;
    const auto builder = blocks(input, {.context_tokens = 4});
    EXPECT_EQ(epoch_of(*builder).size(), 2u);
    EXPECT_EQ(epoch_of(*builder).size(), 2u);
    EXPECT_TRUE(epoch_of(*builder).empty());
    EXPECT_TRUE(epoch_of(*builder).empty());
    EXPECT_EQ(builder->position(), (DataPosition{.epoch = 2}));
  }
}

TEST_F(Causal, BadRecordsAreErrorsInTheirPlaceOrCounted) {
  check::write_file(
      folder_ / "b.jsonl",
      "{\"text\":\"" + words(0, 6) + "\"}\n{\"body\":1}\nno json\n{\"text\":\"" + words(6, 3) + "\"}\n");
  for (const int threads : {0, 2}) {
    ExampleInput input = input_of({(folder_ / "b.jsonl").string()}, {}, false);
    input.ahead.threads = threads;
    const auto strict = blocks(input, {.context_tokens = 4});
    Example example;
    EXPECT_TRUE(strict->next(example));
    check::expect_error(Errc::kData, "b.jsonl: line 2: field 'text' is missing",
                        [&] { strict->next(example); });
    input.skip_bad_records = true;
    const auto lenient = blocks(input, {.context_tokens = 4});
    EXPECT_EQ(epoch_of(*lenient).size(), 2u);
    EXPECT_EQ(lenient->counts().records, 4u);
    EXPECT_EQ(lenient->counts().bad_records, 2u);
    EXPECT_NE(lenient->counts().first_bad.find("line 2"), std::string::npos);
  }
}

TEST_F(Causal, OptionsWithoutSenseAndAPlaceThatIsGoneAreRefused) {
  const ExampleInput input = documents({9}, false);
  check::expect_error(Errc::kUsage, "context_tokens 0", [&] { blocks(input, {.context_tokens = 0}); });
  check::expect_error(Errc::kUsage, "token id 9999", [&] { blocks(input, {.behind = {9999}}); });
  const auto builder = blocks(input, {.context_tokens = 4});
  builder->seek({.piece = 10});
  Example example;
  check::expect_error(Errc::kData, "found 9 tokens, expected to go on at token 10",
                      [&] { builder->next(example); });
}

}  // namespace
}  // namespace lyceum
