#include "data/examples/supervised.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "data/examples/example_test_data.h"

namespace lyceum {
namespace {

using namespace test_data;
using check::expect_error;
using Ids = std::vector<std::int32_t>;
using Labels = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

class Supervised : public testing::Test {
 protected:
  ExampleInput records(const std::string& lines, const std::string& name = "a.jsonl") const {
    check::write_file(folder_ / name, lines);
    return input_of({(folder_ / name).string()}, {}, false);
  }
  std::vector<Example> examples(const std::string& lines, MakeExamples make) const {
    RecordExamples builder(records(lines), std::move(make));
    return epoch_of(builder);
  }
  MakeExamples sequences(SequenceOptions options) const {
    return sequence_examples(tokenizer_, std::move(options));
  }
  static std::shared_ptr<const LabelNames> names(Names list) {
    return std::make_shared<LabelNames>(std::move(list));
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = word_tokenizer();
  check::TemporaryFolder folder_;
};

Ids w(std::initializer_list<int> numbers) {
  Ids out;
  for (const int n : numbers) out.push_back(n < 0 ? -n : kFirstWord + n);
  return out;
}
constexpr int kC = -kCls, kS = -kSep;  // for w()

TEST_F(Supervised, ATextOrAPairHasItsClass) {
  const auto label = LabelOptions{.names = names({"no", "yes"})};
  const auto one = examples("{\"text\":\"w1 w2\",\"label\":\"yes\"}\n{\"text\":\"w3\",\"label\":0}\n",
                            sequences({.label = label}));
  ASSERT_EQ(one.size(), 2u);
  EXPECT_EQ(one[0].ids, w({kC, 1, 2, kS}));
  EXPECT_TRUE(one[0].types.empty());
  EXPECT_EQ(one[0].labels, Labels{1});
  EXPECT_FALSE(one[0].has_token_labels);
  EXPECT_EQ(one[1].labels, Labels{0});
  const auto pair =
      examples("{\"a\":\"w1 w2 w3\",\"b\":\"w4\",\"label\":\"no\"}\n",
               sequences({.field = "a", .second_field = "b", .label = label, .text = {.max_tokens = 6}}));
  EXPECT_EQ(pair[0].ids, w({kC, 1, 2, kS, 4, kS}));  // the longest first
  EXPECT_EQ(pair[0].types, (Ids{0, 0, 0, 0, 1, 1}));
  EXPECT_TRUE(pair[0].is_truncated);
}

TEST_F(Supervised, SeveralLabelsAndNumbersAreFloats) {
  const auto several =
      examples("{\"text\":\"w1\",\"label\":[\"c\",\"a\"]}\n{\"text\":\"w1\",\"label\":[]}\n",
               sequences({.label = {.kind = LabelKind::kLabels, .names = names({"a", "b", "c"})}}));
  EXPECT_EQ(several[0].numbers, (std::vector<float>{1, 0, 1}));
  EXPECT_EQ(several[1].numbers, (std::vector<float>{0, 0, 0}));
  const auto three = sequences({.label = {.kind = LabelKind::kLabels, .names = names({"a", "b", "c"})}});
  EXPECT_EQ(examples("{\"text\":\"w1\",\"label\":[0,1,1]}\n", three)[0].numbers,
            (std::vector<float>{0, 1, 1}));
  EXPECT_EQ(examples("{\"text\":\"w1\",\"label\":[0.5,0,1]}\n", three)[0].numbers,
            (std::vector<float>{0.5, 0, 1}));
  for (const char* wrong : {"[0,1]", "[0,1,2]"})
    expect_error(Errc::kData, "expected names, or a number from 0 to 1 for each of the 3 labels",
                 [&] { examples("{\"text\":\"w1\",\"label\":" + std::string(wrong) + "}\n", three); });
  const auto number = examples("{\"text\":\"w1\",\"label\":2.5}\n{\"text\":\"w1\",\"label\":[1,2]}\n",
                               sequences({.label = {.kind = LabelKind::kNumber}}));
  EXPECT_EQ(number[0].numbers, (std::vector<float>{2.5}));
  EXPECT_EQ(number[1].numbers, (std::vector<float>{1, 2}));
}

TEST_F(Supervised, LabelNamesAreCollectedInSortedOrder) {
  const auto collect = [&](const std::string& lines) {
    return LabelNames::collect(*records(lines).files, "label").names();
  };
  EXPECT_EQ(collect("{\"label\":\"b\"}\n{\"label\":\"a\"}\n{\"label\":\"b\"}\n"), (Names{"a", "b"}));
  EXPECT_EQ(collect("{\"label\":10}\n{\"label\":9}\n{\"label\":\"-1\"}\n"), (Names{"-1", "9", "10"}));
  EXPECT_EQ(collect("{\"label\":[\"x\",\"u\"]}\n{\"label\":true}\n"), (Names{"1", "u", "x"}));
  expect_error(Errc::kData, "line 2: field 'label' is missing",
               [&] { collect("{\"label\":1}\n{\"a\":1}\n"); });
  EXPECT_EQ(LabelNames::collect(*records("{\"label\":1}\n{\"a\":1}\n").files, "label", LabelText::kOne, true)
                .names(),
            Names{"1"});
  const auto spoken = [&](LabelText text) {
    return LabelNames::collect(*records("{\"label\":\"b a  b\"}\n{\"label\":[\"b a\"]}\n").files, "label",
                               text)
        .names();
  };
  EXPECT_EQ(spoken(LabelText::kOne), (Names{"b a", "b a  b"}));
  EXPECT_EQ(spoken(LabelText::kWords), (Names{"a", "b", "b a"}));
  expect_error(Errc::kUsage, "'a' twice", [] { LabelNames({"a", "b", "a"}); });
}

TEST_F(Supervised, AnUnknownLabelIsNamedWithItsPlaceAndTheNearest) {
  const auto make = sequences({.label = {.names = names({"negative", "neutral", "positive"})}});
  expect_error(Errc::kData,
               "a.jsonl: line 1: field 'label': found the label 'postive', expected one of 3; the nearest "
               "is 'positive'",
               [&] { examples("{\"text\":\"w1\",\"label\":\"postive\"}\n", make); });
  expect_error(Errc::kData, "found the label '3'",
               [&] { examples("{\"text\":\"w1\",\"label\":3}\n", make); });
  expect_error(Errc::kData, "found 0.5, expected a label",
               [&] { examples("{\"text\":\"w1\",\"label\":0.5}\n", make); });
  expect_error(Errc::kData, "expected one label",
               [&] { examples("{\"text\":\"w1\",\"label\":[0,1]}\n", make); });
  expect_error(Errc::kUsage, "no names for the labels 'label'", [&] { sequences({}); });
}

TEST_F(Supervised, TheFirstTokenOfAWordHasItsLabel) {
  const auto make = token_examples(tokenizer_, {.names = names({"O", "A", "B"}), .text = {.max_tokens = 7}});
  const auto found = examples(
      "{\"tokens\":[\"w1\",\"x2\",\"w3.\",\"w4\"],\"tags\":[\"O\",\"A\",\"B\",\"O\"]}\n"
      "{\"tokens\":[\"w1\",\"\",\"w2\"],\"tags\":[1,2,0]}\n{\"tokens\":[],\"tags\":[]}\n",
      make);
  ASSERT_EQ(found.size(), 3u);
  // [CLS] w1 x ##2 w3 . [SEP]: w4 is cut off
  EXPECT_EQ(found[0].labels, (Labels{-100, 0, 1, -100, 2, -100, -100}));
  EXPECT_TRUE(found[0].is_truncated);
  EXPECT_TRUE(found[0].has_token_labels);
  EXPECT_EQ(found[1].labels, (Labels{-100, 1, 0, -100}));  // an empty word has no token
  EXPECT_EQ(found[2].labels, (Labels{-100, -100}));
  const auto texts = examples(
      "{\"tokens\":\" w1 x2  w3. w4\",\"tags\":\"O A B O\"}\n{\"tokens\":\"\",\"tags\":\"\"}\n", make);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0].ids, found[0].ids);
  EXPECT_EQ(texts[0].labels, found[0].labels);
  EXPECT_EQ(texts[1].labels, found[2].labels);
  EXPECT_EQ(epoch_of(*std::make_unique<RecordExamples>(
                records("tokens\ttags\nw1 x2 w3. w4\tO A B O\n", "a.tsv"), make))[0]
                .labels,
            found[0].labels);
  expect_error(Errc::kData, "found 2 words in 'tokens' and 1 labels in 'tags'",
               [&] { examples("{\"tokens\":[\"w1\",\"w2\"],\"tags\":[\"O\"]}\n", make); });
}

// [CLS] q [SEP] window [SEP] with room for 3 tokens of the context, of which 2 are shared.
TEST_F(Supervised, AnswersAreSpansInEveryWindowThatHoldsThemWholly) {
  const auto make = span_examples(tokenizer_, {.max_tokens = 9, .stride = 2, .max_question_tokens = 3});
  const std::string context = "w0 w1 \u00e9 w3 w4 w5 w6 w7";  // \u00e9: one character, two bytes
  const auto record = [&](const std::string& answers) {
    return "{\"question\":\"w10 w11 w12\",\"context\":\"" + context + "\",\"answers\":" + answers + "}\n";
  };
  const auto found = examples(record("{\"text\":[\"w3 w4\"],\"answer_start\":[8]}"), make);
  const std::vector<Labels> labels{{0, 0}, {0, 0}, {6, 7},
                                   {5, 6}, {0, 0}, {0, 0}};  // tokens 0 to 2, 1 to 3, ...
  ASSERT_EQ(found.size(), labels.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].labels, labels[i]);
    const Ids& ids = found[i].ids;
    EXPECT_EQ(Ids(ids.begin(), ids.begin() + 5), w({kC, 10, 11, 12, kS}));
    if (found[i].labels[0] == 0) continue;
    EXPECT_EQ(ids[static_cast<std::size_t>(found[i].labels[0])], kFirstWord + 3);
    EXPECT_EQ(ids[static_cast<std::size_t>(found[i].labels[1])], kFirstWord + 4);
  }
  EXPECT_EQ(found[0].where, found[1].where);
  EXPECT_NE(found[0].id, found[1].id);
  for (const std::string none : {"{\"text\":[],\"answer_start\":[]}", "[]"})
    EXPECT_EQ(examples(record(none), make)[0].labels, (Labels{0, 0}));
  EXPECT_EQ(examples(record("[{\"text\":\"w0\",\"answer_start\":0}]"), make)[0].labels, (Labels{5, 5}));
  expect_error(Errc::kData, "no answer 'w3' at character 7 of 'context'",
               [&] { examples(record("{\"text\":[\"w3\"],\"answer_start\":[7]}"), make); });
  expect_error(Errc::kData, "at character 999",
               [&] { examples(record("{\"text\":[\"w3\"],\"answer_start\":[999]}"), make); });
  expect_error(Errc::kUsage, "max_tokens 384 with stride 400",
               [&] { span_examples(tokenizer_, {.stride = 400}); });
}

