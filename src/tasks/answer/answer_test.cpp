#include "tasks/answer/answer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "check/expect_error.h"
#include "tasks/answer/spans.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/answer/golden";

AnswerOptions options_of(const Json& json) {
  AnswerOptions o;
  o.top = json.value("top_k", o.top);
  o.max_answer_tokens = json.value("max_answer_len", o.max_answer_tokens);
  o.max_tokens = json.value("max_seq_len", o.max_tokens);
  o.stride = json.value("doc_stride", o.stride);
  o.can_be_impossible = json.value("handle_impossible_answer", false);
  o.align_to_words = json.value("align_to_words", true);
  return o;
}

// transformers 4.57 made them: ../common/golden/make_golden.py.
TEST(Answer, AnswersAreThePipelines) {
  const QuestionAnswerer answerer = QuestionAnswerer::load((kGolden / "model").string());
  const Json cases = read_json(kGolden / "expected.json");
  ASSERT_GE(cases.size(), 30u);
  for (const Json& c : cases) {
    SCOPED_TRACE(c.dump());
    const auto got = answerer.answer(c["question"].get<std::string>(), c["context"].get<std::string>(),
                                     options_of(c["options"]));
    ASSERT_EQ(got.size(), c["answers"].size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      const Json& want = c["answers"][i];
      EXPECT_EQ(got[i].answer, want[0].get<std::string>());
      EXPECT_EQ(got[i].begin, want[1].get<std::uint32_t>());
      EXPECT_EQ(got[i].end, want[2].get<std::uint32_t>());
      EXPECT_NEAR(got[i].score, want[3].get<double>(), 1e-5);  // sums over windows and equal texts
    }
  }
}

TEST(Answer, QuestionsGiveTheSameAloneAndTogether) {
  const QuestionAnswerer answerer = QuestionAnswerer::load((kGolden / "model").string());
  const std::vector<Question> questions{
      {"the cat?", "a dog ran in the park"}, {"a", "the cat sat"}, {"dog", "the dog . the cat . the mat"}};
  const auto together = answerer.answer(questions, {.top = 3});
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto alone = answerer.answer(questions[i].question, questions[i].context, {.top = 3});
    ASSERT_EQ(alone.size(), together[i].size());
    for (std::size_t k = 0; k < alone.size(); ++k) EXPECT_EQ(alone[k].score, together[i][k].score);
  }
}

TEST(Answer, WhatCannotBeAnsweredIsSaid) {
  const QuestionAnswerer answerer = QuestionAnswerer::load((kGolden / "model").string());
  std::string long_text;
  for (int i = 0; i < 30; ++i) long_text += "the ";
  expect_error(Errc::kData, "the question is empty", [&] { answerer.answer("", "the cat"); });
  expect_error(Errc::kData, "the context is empty", [&] { answerer.answer("the cat", ""); });
  expect_error(Errc::kData, "none of a window's 24", [&] { answerer.answer(long_text, "the cat"); });
  expect_error(Errc::kUsage, "stride", [&] { answerer.answer("a", long_text, {.stride = 20}); });
  expect_error(Errc::kUsage, "answers", [&] { answerer.answer("a", "the", {.top = 0}); });
  EXPECT_EQ(answerer.answer(long_text, "the cat", {.max_question_tokens = 5}).size(), 1u);
  const auto nothing = answerer.answer("the cat", " ");  // no token could be the answer
  ASSERT_EQ(nothing.size(), 1u);
  EXPECT_EQ(nothing[0].answer, "");
  EXPECT_EQ(nothing[0].score, 0);
}

// Two tokens of a question and four of a context, of which the middle two are one word.
Encoding window() {
  return {.ids = {2, 5, 3, 6, 7, 8, 9, 3},
          .offsets = {{0, 0}, {0, 3}, {0, 0}, {0, 1}, {2, 4}, {4, 6}, {7, 8}, {0, 0}},
          .special = {1, 0, 1, 0, 0, 0, 0, 1},
          .words = {-1, 0, -1, 0, 1, 1, 2, -1},
          .sequences = {-1, 0, -1, 1, 1, 1, 1, -1}};
}

TEST(Answer, RangesLieInTheContextAndAreShort) {
  const std::vector<float> begins{9, 9, 9, 1, 2, 0, 1, 9}, ends{9, 9, 9, 0, 1, 3, 2, 9};
  double null_score = kNoNullScore;
  const auto all = best_ranges(window(), begins, ends, 2, 100, 2, true, null_score);
  ASSERT_EQ(all.size(), 7u);  // four of one token, three of two
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_GE(all[i].first, 3u);
    EXPECT_LE(all[i].last, 6u);
    EXPECT_LT(all[i].last - all[i].first, 2u);
    if (i > 0) {
      EXPECT_GE(all[i - 1].score, all[i].score);
    }
  }
  EXPECT_EQ(all[0].first, 4u);
  EXPECT_EQ(all[0].last, 5u);
  EXPECT_GT(null_score, 0.9);  // the first token has nearly all of both
  EXPECT_EQ(best_ranges(window(), begins, ends, 2, 3, 2, false, null_score).size(), 3u);
  // equal scores: the earlier range first
  const std::vector<float> flat(8, 1.0f);
  const auto ties = best_ranges(window(), flat, flat, 2, 3, 2, false, null_score);
  EXPECT_EQ(ties[0].last, 3u);
  EXPECT_EQ(ties[1].first, 3u);
  EXPECT_EQ(ties[1].last, 4u);
  EXPECT_EQ(ties[2].first, 4u);
}

TEST(Answer, PlacesGrowToWholeWords) {
  EXPECT_EQ(place_of(window(), {4, 4}, true), (TokenSpan{2, 6}));
  EXPECT_EQ(place_of(window(), {4, 4}, false), (TokenSpan{2, 4}));
  EXPECT_EQ(place_of(window(), {5, 6}, true), (TokenSpan{2, 8}));
  EXPECT_EQ(place_of(window(), {3, 3}, true), (TokenSpan{0, 1}));  // word 0 of the question is another one
}

TEST(Answer, EqualTextsAreOneAnswer) {
  AnswerList answers("The the cat");
  answers.add({4, 7}, 0.25);
  answers.add({8, 11}, 0.375);
  answers.add({0, 3}, 0.25);
  const auto best = std::move(answers).best(5, 0.125);
  ASSERT_EQ(best.size(), 3u);
  EXPECT_EQ(best[0].answer, "the");
  EXPECT_EQ(best[0].begin, 4u);
  EXPECT_EQ(best[0].score, 0.5);
  EXPECT_EQ(best[2].answer, "");
}

}  // namespace
}  // namespace lyceum
