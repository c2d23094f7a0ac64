#include "data/examples/masking.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/expect_error.h"
#include "data/examples/example_test_data.h"
#include "data/examples/supervised.h"

namespace lyceum {
namespace {

using namespace test_data;

// [CLS] and [SEP] around `count` different words.
Example sentence(int count, std::uint64_t id, std::uint64_t epoch = 0) {
  Example out{.id = id, .epoch = epoch};
  out.ids.push_back(kCls);
  for (int i = 0; i < count; ++i) out.ids.push_back(kFirstWord + i % 100);
  out.ids.push_back(kSep);
  return out;
}

std::int64_t predicted(const Example& e) {
  return std::count_if(e.labels.begin(), e.labels.end(), [](std::int64_t l) { return l != kIgnoredLabel; });
}

// What is true of every mask, whatever the options.
void expect_sound(const Example& before, const Example& after, const MaskVocabulary& vocabulary,
                  const MaskingOptions& options) {
  ASSERT_EQ(after.labels.size(), before.ids.size());
  EXPECT_TRUE(after.has_token_labels);
  for (std::size_t i = 0; i < before.ids.size(); ++i) {
    if (after.labels[i] == kIgnoredLabel) {
      EXPECT_EQ(after.ids[i], before.ids[i]);
      continue;
    }
    EXPECT_EQ(after.labels[i], before.ids[i]);
    EXPECT_TRUE(options.special_tokens || !vocabulary.is_special(before.ids[i]));
  }
}

class Masking : public testing::Test {
 protected:
  std::shared_ptr<const Tokenizer> tokenizer_ = word_tokenizer();
  MaskVocabulary vocabulary_{*tokenizer_};
};

// Golden: round(0.15 * tokens) with halves to even, at least 1 (Python: max(1, int(round(n * 0.15)))).
TEST_F(Masking, GooglesCountIsFixed) {
  const std::pair<int, int> expected[] = {{3, 1},  {8, 1},  {10, 2}, {16, 2},
                                          {17, 3}, {30, 4}, {50, 8}, {128, 19}};
  for (const auto& [tokens, count] : expected)
    for (std::uint64_t id = 0; id < 20; ++id) {
      Example e = sentence(tokens - 2, id);
      MaskingCounts counts;
      mask_tokens(e, vocabulary_, {}, counts);
      expect_sound(sentence(tokens - 2, id), e, vocabulary_, {});
      EXPECT_EQ(predicted(e), count) << tokens;
      mask_tokens(e = sentence(tokens - 2, id), vocabulary_, {.max_predictions = 5}, counts);
      EXPECT_EQ(predicted(e), std::min(count, 5));
    }
}

// 20000 examples of 50 tokens. Fairseq: 48 candidates, so 7 + u + 0.2 of them: the mean is 7.2, and each
// count is 7 or 8. Bernoulli: standard deviation of the share sqrt(0.15 * 0.85 / 960000) = 0.00036; five of
// them.
TEST_F(Masking, FairseqsAndBernoullisCountsHaveTheirMean) {
  for (const MaskCount rule : {MaskCount::kFairseq, MaskCount::kBernoulli}) {
    const MaskingOptions options{.count = rule};
    MaskingCounts counts;
    for (std::uint64_t id = 0; id < 20000; ++id) {
      Example e = sentence(48, id);
      mask_tokens(e, vocabulary_, options, counts);
      if (id < 100) expect_sound(sentence(48, id), e, vocabulary_, options);
      if (rule == MaskCount::kFairseq) {
        ASSERT_TRUE(predicted(e) == 7 || predicted(e) == 8) << predicted(e);
      }
    }
    EXPECT_EQ(counts.candidates, 960000u);
    EXPECT_EQ(counts.tokens, 1000000u);
    EXPECT_NEAR(static_cast<double>(counts.predicted) / 960000, 0.15, 0.0018);
  }
}

// 8 * 40000 predictions: the standard deviations of the shares are at most sqrt(0.8 * 0.2 / 320000) = 0.0007;
// five of them. Every one of the 48 places is chosen 40000 * 8 / 48 = 6667 times, with a standard deviation
// of sqrt(40000 * (1/6) * (5/6)) = 75; five of them.
TEST_F(Masking, EightyTenTenAndEveryPlaceEquallyOften) {
  std::vector<int> places(50), drawn(static_cast<std::size_t>(tokenizer_->size()));
  MaskingCounts counts;
  int random = 0;
  for (std::uint64_t id = 0; id < 40000; ++id) {
    const Example before = sentence(48, id);
    Example e = before;
    mask_tokens(e, vocabulary_, {}, counts);
    for (std::size_t i = 0; i < e.ids.size(); ++i) {
      places[i] += e.labels[i] != kIgnoredLabel;
      if (e.ids[i] == before.ids[i] || e.ids[i] == kMask) continue;
      ++drawn[static_cast<std::size_t>(e.ids[i])];
      ++random;
    }
  }
  const auto share = [&](std::uint64_t n) {
    return static_cast<double>(n) / static_cast<double>(counts.predicted);
  };
  EXPECT_EQ(counts.predicted, 320000u);
  EXPECT_EQ(counts.masked + counts.random + counts.kept, counts.predicted);
  EXPECT_NEAR(share(counts.masked), 0.8, 0.0035);
  EXPECT_NEAR(share(counts.random), 0.1, 0.0027);
  EXPECT_NEAR(share(counts.kept), 0.1, 0.0027);
  EXPECT_EQ(places[0] + places[49], 0);
  for (std::size_t i = 1; i < 49; ++i) EXPECT_NEAR(places[i], 6667, 375) << i;
  // a random token is any of the 207: 32000 / 207 = 155, standard deviation 12.4; five of them
  for (std::size_t id = kFirstWord + 48; id < drawn.size(); ++id)
    EXPECT_NEAR(drawn[id], random / 207.0, 62) << id;
  EXPECT_GT(drawn[kCls], 0);
}

TEST_F(Masking, SpecialTokensAreLeftAloneUnlessTheyAreAskedFor) {
  MaskingCounts counts;
  int special = 0, random_special = 0;
  const MaskingOptions with{.count = MaskCount::kFairseq, .special_tokens = true, .random_special = false};
  for (std::uint64_t id = 0; id < 2000; ++id) {
    const Example before = sentence(8, id);
    Example e = before;
    mask_tokens(e, vocabulary_, with, counts);
    special += (e.labels[0] != kIgnoredLabel) + (e.labels[9] != kIgnoredLabel);
    for (std::size_t i = 0; i < 10; ++i)
      random_special += e.ids[i] != before.ids[i] && e.ids[i] != kMask && vocabulary_.is_special(e.ids[i]);
  }
  EXPECT_EQ(counts.candidates, 20000u);
  EXPECT_NEAR(special, 2 * 0.15 * 2000, 5 * std::sqrt(2 * 2000 * 0.15 * 0.85));
  EXPECT_EQ(random_special, 0);
}

TEST_F(Masking, WholeWordsAreHiddenWholly) {
  Example before;
  const Encoding text = tokenizer_->encode("w1 x2 w3 x4 x55 w6 w7 w8 x9 w10 w11 w12 w13");
  before.ids = text.ids;
  for (const MaskCount rule : {MaskCount::kGoogle, MaskCount::kFairseq, MaskCount::kBernoulli}) {
    const MaskingOptions options{.count = rule, .share = 0.3, .whole_words = true};
    int two = 0;
    for (std::uint64_t id = 0; id < 500; ++id) {
      Example e = before;
      e.id = id;
      MaskingCounts counts;
      mask_tokens(e, vocabulary_, options, counts);
      expect_sound(before, e, vocabulary_, options);
      for (std::size_t i = 0; i < e.ids.size(); ++i)
        if (tokenizer_->token(before.ids[i])->starts_with("##")) {
          EXPECT_EQ(e.labels[i] == kIgnoredLabel, e.labels[i - 1] == kIgnoredLabel);
          two += e.labels[i] != kIgnoredLabel;
        }
      if (rule == MaskCount::kGoogle) {
        EXPECT_LE(predicted(e), 6);  // round(0.3 * 19)
      }
    }
    EXPECT_GT(two, 100);
  }
}

TEST_F(Masking, AMaskDependsOnSeedEpochAndExampleOnly) {
  const auto mask = [&](std::uint64_t seed, std::uint64_t epoch, std::uint64_t id, std::uint64_t copies) {
    Example e = sentence(48, id, epoch);
    MaskingCounts counts;
    mask_tokens(e, vocabulary_, {.copies = copies, .seed = seed}, counts);
    return std::pair(e.ids, e.labels);
  };
  EXPECT_EQ(mask(1, 0, 7, 0), mask(1, 0, 7, 0));
  EXPECT_NE(mask(1, 0, 7, 0), mask(2, 0, 7, 0));
  EXPECT_NE(mask(1, 0, 7, 0), mask(1, 1, 7, 0));
  EXPECT_NE(mask(1, 0, 7, 0), mask(1, 0, 8, 0));
  EXPECT_EQ(mask(1, 0, 7, 1), mask(1, 5, 7, 1));  // static, one copy
  EXPECT_EQ(mask(1, 3, 7, 10), mask(1, 13, 7, 10));
  EXPECT_NE(mask(1, 3, 7, 10), mask(1, 4, 7, 10));
}

TEST_F(Masking, AStreamOfMasksKeepsThePromises) {
  const check::TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 30; ++i) text += words(i, 5 + i % 7) + "\n";
  check::write_file(folder / "a.txt", text);
  const ExampleInput input = input_of({(folder / "a.txt").string()}, {.separator = "\n"}, true);
  expect_promises([&](const AheadOptions& ahead) {
    ExampleInput with = input;
    with.ahead = ahead;
    return std::make_unique<MaskedExamples>(
        std::make_unique<RecordExamples>(
            with, sequence_examples(tokenizer_, {.label = {.kind = LabelKind::kNone}})),
        *tokenizer_, MaskingOptions{});
  });
}

TEST_F(Masking, WhatCannotBeMaskedIsRefused) {
  check::expect_error(Errc::kUnsupported, "no mask token", [] {
    MaskVocabulary(
        *Tokenizer::from_json(R"({"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":0}}})", "t"));
  });
  for (const MaskingOptions& options :
       {MaskingOptions{.share = 1.5}, MaskingOptions{.share = std::nan("")}, MaskingOptions{.masked = 0.95}})
    check::expect_error(Errc::kUsage, "found a share of",
                        [&] { MaskedExamples(nullptr, *tokenizer_, options); });
  Example e = sentence(3, 0);
  e.ids[1] = 5000;
  MaskingCounts counts;
  check::expect_error(Errc::kData, "token id 5000", [&] { mask_tokens(e, vocabulary_, {}, counts); });
  Example none;
  mask_tokens(none, vocabulary_, {}, counts);
  EXPECT_TRUE(none.labels.empty());
}

}  // namespace
}  // namespace lyceum
