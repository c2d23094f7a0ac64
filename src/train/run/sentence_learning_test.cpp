// Runs that train vectors of sentences: what they begin with, and what their folders hold.
#include "train/run/sentence_learning.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "nn/sentence_model.h"
#include "train/run/checkpoints.h"
#include "train/run/sentence_test_run.h"
#include "train/run/trainer.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

using check::expect_error;
using Kind = SentenceModule::Kind;

class SentenceLearning : public SentenceRunTest {
 protected:
  SentenceModel saved(const char* name = "model") {
    return load_sentence_model(ModelFolder::find((folder_ / "run" / name).string()));
  }
  static std::string kinds(const SentencePipeline& pipeline) {
    std::string out;
    for (const SentenceModule& module : pipeline.modules)
      out += module.kind == Kind::kPooling ? "P" : module.kind == Kind::kDense ? "D" : "N";
    return out;
  }
};

TEST_F(SentenceLearning, TheFolderKeepsModulesPromptsAndLengthAndGivesTheLearntVectors) {
  write_model({.sentence = true,
               .pooling = {"mean", "max"},
               .dense_width = 5,
               .max_seq_length = 12,
               .prompts = {{"query", "the "}}});
  write_data();
  train(recipe());
  const SentenceModel found = saved();
  EXPECT_EQ(kinds(found.pipeline), "PDN");
  EXPECT_EQ(found.pipeline.modules[0].modes, (std::vector<std::string>{"max", "mean"}));
  EXPECT_EQ(found.pipeline.max_seq_length, 12);
  EXPECT_EQ(found.pipeline.prompts.at("query"), "the ");
  EXPECT_TRUE(found.has_pipeline);
  // The dense layer was trained and saved.
  const SentenceModel before = load_sentence_model(ModelFolder::find((folder_ / "model").string()));
  EXPECT_NE(check::same_bits(found.head->parameters()[0]->f32(), before.head->parameters()[0]->f32()), "");
}

TEST_F(SentenceLearning, APlainEncoderGetsTheModulesThatTheRecipeNames) {
  write_model({.architecture = "BertForMaskedLM"});
  write_data();
  train(recipe());
  EXPECT_EQ(kinds(saved().pipeline), "P");
  EXPECT_EQ(saved().pipeline.modules[0].modes, std::vector<std::string>{"mean"});
  EXPECT_EQ(saved().body().architecture(), "BertModel");

  train(recipe({"model.pooling=[\"mean\", \"cls\"]", "model.dense=3", "model.normalize=true",
                "model.max_tokens=10", "output.directory=" + (folder_ / "run").string() + "/2"}));
  const SentenceModel found = saved("2/model");
  EXPECT_EQ(kinds(found.pipeline), "PDN");
  EXPECT_EQ(found.pipeline.modules[0].modes, (std::vector<std::string>{"mean", "cls"}));  // their order
  EXPECT_EQ(found.head->width(), 3);
  EXPECT_EQ(found.pipeline.max_seq_length, 10);
  expect_error(Errc::kData, "model.max_tokens: found 17, expected at most the 16 that the model takes",
               [&] { begin_learning(recipe({"model.max_tokens=17"}), [] { return TokenizerFiles(); }); });
}

TEST_F(SentenceLearning, AStoppedRunEndsWithTheBitsOfOneThatWasNot) {
  write_model({.sentence = true, .dense_width = 5});
  write_data();
  const Arguments softmax = {"objective.loss=softmax", "objective.score_range=", "output.save_every=1"};
  const auto at = [&](const char* name, const char* steps) {
    Arguments more = softmax;
    more.push_back("output.directory=" + (folder_ / "run").string() + "/" + name);
    more.push_back(std::string("train.steps=") + steps);
    train(recipe(more), {.accept_changes = true});
  };
  at("whole", "4");
  at("cut", "2");
  at("cut", "4");
  const SentenceModel a = saved("whole/model"), b = saved("cut/model");
  for (std::size_t i = 0; i < a.body().parameters().size(); ++i)
    EXPECT_EQ(check::same_bits(a.body().parameters()[i]->f32(), b.body().parameters()[i]->f32()), "");
  for (std::size_t i = 0; i < a.head->parameters().size(); ++i)
    EXPECT_EQ(check::same_bits(a.head->parameters()[i]->f32(), b.head->parameters()[i]->f32()), "");
}