TEST_F(Supervised, ChoicesAreSequencesOfOneExample) {
  const auto found = examples(
      "{\"question\":\"w1\",\"choices\":[\"w2\",\"w3 w4\"],\"label\":1}\n"
      "{\"question\":\"w1\",\"choices\":[\"w2\",\"w3 w4\"],\"label\":\"w2\"}\n",
      choice_examples(tokenizer_, {}));
  EXPECT_EQ(found[0].ids, w({kC, 1, kS, 2, kS, kC, 1, kS, 3, 4, kS}));
  EXPECT_EQ(found[0].begins, (Labels{0, 5}));
  EXPECT_EQ(found[0].types, (Ids{0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(found[0].labels, Labels{1});
  EXPECT_EQ(found[1].labels, Labels{0});
  const auto with_context =
      examples("{\"article\":\"w9\",\"question\":\"w1\",\"options\":[\"w2\",\"w3\"],\"answer\":\"B\"}\n",
               choice_examples(tokenizer_, {.context_field = "article",
                                            .choices_field = "options",
                                            .label_field = "answer",
                                            .names = names({"A", "B", "C", "D"})}));
  EXPECT_EQ(with_context[0].ids, w({kC, 9, kS, 1, 2, kS, kC, 9, kS, 1, 3, kS}));
  EXPECT_EQ(with_context[0].labels, Labels{1});
  expect_error(Errc::kData, "expected at least two choices", [&] {
    examples("{\"question\":\"w1\",\"choices\":[\"w2\"],\"label\":0}\n", choice_examples(tokenizer_, {}));
  });
  expect_error(Errc::kData, "expected one of the 2 choices", [&] {
    examples("{\"question\":\"w1\",\"choices\":[\"w2\",\"w3\"],\"label\":2}\n",
             choice_examples(tokenizer_, {.names = names({"A", "B", "C"})}));
  });
}

TEST_F(Supervised, TextsToCompareAreSequencesOfOneExample) {
  const auto triplets = examples(
      "{\"anchor\":\"w1\",\"positive\":\"w2\",\"negative\":[\"w3\",\"w4\"]}\n{\"anchor\":\"w1\",\"positive\":"
      "\"w5\"}\n",
      comparison_examples(tokenizer_, {.optional_fields = {"negative"}}));
  EXPECT_EQ(triplets[0].ids, w({kC, 1, kS, kC, 2, kS, kC, 3, kS, kC, 4, kS}));
  EXPECT_EQ(triplets[0].begins, (Labels{0, 3, 6, 9}));
  EXPECT_EQ(triplets[0].texts.size(), 4u);
  EXPECT_EQ(triplets[1].texts.size(), 2u);
  EXPECT_EQ(triplets[0].texts[0], triplets[1].texts[0]);
  EXPECT_NE(triplets[0].texts[1], triplets[1].texts[1]);
  const auto scored =
      examples("{\"sentence1\":\"w1\",\"sentence2\":\"w2\",\"score\":0.5}\n",
               comparison_examples(tokenizer_, {.fields = {"sentence1", "sentence2"},
                                                .label = {.kind = LabelKind::kNumber, .field = "score"}}));
  EXPECT_EQ(scored[0].numbers, std::vector<float>{0.5});
}

TEST_F(Supervised, ScoresAreMappedFromTheirRangeAndTextsMadeLowerCase) {
  const ComparisonOptions options{.fields = {"a", "b"},
                                  .label = {.kind = LabelKind::kNumber, .field = "score", .range = {1, 5}},
                                  .lower_case = true};
  const auto found =
      examples("{\"a\":\"W1\",\"b\":\"w2\",\"score\":4}\n", comparison_examples(tokenizer_, options));
  EXPECT_EQ(found[0].numbers, std::vector<float>{0.75});
  EXPECT_EQ(found[0].ids, w({kC, 1, kS, kC, 2, kS}));
  expect_error(Errc::kData, "a.jsonl: line 1: field 'score': found 0.5, expected a number from 1 to 5", [&] {
    examples("{\"a\":\"w1\",\"b\":\"w2\",\"score\":0.5}\n", comparison_examples(tokenizer_, options));
  });
  ComparisonOptions wrong = options;
  wrong.label.range = {5, 1};
  expect_error(Errc::kUsage, "expected the lowest and the highest",
               [&] { comparison_examples(tokenizer_, wrong); });
}

TEST_F(Supervised, RecordsWithTokensAreTakenAsTheyAreAndChecked) {
  const auto make = ready_examples(tokenizer_->size());
  const auto found = examples(
      "{\"input_ids\":[2,5,6,3,0],\"attention_mask\":[1,1,1,1,0],\"token_type_ids\":[0,0,1,1,0],\"labels\":[-"
      "100,7,-100,-100,-100],"
      "\"next_sentence_label\":1}\n{\"input_ids\":[5],\"labels\":3}\n{\"input_ids\":[5],\"labels\":0.5}\n",
      make);
  EXPECT_EQ(found[0].ids, (Ids{2, 5, 6, 3}));
  EXPECT_EQ(found[0].types, (Ids{0, 0, 1, 1}));
  EXPECT_EQ(found[0].labels, (Labels{-100, 7, -100, -100}));
  EXPECT_TRUE(found[0].has_token_labels);
  EXPECT_EQ(found[0].next_sentence, 1);
  EXPECT_EQ(found[1].labels, Labels{3});
  EXPECT_FALSE(found[1].has_token_labels);
  EXPECT_EQ(found[2].numbers, std::vector<float>{0.5});
  const std::pair<const char*, const char*> wrong[] = {
      {"{\"input_ids\":[207]}", "found 207 in the list, expected a whole number from 0 to 206"},
      {"{\"input_ids\":[-1]}", "found -1"},
      {"{\"input_ids\":[]}", "expected at least one token"},
      {"{\"input_ids\":\"w1\"}", "expected a list of whole numbers"},
      {"{\"input_ids\":[5],\"labels\":[-5]}", "found -5, expected -100 or 0 to 206"},
      {"{\"input_ids\":[5],\"labels\":[1,2]}", "one value for each of the 1 input_ids"},
      {"{\"input_ids\":[5],\"token_type_ids\":[]}", "one value for each of the 1 input_ids"},
      {"{\"input_ids\":[5],\"attention_mask\":[0]}", "expected at least one 1"},
      {"{\"input_ids\":[5],\"attention_mask\":[2]}", "found 2 in the list"},
      {"{\"input_ids\":[5],\"next_sentence_label\":2}", "found 2, expected a whole number from 0 to 1"}};
  for (const auto& w : wrong)
    expect_error(Errc::kData, w.second, [&] { examples(std::string(w.first) + "\n", make); });
}

TEST_F(Supervised, SeekingIsContinuingAndThreadsChangeNothing) {
  std::string lines;
  for (int i = 0; i < 40; ++i)
    lines += i % 9 == 4
                 ? "{\"question\":3}\n"
                 : "{\"question\":\"w1\",\"context\":\"" + words(i, 1 + i * 5 % 31) + "\",\"answers\":[]}\n";
  check::write_file(folder_ / "a.jsonl", lines);
  for (const bool shuffle : {false, true})
    expect_promises([&](const AheadOptions& ahead) {
      ExampleInput input = input_of({(folder_ / "a.jsonl").string()}, {}, shuffle);
      input.ahead = ahead;
      input.skip_bad_records = true;
      return std::make_unique<RecordExamples>(
          input, span_examples(tokenizer_, {.max_tokens = 12, .stride = 2, .max_question_tokens = 3}));
    });
}

}  // namespace
}  // namespace lyceum
