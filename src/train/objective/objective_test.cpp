#include "train/objective/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "nn/forward.h"
#include "train/objective/objective_test_trained.h"

namespace lyceum {
namespace {

using check::expect_error;

// The same examples as `lyceum forward` wants them, padded.
NamedTensors padded(std::span<const Example> examples) {
  std::size_t longest = 0;
  for (const Example& e : examples) longest = std::max(longest, e.ids.size());
  const Shape shape{static_cast<std::int64_t>(examples.size()), static_cast<std::int64_t>(longest)};
  NamedTensors out;
  for (const char* name : {"input_ids", "attention_mask", "token_type_ids", "labels"})
    out.emplace(name, Tensor::zeros(shape, DType::kI64));
  out.emplace("next_sentence_label", Tensor::zeros({shape[0]}, DType::kI64));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    out["next_sentence_label"].mutable_data<std::int64_t>()[i] = examples[i].next_sentence;
    std::fill_n(out["labels"].mutable_row<std::int64_t>(row), longest, kIgnoredLabel);
    for (std::size_t t = 0; t < examples[i].ids.size(); ++t) {
      out["input_ids"].mutable_row<std::int64_t>(row)[t] = examples[i].ids[t];
      out["attention_mask"].mutable_row<std::int64_t>(row)[t] = 1;
      out["token_type_ids"].mutable_row<std::int64_t>(row)[t] = examples[i].types[t];
      out["labels"].mutable_row<std::int64_t>(row)[t] = examples[i].labels[t];
    }
  }
  return out;
}

// Sums of a few dozen products in other orders: relative to the largest of a tensor.
void expect_close(std::span<const Tensor> found, std::span<const Tensor> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::vector<float> a = found[i].values<float>(), b = expected[i].values<float>();
    float largest = 1e-3f;
    for (const float value : b) largest = std::max(largest, std::abs(value));
    for (std::size_t j = 0; j < a.size(); ++j)
      ASSERT_NEAR(a[j], b[j], 5e-6f * largest) << "tensor " << i << ", " << j;
  }
}

TEST(Objective, WordsAndPairsHaveTheLossAndGradientsOfTheClass) {
  Trained t({.layers = 2, .architecture = "BertForPreTraining"});
  const std::vector<Example> examples = masked_examples(5, t.model().vocabulary());
  const std::vector<Tensor> found = t.learn(*words_objective(true, 0), examples);
  const NamedTensors reference = forward(t.model(), padded(examples), {.backward = true});
  std::vector<Tensor> expected;
  for (const WeightPtr& weight : t.model().parameters())
    expected.push_back(reference.at("grad." + weight->name()));
  expected.push_back(reference.at("loss").reshaped({1}));
  expect_close(found, expected);
}

TEST(Objective, PartsOfABatchAddUpToTheWhole) {
  Trained t({.layers = 2, .architecture = "BertForMaskedLM"});
  const std::vector<Example> examples = masked_examples(9, t.model().vocabulary());
  const auto objective = words_objective(false, 0.1f);
  const std::vector<Tensor> whole = t.learn(*objective, examples);
  for (const std::int64_t tokens : {1, 12, 30})
    expect_close(t.learn(*objective, examples, {.part_tokens = tokens}), whole);
}

TEST(Objective, RecomputedLayersAndDropoutGiveTheSameBits) {
  Trained t({.layers = 3, .architecture = "BertForMaskedLM"});
  const std::vector<Example> examples = masked_examples(6, t.model().vocabulary());
  const auto objective = words_objective(false, 0);
  for (const std::optional<std::uint64_t> seed :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(17)}) {
    const std::vector<Tensor> plain = t.learn(*objective, examples, {.dropout_seed = seed});
    const std::vector<Tensor> again =
        t.learn(*objective, examples, {.dropout_seed = seed, .recompute_layers = true});
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(check::same_bits(plain[i], again[i]), "") << i;
  }
}

