#include "tasks/tag/tag.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "check/expect_error.h"
#include "tasks/tag/spans.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/tag/golden";

constexpr std::pair<const char*, Aggregation> kAggregations[] = {{"none", Aggregation::kNone},
                                                                 {"simple", Aggregation::kSimple},
                                                                 {"first", Aggregation::kFirst},
                                                                 {"average", Aggregation::kAverage},
                                                                 {"max", Aggregation::kMax}};

// transformers made them: ../common/golden/make_golden.py.
TEST(Tag, SpansAreThePipelines) {
  const TokenTagger tagger = TokenTagger::load((kGolden / "model").string());
  const Json cases = read_json(kGolden / "expected.json");
  ASSERT_GE(cases.size(), 80u);
  for (const Json& c : cases) {
    SCOPED_TRACE(c.dump());
    TagOptions options{.stride = c["stride"].get<std::int64_t>()};
    options.ignored_labels = c["ignored"].get<std::vector<std::string>>();
    for (const auto& [name, aggregation] : kAggregations)
      if (c["aggregation"].get<std::string>() == name) options.aggregation = aggregation;
    const TaggedText tagged = tagger.tag(c["text"].get<std::string>(), options);
    ASSERT_EQ(tagged.spans.size(), c["spans"].size());
    for (std::size_t i = 0; i < tagged.spans.size(); ++i) {
      const TaggedSpan& got = tagged.spans[i];
      const Json& want = c["spans"][i];
      EXPECT_EQ(got.label, want[0].get<std::string>());
      EXPECT_NEAR(got.score, want[1].get<float>(), 5e-6);  // one layer of width 8
      EXPECT_EQ(got.word, want[2].get<std::string>());
      EXPECT_EQ(got.begin, want[3].get<std::uint32_t>());
      EXPECT_EQ(got.end, want[4].get<std::uint32_t>());
      EXPECT_EQ(got.token, want[5].get<std::int64_t>());
    }
  }
}

TEST(Tag, PlacesAreThoseOfBytesThatAreNoText) {
  const TokenTagger tagger = TokenTagger::load((kGolden / "model").string());
  const std::string text = "cat \xff\xfe dog";
  const auto spans = tagger.tag(text, {.ignored_labels = {}}).spans;
  ASSERT_FALSE(spans.empty());
  EXPECT_EQ(text.substr(spans.back().begin, spans.back().end - spans.back().begin), "dog");
}

TEST(Tag, OptionsThatMakeNoSenseAreRefused) {
  const TokenTagger tagger = TokenTagger::load((kGolden / "model").string());
  expect_error(Errc::kUsage, "aggregation", [&] { tagger.tag("the cat", {.stride = 2}); });
  expect_error(Errc::kUsage, "the 22 tokens of a window",
               [&] { tagger.tag("the cat", {.aggregation = Aggregation::kSimple, .stride = 22}); });
}

TEST(Tag, APieceGoesOnWithAWordWhenItIsLongerThanItsText) {  // in characters: an accent is no difference
  const auto tokenizer = Tokenizer::from_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncafe\n##s\n", "toy");
  const std::string text = "Caf\u00e9s \u4f60";
  const Encoding e = tokenizer->encode(text, {.with_offsets = true});
  ASSERT_EQ(e.ids.size(), 5u);
  const std::vector<float> scores(5, 1.0f);
  const auto tokens = scored_tokens(*tokenizer, 1, e, text, scores);
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_FALSE(tokens[0].is_subword);
  EXPECT_TRUE(tokens[1].is_subword);
  EXPECT_FALSE(tokens[2].is_subword);
  EXPECT_EQ(tokens[2].word, "\u4f60");  // an unknown token is shown as its text
}

TEST(Tag, OfOverlappingSpansTheLongerThenTheSurerStays) {
  const std::string text = "0123456789abcdefgh";
  const auto span = [](std::uint32_t begin, std::uint32_t end, float score) {
    return TaggedSpan{.label = "X", .score = score, .begin = begin, .end = end};
  };
  const auto got = without_overlaps({span(10, 14, 0.5f), span(0, 4, 0.9f), span(3, 9, 0.1f), span(3, 9, 0.2f),
                                     span(3, 9, 0.2f), span(9, 10, 0.3f)},
                                    text);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].begin, 3u);
  EXPECT_EQ(got[0].score, 0.2f);
  EXPECT_EQ(got[1].begin, 9u);
  EXPECT_EQ(got[2].begin, 10u);
  EXPECT_TRUE(without_overlaps({}, text).empty());
  // characters count, not bytes: "éé" is shorter than "abc"
  const auto characters = without_overlaps({span(0, 4, 0.9f), span(2, 6, 0.1f)}, "\u00e9\u00e9abc");
  ASSERT_EQ(characters.size(), 1u);
  EXPECT_EQ(characters[0].begin, 2u);
}

}  // namespace
}  // namespace lyceum
