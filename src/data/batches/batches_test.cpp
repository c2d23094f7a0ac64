#include "data/batches/batches.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "check/expect_error.h"
#include "data/examples/causal_blocks.h"
#include "data/examples/example_test_data.h"
#include "data/examples/supervised.h"

namespace lyceum {
namespace {

using namespace test_data;
using check::expect_error;

class BatchesTest : public testing::Test {
 protected:
  BatchesTest() {
    std::string text;
    for (int i = 0; i < 83; ++i) text += words(i, 1 + i * 7 % 19) + "\n";
    check::write_file(folder_ / "a.txt", text);
  }
  std::unique_ptr<ExampleBuilder> builder(bool shuffle = true) const {
    return std::make_unique<RecordExamples>(
        input_of({(folder_ / "a.txt").string()}, {.separator = "\n"}, shuffle),
        sequence_examples(tokenizer_, {.label = {.kind = LabelKind::kNone}}));
  }
  std::unique_ptr<Batches> batches(const BatchOptions& options) const {
    return std::make_unique<Batches>(builder(), options);
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = word_tokenizer();
  check::TemporaryFolder folder_;
};

template <class Source>
std::vector<Batch> epoch_of_batches(Source& source) {
  std::vector<Batch> out;
  for (Batch batch; source.next(batch);) out.push_back(batch);
  return out;
}

std::multiset<std::uint64_t> ids_of(const std::vector<Batch>& batches) {
  std::multiset<std::uint64_t> out;
  for (const Batch& b : batches)
    for (const Example& e : b.examples) out.insert(e.id);
  return out;
}

std::int64_t tokens_of(const Batch& batch) {
  std::int64_t out = 0;
  for (const Example& e : batch.examples) out += e.tokens();
  return out;
}

const BatchOptions kKinds[] = {
    {.examples = 8},
    {.examples = 8, .drop_last = false},
    {.examples = 8, .group_by_length = true, .window_batches = 3},
    {.examples = 8, .drop_last = false, .group_by_length = true, .window_batches = 3},
    {.examples = 4, .window_batches = 5, .no_duplicates = true},
    {.tokens = 60, .window_batches = 3},
    {.tokens = 60, .group_by_length = true, .window_batches = 4}};

TEST_F(BatchesTest, TheLastOnesAreDroppedOrKept) {
  const auto dropping = batches({.examples = 8}), keeping = batches({.examples = 8, .drop_last = false});
  for (int e = 0; e < 2; ++e) {
    const std::vector<Batch> dropped = epoch_of_batches(*dropping), kept = epoch_of_batches(*keeping);
    ASSERT_EQ(dropped.size(), 10u);
    ASSERT_EQ(kept.size(), 11u);
    EXPECT_EQ(kept.back().examples.size(), 3u);
    EXPECT_EQ(kept.back().epoch, static_cast<std::uint64_t>(e));
    for (std::size_t i = 0; i < 10; ++i) EXPECT_TRUE(dropped[i].examples == kept[i].examples);
  }
}

TEST_F(BatchesTest, EveryExampleIsInOneBatchOfItsEpoch) {
  const auto all = builder();
  std::multiset<std::uint64_t> expected;
  for (const Example& e : epoch_of(*all)) expected.insert(e.id);
  for (const BatchOptions& options : kKinds) {
    if (options.tokens == 0 && options.drop_last) continue;
    const auto some = batches(options);
    for (int e = 0; e < 2; ++e) EXPECT_EQ(ids_of(epoch_of_batches(*some)), expected);
  }
}

TEST_F(BatchesTest, TokensAreALimitAndGroupsHaveOneLength) {
  const auto plain = batches({.tokens = 60, .window_batches = 3}),
             grouped = batches({.tokens = 60, .group_by_length = true, .window_batches = 20});
  std::int64_t spread[2] = {};
  int which = 0;
  for (Batches* some : {plain.get(), grouped.get()}) {
    for (const Batch& b : epoch_of_batches(*some)) {
      EXPECT_LE(tokens_of(b), 60);
      const auto [least, most] =
          std::minmax_element(b.examples.begin(), b.examples.end(),
                              [](const Example& x, const Example& y) { return x.tokens() < y.tokens(); });
      spread[which] += most->tokens() - least->tokens();
    }
    ++which;
  }
  EXPECT_LT(4 * spread[1], spread[0]);
  const auto first = epoch_of_batches(*grouped);  // in a random order, not from short to long
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end(), [](const Batch& a, const Batch& b) {
    return a.examples[0].tokens() < b.examples[0].tokens();
  }));
  expect_error(Errc::kData, "tokens, expected at most the 10 of a batch",
               [&] { epoch_of_batches(*batches({.tokens = 10})); });
}

TEST_F(BatchesTest, PartsTogetherHaveWhatOneHas) {
  for (const BatchOptions& options : kKinds)
    for (const std::uint64_t n : {2u, 3u, 9u}) {
      std::vector<std::vector<Batch>> parts;
      for (std::uint64_t r = 0; r < n; ++r) {
        BatchOptions own = options;
        own.part = {r, n};
        const auto some = batches(own);
        parts.push_back(epoch_of_batches(*some));
        ASSERT_EQ(parts.back().size(), parts[0].size());
      }
      if (options.tokens > 0) continue;  // windows are longer: see the test below
      const auto one = batches(options);
      const std::vector<Batch> whole = epoch_of_batches(*one);
      ASSERT_EQ(whole.size(), parts[0].size());
      for (std::size_t b = 0; b < whole.size(); ++b) {
        std::vector<Example> joined(whole[b].examples.size());
        for (std::uint64_t r = 0; r < n; ++r) {
          EXPECT_EQ(parts[r][b].after, whole[b].after);
          EXPECT_EQ(parts[r][b].all_examples, static_cast<std::int64_t>(joined.size()));
          for (std::size_t i = 0; i < parts[r][b].examples.size(); ++i)
            joined.at(r + i * n) = parts[r][b].examples[i];
        }
        EXPECT_TRUE(joined == whole[b].examples) << n << " " << b;
      }
    }
  std::multiset<std::uint64_t> expected, found;
  for (const Example& e : epoch_of(*builder())) expected.insert(e.id);
  for (std::uint64_t r = 0; r < 3; ++r)
    for (const std::uint64_t id : ids_of(epoch_of_batches(*batches({.tokens = 60, .part = {r, 3}}))))
      found.insert(id);
  EXPECT_EQ(found, expected);
}

TEST_F(BatchesTest, SeekingIsContinuingAlsoThroughAPrefetcher) {
  for (const BatchOptions& options : kKinds) {
    const auto straight = batches(options);
    struct Step {
      DataPosition before;
      bool is_there;
      Batch batch;
    };
    std::vector<Step> all;
    for (int i = 0; i < 60; ++i) {
      Step step{.before = straight->position()};
      step.is_there = straight->next(step.batch);
      if (!step.is_there) step.batch.examples.clear();
      all.push_back(step);
    }
    const auto expect_rest = [&](auto& source, std::size_t from) {
      for (std::size_t i = from; i < std::min(all.size(), from + 15); ++i) {
        ASSERT_EQ(source.position(), all[i].before) << i;
        Batch batch;
        ASSERT_EQ(source.next(batch), all[i].is_there) << from << " " << i;
        ASSERT_TRUE(!all[i].is_there || batch.examples == all[i].batch.examples) << from << " " << i;
      }
    };
    Prefetcher prefetcher(batches(options), 3);
    expect_rest(prefetcher, 0);
    Random random(5);
    for (int trial = 0; trial < 50; ++trial) {
      const std::size_t at = random.below(60);
      const auto jumped = batches(options);
      jumped->seek(all[at].before);
      expect_rest(*jumped, at);
      prefetcher.seek(all[at].before);
      expect_rest(prefetcher, at);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(BatchesTest, NoTextStandsTwiceInABatchWithoutDuplicates) {
  std::string lines;
  for (int i = 0; i < 64; ++i)
    lines +=
        "{\"anchor\":\"w" + std::to_string(i % 5) + "\",\"positive\":\"w" + std::to_string(10 + i) + "\"}\n";
  check::write_file(folder_ / "p.jsonl", lines);
  Batches some(std::make_unique<RecordExamples>(input_of({(folder_ / "p.jsonl").string()}, {}, true),
                                                comparison_examples(tokenizer_, {})),
               {.examples = 4, .drop_last = false, .no_duplicates = true});
  const std::vector<Batch> found = epoch_of_batches(some);
  EXPECT_EQ(ids_of(found).size(), 64u);
  std::size_t full = 0;
  for (const Batch& b : found) {
    std::set<std::uint64_t> texts;
    std::size_t count = 0;
    for (const Example& e : b.examples) {
      texts.insert(e.texts.begin(), e.texts.end());
      count += e.texts.size();
    }
    EXPECT_EQ(texts.size(), count);
    full += b.examples.size() == 4;
  }
  EXPECT_GE(full, 14u);  // 13, 13, 13, 13 and 12 of each anchor: four different ones nearly always
}

TEST_F(BatchesTest, AnErrorComesBehindTheBatchesBeforeItAlsoThroughAPrefetcher) {
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += "{\"text\":\"w1\"}\n";
  check::write_file(folder_ / "e.jsonl", lines + "{}\n");
  const auto make = [&] {
    return std::make_unique<Batches>(
        std::make_unique<RecordExamples>(
            input_of({(folder_ / "e.jsonl").string()}, {}, false),
            sequence_examples(tokenizer_, {.label = {.kind = LabelKind::kNone}})),
        BatchOptions{.examples = 4});
  };
  Prefetcher prefetcher(make());
  Batch batch;
  EXPECT_TRUE(prefetcher.next(batch));
  EXPECT_TRUE(prefetcher.next(batch));
  expect_error(Errc::kData, "line 11: field 'text' is missing", [&] { prefetcher.next(batch); });
  EXPECT_FALSE(prefetcher.next(batch));
  { Prefetcher unused(make()); }
  {
    Prefetcher one(batches({.examples = 4}), 1);
    EXPECT_TRUE(one.next(batch));  // its thread waits for room when it is destroyed
  }
}

TEST_F(BatchesTest, AnEpochWithoutABatchIsAnErrorAndNotALoop) {
  expect_error(Errc::kData, "found 83 examples in a whole epoch, expected 84 for a batch",
               [&] { epoch_of_batches(*batches({.examples = 84})); });
  EXPECT_EQ(epoch_of_batches(*batches({.examples = 84, .drop_last = false})).size(), 1u);
  Batches none(
      std::make_unique<CausalBlocks>(input_of({(folder_ / "a.txt").string()}, {.separator = "\n"}, true),
                                     tokenizer_, CausalOptions{.context_tokens = 5000}),
      {.examples = 1});
  expect_error(Errc::kData, "no example in a whole epoch", [&] { epoch_of_batches(none); });
}

TEST_F(BatchesTest, OptionsThatContradictEachOtherAreRefused) {
  for (const BatchOptions& options :
       {BatchOptions{}, BatchOptions{.examples = 1, .tokens = 1}, BatchOptions{.examples = -1},
        BatchOptions{.examples = 1, .window_batches = 0},
        BatchOptions{.examples = 1, .group_by_length = true, .no_duplicates = true},
        BatchOptions{.tokens = 1, .no_duplicates = true}, BatchOptions{.examples = 1, .part = {1, 1}}})
    expect_error(Errc::kUsage, "batches: ", [&] { batches(options); });
}

TEST_F(BatchesTest, APackedBatchHasItsSequencesOneAfterAnother) {
  Batch batch;
  batch.examples.push_back(
      {.ids = {7, 8, 9}, .begins = {0, 2}, .labels = {1, 2, 3}, .has_token_labels = true, .id = 40});
  batch.examples.push_back(
      {.ids = {5, 6}, .types = {0, 1}, .labels = {4, -100}, .has_token_labels = true, .id = 50});
  const PackedBatch packed = pack(batch);
  EXPECT_EQ(packed.ids, (std::vector<std::int32_t>{7, 8, 9, 5, 6}));
  EXPECT_EQ(packed.types, (std::vector<std::int32_t>{0, 0, 0, 0, 1}));
  EXPECT_EQ(packed.labels, (std::vector<std::int64_t>{1, 2, 3, 4, -100}));
  EXPECT_EQ(packed.first_sequence, (std::vector<std::int64_t>{0, 2, 3}));
  EXPECT_EQ(packed.layout.sequences(), 3);
  EXPECT_EQ(packed.layout.begin(1), 2);
  EXPECT_EQ(packed.layout.positions()[2], 0);
  EXPECT_EQ(packed.layout.ids()[0], 40u);
  EXPECT_EQ(packed.layout.ids()[2], 50u);
  EXPECT_NE(packed.layout.ids()[1], 40u);
  batch.examples[1].has_token_labels = false;
  expect_error(Errc::kData, "expected all examples of a batch alike", [&] { pack(batch); });
}

}  // namespace
}  // namespace lyceum