TEST(Objective, DropoutFollowsASequenceAndNotItsPlaceInTheBatch) {
  Trained t({.layers = 2, .architecture = "BertForMaskedLM"});
  std::vector<Example> examples = masked_examples(2, t.model().vocabulary());
  const auto objective = words_objective(false, 0);
  const auto loss_of = [&](std::span<const Example> some, std::uint64_t seed) {
    return t.learn(*objective, some, {.dropout_seed = seed}).back().values<float>()[0];
  };
  const double n0 = objective->counts(std::span(examples).first(1))[0],
               n1 = objective->counts(std::span(examples).last(1))[0];
  const float first = loss_of(std::span(examples).first(1), 5),
              second = loss_of(std::span(examples).last(1), 5);
  const auto together = static_cast<double>(loss_of(examples, 5));
  EXPECT_NEAR(together, (n0 * static_cast<double>(first) + n1 * static_cast<double>(second)) / (n0 + n1),
              1e-6);
  std::swap(examples[0], examples[1]);
  EXPECT_NEAR(static_cast<double>(loss_of(examples, 5)), together, 1e-6);
  EXPECT_NE(loss_of(examples, 6), static_cast<float>(together));
}

TEST(Objective, TheSameBitsForThreadsAndInstructionSets) {
  Trained t({.layers = 2, .architecture = "BertForPreTraining"});
  const std::vector<Example> examples = masked_examples(6, t.model().vocabulary());
  const auto objective = words_objective(true, 0.1f);
  EXPECT_EQ(check::same_bits_everywhere([&] { return t.learn(*objective, examples, {.dropout_seed = 3}); }),
            "");
}

TEST(Objective, SequencesTokensAndSpansHaveTheLossAndGradientsOfTheirClass) {
  for (const char* architecture :
       {"BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering"}) {
    SCOPED_TRACE(architecture);
    const std::string name = architecture;
    Trained t(
        {.layers = 1, .architecture = architecture, .labels = name == "BertForQuestionAnswering" ? 2 : 3});
    std::vector<Example> examples = masked_examples(4, 3);  // labels below 3
    NamedTensors inputs = padded(examples);
    inputs.erase("next_sentence_label");
    std::unique_ptr<Objective> objective = tokens_objective(0);
    if (name != "BertForTokenClassification") {
      inputs.erase("labels");
      const bool spans = name == "BertForQuestionAnswering";
      objective = spans ? spans_objective() : sequence_objective(SequenceTask::kClass, 0);
      const std::vector<std::string> names =
          spans ? std::vector<std::string>{"start_positions", "end_positions"}
                : std::vector<std::string>{"labels"};
      for (const std::string& label : names) inputs.emplace(label, Tensor::zeros({4}, DType::kI64));
      for (std::size_t i = 0; i < 4; ++i) {
        examples[i].has_token_labels = false;
        examples[i].labels = spans ? std::vector<std::int64_t>{1, 2}
                                   : std::vector<std::int64_t>{static_cast<std::int64_t>(i % 3)};
        for (std::size_t k = 0; k < names.size(); ++k)
          inputs[names[k]].mutable_data<std::int64_t>()[i] = examples[i].labels[k];
      }
    }
    const std::vector<Tensor> found = t.learn(*objective, examples);
    const NamedTensors reference = forward(t.model(), inputs, {.backward = true});
    std::vector<Tensor> expected;
    for (const WeightPtr& weight : t.model().parameters())
      expected.push_back(reference.at("grad." + weight->name()));
    expected.push_back(reference.at("loss").reshaped({1}));
    expect_close(found, expected);
  }
}

TEST(Objective, JudgesWithoutDropout) {
  Trained t({.layers = 1, .architecture = "BertForMaskedLM"});
  const std::vector<Example> examples = masked_examples(5, t.model().vocabulary());
  const auto objective = words_objective(false, 0);
  Judgement together, parts;
  objective->judge(t.learner(), examples, together);
  for (const Example& example : examples) objective->judge(t.learner(), {&example, 1}, parts);
  EXPECT_NEAR(objective->report(together).loss_nats, objective->report(parts).loss_nats, 1e-6);
  EXPECT_EQ(together.guesses, objective->counts(examples)[0]);
  EXPECT_NEAR(objective->report(together).loss_nats,
              static_cast<double>(t.learn(*objective, examples).back().values<float>()[0]), 1e-6);
}

TEST(Objective, TooLongSequencesAndForeignTokensAreNamed) {
  Trained t({.max_positions = 8, .architecture = "BertForMaskedLM"});
  std::vector<Example> examples = masked_examples(1, t.model().vocabulary());
  examples[0].ids.assign(9, 5);
  examples[0].types.clear();
  expect_error(Errc::kData, "example 0: found a sequence of 9 tokens, expected at most the 8",
               [&] { pack_examples(t.model(), examples); });
  examples[0].ids = {5, 100000};
  expect_error(Errc::kData, "found the token 100000", [&] { pack_examples(t.model(), examples); });
}

}  // namespace
}  // namespace lyceum
