// What objectives over heads compute and find out, against the formulas written out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "train/objective/objective_test_trained.h"

namespace lyceum {
namespace {

// [sequences or tokens, outputs]
Tensor scores_of(Trained& t, std::span<const Example> examples) {
  const PackedTokens tokens = pack_examples(t.model(), examples);
  Pass pass;
  return t.model().scores(t.model().encode(tokens, pass), tokens, pass);
}
double at(const Tensor& scores, std::size_t row, std::size_t column = 0) {
  return static_cast<double>(scores.row<float>(static_cast<std::int64_t>(row))[column]);
}
double learnt_loss(Trained& t, const Objective& objective, std::span<const Example> examples) {
  return static_cast<double>(t.learn(objective, examples).back().values<float>()[0]);
}
double judged_loss(Trained& t, const Objective& objective, std::span<const Example> examples,
                   Judgement& judgement) {
  objective.judge(t.learner(), examples, judgement);
  return objective.report(judgement).loss_nats;
}

std::vector<Example> sequence_examples(std::size_t count) {
  std::vector<Example> examples = masked_examples(count, 10);
  for (Example& e : examples) {
    e.has_token_labels = false;
    e.labels.clear();
  }
  return examples;
}

// Losses of a few numbers in f32, added up: some roundings of 2^-24 of a value of about 1.
constexpr double kRounding = 2e-6;

TEST(HeadObjectives, LabelSmoothingIsTheShareOfALossThatWantsAllClassesAlike) {
  struct Case {
    const char* architecture;
    std::unique_ptr<Objective> (*make)(float);
  };
  const Case cases[] = {
      {"BertForMaskedLM", [](float s) { return words_objective(false, s); }},
      {"BertForTokenClassification", [](float s) { return tokens_objective(s); }},
      {"BertForSequenceClassification", [](float s) { return sequence_objective(SequenceTask::kClass, s); }}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.architecture);
    Trained t({.architecture = c.architecture, .labels = 3});
    std::vector<Example> examples = masked_examples(4, 3);
    if (std::string(c.architecture) == "BertForSequenceClassification")
      for (std::size_t i = 0; i < examples.size(); ++i) {
        examples[i].has_token_labels = false;
        examples[i].labels = {static_cast<std::int64_t>(i % 3)};
      }
    const double none = learnt_loss(t, *c.make(0), examples), all = learnt_loss(t, *c.make(1), examples),
                 some = learnt_loss(t, *c.make(0.25f), examples);
    EXPECT_GT(std::fabs(all - none), 1e-3);
    EXPECT_NEAR(some, 0.75 * none + 0.25 * all, kRounding * all);
  }
}

TEST(HeadObjectives, NumbersProbabilitiesAndLabelsHaveTheirFormula) {
  for (const SequenceTask task : {SequenceTask::kNumber, SequenceTask::kProbability, SequenceTask::kLabels}) {
    SCOPED_TRACE(static_cast<int>(task));
    const std::size_t outputs = task == SequenceTask::kLabels ? 3 : 1;
    Trained t(
        {.architecture = "BertForSequenceClassification", .labels = static_cast<std::int64_t>(outputs)});
    std::vector<Example> examples = sequence_examples(7);
    for (std::size_t i = 0; i < examples.size(); ++i)
      for (std::size_t c = 0; c < outputs; ++c)
        examples[i].numbers.push_back(task == SequenceTask::kLabels ? static_cast<float>((i + c) % 2)
                                                                    : static_cast<float>(i) / 8.0f);
    const Tensor scores = scores_of(t, examples);
    double sum = 0, hits = 0;
    std::vector<double> predicted, expected;
    for (std::size_t i = 0; i < examples.size(); ++i)
      for (std::size_t c = 0; c < outputs; ++c) {
        const double x = at(scores, i, c), wanted = static_cast<double>(examples[i].numbers[c]),
                     p = 1 / (1 + std::exp(-x));
        sum += task == SequenceTask::kNumber ? (x - wanted) * (x - wanted)
                                             : -wanted * std::log(p) - (1 - wanted) * std::log(1 - p);
        hits += (x > 0) == (wanted > 0.5) ? 1 : 0;
        predicted.push_back(task == SequenceTask::kProbability ? p : x);
        expected.push_back(wanted);
      }
    const auto objective = sequence_objective(task, 0);
    const double mean = sum / static_cast<double>(predicted.size());
    EXPECT_NEAR(learnt_loss(t, *objective, examples), mean, kRounding);
    Judgement judgement;
    EXPECT_NEAR(judged_loss(t, *objective, examples, judgement), mean, kRounding);
    if (task == SequenceTask::kLabels) {
      EXPECT_EQ(judgement.guesses, 21);
      EXPECT_EQ(judgement.hits, hits);
    } else {
      EXPECT_EQ(judgement.expected, expected);
      ASSERT_EQ(judgement.predicted.size(), predicted.size());
      for (std::size_t i = 0; i < predicted.size(); ++i)
        EXPECT_NEAR(judgement.predicted[i], predicted[i], kRounding);
    }
  }
}

TEST(HeadObjectives, ALogitNearZeroIsAGuessOfALabelByItsSign) {
  Trained t({.architecture = "BertForSequenceClassification", .labels = 1});
  for (const WeightPtr& weight : t.model().parameters())
    if (weight->name().starts_with("classifier."))
      for (float& value : weight->mutable_f32()) value = weight->name().ends_with("bias") ? 0.25f : 0.0f;
  std::vector<Example> examples = sequence_examples(2);
  for (Example& e : examples) e.numbers = {1};
  Judgement judgement;
  sequence_objective(SequenceTask::kLabels, 0)->judge(t.learner(), examples, judgement);
  EXPECT_EQ(judgement.hits, 2);
}

// An example's sequences compete with one another: by the scores of a model with one output.
TEST(HeadObjectives, ChoicesAreToldFromTheOtherSequencesOfTheirExample) {
  Trained t({.architecture = "BertForSequenceClassification", .labels = 1});
  std::vector<Example> examples = sequence_examples(3);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    examples[i].ids = {5, 6, 7, 8, 9, 10, 11};
    examples[i].types.clear();
    examples[i].begins = {0, 2, 3 + static_cast<std::int64_t>(i)};
    examples[i].labels = {static_cast<std::int64_t>(i)};
  }
  const Tensor scores = scores_of(t, examples);
  double sum = 0, hits = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    double all = 0;
    std::size_t best = 0;
    for (std::size_t s = 0; s < 3; ++s) {
      all += std::exp(at(scores, 3 * i + s));
      if (at(scores, 3 * i + s) > at(scores, 3 * i + best)) best = s;
    }
    sum += std::log(all) - at(scores, 3 * i + i);
    hits += best == i ? 1 : 0;
  }
  const auto objective = choices_objective();
  EXPECT_NEAR(learnt_loss(t, *objective, examples), sum / 3, kRounding);
  Judgement judgement;
  EXPECT_NEAR(judged_loss(t, *objective, examples, judgement), sum / 3, kRounding);
  EXPECT_EQ(judgement.hits, hits);
  EXPECT_EQ(judgement.guesses, 3);
}

