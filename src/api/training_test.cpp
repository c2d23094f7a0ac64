// Training, evaluation and vocabularies through the installed interface.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "lyceum/lyceum.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::write_file;

std::string lines(int from, int to) {
  static const char* const kWords[] = {"the", "cat", "sat", "on", "a", "mat", "dog", "runs"};
  std::string text;
  for (int i = from; i < to; ++i) {
    for (int w = 0; w < 6; ++w) text += std::string(kWords[(i * 5 + w * (i % 3 + 1)) % 8]) + " ";
    text += ".\n";
  }
  return text;
}

TEST(Training, ARecipeIsTrainedValidatedAndRemembered) {
  const check::TemporaryFolder t;
  write_file(t / "train.txt", lines(0, 60));
  write_file(t / "valid.txt", lines(60, 80));
  const std::string train = (t / "train.txt").string(), run = (t / "run").string();
  TextTokenizer::learn(std::span(&train, 1), (t / "tokenizer").string(), {.vocabulary_size = 60});
  const std::string toml = R"([model]
family = "bert"
[model.config]
hidden_size = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_size = 32
max_position_embeddings = 32
[data]
separator = "\n"
sentences = "marks"
[objective]
kind = "masked_lm"
[train]
steps = 4
batch_sequences = 4
context_tokens = 16
valid_every = 2
[output]
)";
  const std::vector<std::string> settings = {
      "model.tokenizer=" + (t / "tokenizer").string(), "data.train=" + train,
      "data.valid=" + (t / "valid.txt").string(), "output.directory=" + run};
  const TrainingRecipe recipe = TrainingRecipe::parse(toml, "a text", settings);
  EXPECT_EQ(recipe.directory(), run);
  EXPECT_NE(recipe.resolved().find("sentences = \"marks\""), std::string::npos);
  std::vector<double> losses;
  std::int64_t validations = 0;
  const TrainedModel model =
      recipe.train({.on_step = [&](const TrainingStep& s) { losses.push_back(s.loss_nats); },
                    .on_validation = [&](const ValidationScores&) { ++validations; }});
  EXPECT_EQ(model.steps, 4);
  EXPECT_FALSE(model.was_finished);
  EXPECT_EQ(validations, 2);
  const TrainingHistory history = training_history(run);
  EXPECT_EQ(history.steps, (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(history.losses_nats, losses);
  ASSERT_EQ(history.validations.size(), 2u);
  EXPECT_EQ(history.validations[1].step, 4);

  // What the last validation found is what validate() finds with the model that came out of it.
  std::vector<std::string> after = settings;
  after.back() = "output.directory=" + (t / "unused").string();
  const std::string rest = toml.substr(toml.find("[data]"));
  after.push_back("model.from=" + model.folder);
  const ValidationScores scores = TrainingRecipe::parse("[model]\n" + rest, "a text", after).validate();
  EXPECT_EQ(scores.numbers, history.validations[1].numbers);
  EXPECT_FALSE(std::filesystem::exists(t / "unused"));

  EXPECT_TRUE(recipe.train().was_finished);
  expect_error(Errc::kUsage, "data.valid", [&] {
    std::vector<std::string> none = settings;
    none[2] = "train.valid_every=0";
    TrainingRecipe::parse(toml, "a text", none).validate();
  });
  std::vector<std::string> wrong = settings;
  wrong.push_back("train.stepz=1");
  expect_error(Errc::kUsage, "train.stepz", [&] { TrainingRecipe::parse(toml, "a text", wrong); });
  expect_error(Errc::kIo, "none", [&] { training_history((t / "none").string()); });
}

TEST(Training, AVocabularyOfAnUnknownKindIsRefused) {
  const std::string file = "x";
  expect_error(Errc::kUsage, "expected bpe",
               [&] { TextTokenizer::learn(std::span(&file, 1), "y", {.kind = "b"}); });
  expect_error(Errc::kUsage, "expected bert", [&] {
    TextTokenizer::learn(std::span(&file, 1), "y", {.vocabulary_size = 9, .around = "b"});
  });
}

TEST(Evaluation, GivesTheScoresOfATask) {
  const check::TemporaryFolder t;
  check::write_tiny_bert(t / "model", {.sentence = true});
  std::string pairs;
  for (int i = 0; i < 6; ++i)
    pairs += "{\"sentence1\":\"the cat\",\"sentence2\":\"the " +
             std::string(static_cast<std::size_t>(i), 'a') + " cat\",\"score\":" + std::to_string(5 - i) +
             "}\n";
  write_file(t / "data/nlp/stsb/test.jsonl", pairs);
  const auto scores = evaluate((t / "model").string(),
                               {.data = (t / "data").string(), .tasks = {"nlp/stsb"}, .form = "similarity"});
  EXPECT_TRUE(std::isfinite(score_of(scores, "stsb", "spearman")));
  EXPECT_EQ(scores.at(0).examples, 6);
  const auto cls =
      evaluate((t / "model").string(),
               {.data = (t / "data").string(), .tasks = {"nlp/stsb"}, .embedding = {.pooling = {"cls"}}});
  EXPECT_NE(score_of(cls, "stsb", "pearson"), score_of(scores, "stsb", "pearson"));
  expect_error(Errc::kUsage, "stsb spearman", [&] { score_of(scores, "stsb", "accuracy"); });
}

TEST(DataLines, AreThoseOfPlainAndCompressedFiles) {
  const check::TemporaryFolder t;
  write_file(t / "a.txt", "one\r\ntwo");
  EXPECT_EQ(data_lines((t / "a.txt").string()), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(find_data_file((t / "a.txt").string()), (t / "a.txt").string());
  write_file(t / "b.txt.gz", "");
  EXPECT_EQ(find_data_file((t / "b.txt").string()), (t / "b.txt.gz").string());
  EXPECT_EQ(find_data_file((t / "c.txt").string()), "");
}

}  // namespace
}  // namespace lyceum