TEST_F(SentenceLearning, TheClassifierOfTheObjectiveLearnsAndStaysBehind) {
  write_model({.sentence = true});
  write_data();
  const auto classifier_after = [&](const char* steps) {
    train(recipe({"objective.loss=softmax", "objective.score_range=", std::string("train.steps=") + steps}),
          {.restart = true});
    const auto saved = Checkpoints(folder_ / "run", 2).newest();
    return saved->tensors.at("model.objective.classifier.weight").values<float>();
  };
  EXPECT_NE(classifier_after("1"), classifier_after("2"));
  const SentenceModel found = saved();
  for (const WeightPtr& weight : found.body().parameters())
    EXPECT_EQ(weight->name().find("classifier"), std::string::npos) << weight->name();
}

TEST_F(SentenceLearning, EveryLossTrainsFromARecipe) {
  write_model({.sentence = true});
  write_data();
  const std::string texts = "data.texts=[\"sentence1\", \"sentence2\", \"negative\"]";
  const std::vector<Arguments> several = {
      {"objective.loss=cosent"},
      {"objective.loss=contrastive", "objective.score_range=", "data.label=score"},
      {"objective.loss=multiple_negatives",
       "objective.score_range=", "data.texts=[\"sentence1\", \"sentence2\"]", "train.part_tokens=20"},
      {"objective.kind=triplets", "objective.loss=multiple_negatives", "objective.score_range=", texts},
      {"objective.kind=triplets", "objective.loss=triplet", "objective.score_range=", texts},
      {"objective.kind=triplets", "objective.loss=margin_mse", "objective.score_range=", texts},
      {"objective.kind=triplets", "objective.loss=batch_hard_triplet",
       "objective.score_range=", "data.texts=[\"sentence1\"]", "train.valid_every=0"}};
  for (const Arguments& one : several) {
    Arguments more = one;
    more.push_back("train.learning_rate=1e-3");
    const TrainResult result = train(recipe(more), {.restart = true});
    EXPECT_EQ(result.step, 3) << one[0];
    EXPECT_TRUE(std::isfinite(result.loss_nats)) << one[0];
  }
}

TEST_F(SentenceLearning, TheBestFollowsTheNumberThatTheRecipeNames) {
  write_model({.sentence = true});
  write_data();
  const TrainResult result = train(recipe({"train.steps=8", "train.learning_rate=0.02", "train.valid_every=1",
                                           "train.best_by=spearman", "output.keep_best=true"}));
  double best = -2, worst = 2;
  std::int64_t best_step = 0;
  std::string line;
  std::istringstream lines(read_text(folder_ / "run" / "metrics.jsonl"));
  while (std::getline(lines, line)) {
    const Json json = parse_json(line, "metrics.jsonl");
    if (!json.contains("valid_spearman")) continue;
    const double found = json["valid_spearman"].get<double>();
    worst = std::min(worst, found);
    if (found <= best) continue;
    best = found;
    best_step = json["step"].get<std::int64_t>();
  }
  EXPECT_LT(worst, best);  // else any step would do
  EXPECT_EQ(result.best_step, best_step);
  EXPECT_EQ(saved("best").head->width(), 8);
}

TEST_F(SentenceLearning, ScoresOutsideOfTheirRangeAndMissingTextsNameTheirLine) {
  write_model({.sentence = true});
  write_data();
  expect_error(Errc::kData, "data.jsonl: line 6: field 'score': found 5, expected a number from 0 to 4", [&] {
    train(recipe({"objective.score_range=[0, 4]", "data.shuffle=false"}));
  });
  expect_error(Errc::kData, "expected -1 to 1, as a cosine is. Fix: objective.score_range",
               [&] { train(recipe({"objective.score_range="}), {.restart = true}); });
  expect_error(Errc::kData, "'nothing'",
               [&] { train(recipe({"data.texts=[\"sentence1\", \"nothing\"]"}), {.restart = true}); });
}

TEST_F(SentenceLearning, ACrossEncoderSaysWhatItsScoresAreAndLeavesTheModulesOfABiEncoderBehind) {
  write_model({.sentence = true, .max_seq_length = 12});
  write_data();
  for (const auto& [loss, activation] : {std::pair{"mse", "torch.nn.modules.linear.Identity"},
                                         {"bce", "torch.nn.modules.activation.Sigmoid"}}) {
    train(recipe({"objective.kind=regression", std::string("objective.loss=") + loss, "data.text=sentence1",
                  "data.second_text=sentence2", "data.label=score"}),
          {.restart = true});
    const fs::path model = folder_ / "run" / "model";
    EXPECT_EQ(read_json(model / "config.json")["sentence_transformers"]["activation_fn"], activation);
    for (const char* name :
         {"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"})
      EXPECT_FALSE(fs::exists(model / name)) << name;
  }
}

}  // namespace
}  // namespace lyceum