TEST(HeadObjectives, AnAnswerIsRightWhenBothItsEndsAre) {
  Trained t({.architecture = "BertForQuestionAnswering"});
  std::vector<Example> examples = sequence_examples(1);
  const Tensor scores = scores_of(t, examples);
  std::int64_t best[2] = {0, 0};
  for (std::size_t end : {0u, 1u})
    for (std::int64_t r = 0; r < scores.rows(); ++r)
      if (at(scores, static_cast<std::size_t>(r), end) > at(scores, static_cast<std::size_t>(best[end]), end))
        best[end] = r;
  const auto hits_of = [&](std::int64_t first, std::int64_t last) {
    examples[0].labels = {first, last};
    Judgement judgement;
    spans_objective()->judge(t.learner(), examples, judgement);
    return judgement.hits;
  };
  const auto other = [&](std::int64_t place) { return place == 0 ? 1 : 0; };
  EXPECT_EQ(hits_of(best[0], best[1]), 1);
  EXPECT_EQ(hits_of(best[0], other(best[1])), 0);
  EXPECT_EQ(hits_of(other(best[0]), best[1]), 0);
}

TEST(HeadObjectives, AccuracyIsOfTheTokensThatHaveALabel) {
  for (const bool words : {false, true}) {
    Trained t({.architecture = words ? "BertForMaskedLM" : "BertForTokenClassification", .labels = 3});
    std::vector<Example> examples = masked_examples(6, 3);
    const Tensor scores = scores_of(t, examples);
    double labelled = 0;
    std::size_t row = 0;
    for (Example& e : examples)  // the labels that remain become the best guess, but for the first one
      for (std::int64_t& label : e.labels) {
        const std::span<const float> values(scores.row<float>(static_cast<std::int64_t>(row++)),
                                            static_cast<std::size_t>(scores.cols()));
        if (label == kIgnoredLabel) continue;
        label = std::max_element(values.begin(), values.end()) - values.begin();
        if (labelled++ == 0) label = label == 0 ? 1 : 0;
      }
    const auto objective = words ? words_objective(false, 0) : tokens_objective(0);
    Judgement judgement;
    objective->judge(t.learner(), examples, judgement);
    EXPECT_EQ(judgement.guesses, labelled);
    EXPECT_EQ(judgement.hits, labelled - 1);
  }
}

TEST(HeadObjectives, WordsAndPairsAreJudgedAsTheyAreLearntAlsoInManyRows) {
  Trained t({.architecture = "BertForPreTraining"});
  const std::vector<Example> examples = masked_examples(300, t.model().vocabulary());
  const auto objective = words_objective(true, 0);
  ASSERT_GT(objective->counts(examples)[0], 512);  // more than one piece of rows
  Judgement judgement;
  EXPECT_NEAR(judged_loss(t, *objective, examples, judgement), learnt_loss(t, *objective, examples), 1e-5);
}

TEST(HeadObjectives, APairsLabelIsOfItsFirstSequence) {
  Trained t({.architecture = "BertForPreTraining"});
  std::vector<Example> one = masked_examples(1, 10), two = one;
  for (std::vector<Example>* examples : {&one, &two})
    (*examples)[0].labels.assign(two[0].ids.size(), kIgnoredLabel);
  two[0].begins = {0, two[0].tokens()};
  for (const std::int32_t id : {7, 8, 9}) {
    two[0].ids.push_back(id);
    two[0].types.push_back(0);
    two[0].labels.push_back(kIgnoredLabel);
  }
  const auto objective = words_objective(true, 0);
  EXPECT_GT(learnt_loss(t, *objective, one), 0.1);
  EXPECT_EQ(learnt_loss(t, *objective, two), learnt_loss(t, *objective, one));
}

TEST(Judgements, AreAddedUpAndReportedByTerm) {
  Judgement sum, more;
  sum.losses = {2, 6};
  sum.counts = {1, 3};
  sum.hits = 1;
  sum.guesses = 2;
  more.losses = {4, 2};
  more.counts = {1, 1};
  more.hits = 2;
  more.guesses = 2;
  sum.add(more);
  const ValidReport report = words_objective(true, 0)->report(sum);
  EXPECT_EQ(report.loss_nats, 6.0 / 2 + 8.0 / 4);
  ASSERT_EQ(report.others.size(), 1u);
  EXPECT_EQ(report.others[0].value, 0.75);
}

TEST(Judgements, ScoresAreComparedByValueAndByRank) {
  Judgement judgement;
  judgement.predicted = {1, 2, 3, 4};
  judgement.expected = {1, 10, 100, 1000};  // in order, and on no line
  const ValidReport report = sequence_objective(SequenceTask::kNumber, 0)->report(judgement);
  ASSERT_EQ(report.others.size(), 2u);
  EXPECT_EQ(report.others[0].name, "valid_pearson");
  EXPECT_LT(report.others[0].value, 0.95);
  EXPECT_EQ(report.others[1].name, "valid_spearman");
  EXPECT_NEAR(report.others[1].value, 1, 1e-12);
}

}  // namespace
}  // namespace lyceum
