// Needs the family gpt2.
#include "train/run/trainer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "formats/safetensors.h"
#include "nn/registry.h"
#include "ops/linear/linear.h"
#include "train/report/metrics.h"
#include "train/run/checkpoints.h"
#include "train/run/learning.h"
#include "train/run/train_test_runs.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

using check::expect_error;
using check::write_file;

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() {
    std::string text;
    for (int i = 0; i < 300; ++i) text += fmt::format("line {} of a text that repeats itself\n", i % 17);
    write_file(t_ / "text.txt", text);
    std::string rows;
    const std::vector<std::string> words{"the", "cat", "sat", "on", "mat"};
    for (std::size_t i = 0; i < 40; ++i)
      rows += fmt::format("{{\"text\":\"{} {} {}\",\"label\":\"{}\"}}\n", words[i % 5],
                          words[(i * 3 + 1) % 5], words[(i / 5) % 5], i % 5 < 2 ? "yes" : "no");
    write_file(t_ / "rows.jsonl", rows);
    write_file(t_ / "valid.jsonl", rows.substr(0, rows.find("\n", 600) + 1));
  }
  ~TrainerTest() override { clear_interrupt(); }

  std::string causal(const std::string& directory, const std::string& more = "") const {
    return fmt::format(R"([model]
family = "gpt2"
config = {{ n_layer = 2, n_embd = 16, n_head = 2, n_positions = 16 }}
tokenizer = "bytes"
[data]
train = ["{0}/text.txt"]
separator = "\n"
[objective]
kind = "causal_lm"
[train]
steps = 12
batch_sequences = 3
context_tokens = 16
learning_rate = 1e-2
schedule = "cosine"
warmup_steps = 2
clip_norm = 1.0
seed = 5
{2}
[output]
directory = "{0}/{1}"
save_every = 5
)",
                       t_.path().string(), directory, more);
  }
  std::string classes(const std::string& directory, const std::string& model, const std::string& more = "",
                      const std::string& data = "") const {
    return fmt::format(R"([model]
from = "{0}/{2}"
[data]
train = ["{0}/rows.jsonl"]
valid = ["{0}/valid.jsonl"]
{4}
[objective]
kind = "classification"
[train]
steps = 20
batch_sequences = 8
learning_rate = 1e-2
valid_every = 5
seed = 1
{3}
[output]
directory = "{0}/{1}"
)",
                       t_.path().string(), directory, model, more, data);
  }
  TrainResult go(const std::string& toml, TrainOptions options = {},
                 const std::vector<std::string>& settings = {}) {
    if (options.observer == nullptr) options.observer = &watch_;
    return train(parse_recipe(toml, "r.toml", settings), options);
  }
  std::string bytes(const fs::path& relative) const { return read_text(t_ / relative); }
  // Trains and is interrupted after this step.
  void stop_at(std::int64_t step, const std::string& toml) {
    watch_.stop_after(step);
    expect_error(Errc::kInterrupted, fmt::format("stopped after step {}", step), [&] { go(toml); });
    clear_interrupt();
    watch_.at_step = nullptr;
  }

  check::TemporaryFolder t_;
  RunWatch watch_;
};

TEST_F(TrainerTest, ARunLearnsAndLeavesAModelThatLoads) {
  const TrainResult r = go(causal("a"), {}, {"train.steps=60"});
  EXPECT_EQ(r.step, 60);
  ASSERT_EQ(watch_.steps.size(), 60u);
  EXPECT_NEAR(watch_.steps.front().loss_nats, std::log(256.0), 0.2);  // of 256 equal bytes
  EXPECT_LT(r.loss_nats, 3.0);
  EXPECT_EQ(watch_.steps[0].tokens, 48);
  EXPECT_EQ(watch_.steps[0].learning_rate, 1e-2 / 2);  // the schedule at step 1 of 2 that warm up
  const LoadedModel loaded = load_model(ModelFolder::find((t_ / "a/model").string()));
  EXPECT_EQ(loaded.model->architecture(), "GPT2LMHeadModel");
  EXPECT_TRUE(loaded.unused.empty());
  EXPECT_EQ(Tokenizer::from_folder(ModelFolder::find((t_ / "a/model").string()))->size(), 256);
  const RunMetrics metrics = read_metrics(t_ / "a", std::vector<std::string>{"loss_nats"});
  EXPECT_EQ(metrics.series.at("loss_nats").size(), 60u);
}

TEST_F(TrainerTest, StoppedAnywhereItEndsWithTheSameBits) {
  const std::string more = "ema = 0.9";
  go(causal("whole", more));
  const std::string model = bytes("whole/model/model.safetensors");
  for (const std::int64_t step : {1, 4, 5, 7, 11}) {
    SCOPED_TRACE(step);
    const std::string name = fmt::format("cut{}", step);
    stop_at(step, causal(name, more));
    const TrainResult r = go(causal(name, more));
    EXPECT_EQ(r.step, 12);
    EXPECT_EQ(bytes(name + "/model/model.safetensors"), model);
    const RunMetrics metrics = read_metrics(t_ / name, std::vector<std::string>{"loss_nats"});
    ASSERT_EQ(metrics.series.at("loss_nats").size(), 12u);
  }
  EXPECT_TRUE(go(causal("whole", more)).was_finished);
}

TEST_F(TrainerTest, FromAnOlderCheckpointItEndsWithTheSameBits) {
  go(causal("a"));
  const std::string model = bytes("a/model/model.safetensors");
  const Checkpoints kept(t_ / "a", 2);
  fs::remove(kept.path_of(12));  // what SIGKILL leaves
  fs::remove_all(t_ / "a/model");
  EXPECT_EQ(go(causal("a")).step, 12);
  EXPECT_EQ(bytes("a/model/model.safetensors"), model);
}

TEST_F(TrainerTest, TheSameBitsForAnyNumberOfThreads) {
  std::vector<std::string> models;
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    go(causal(fmt::format("t{}", threads)));
    models.push_back(bytes(fmt::format("t{}/model/model.safetensors", threads)));
  }
  set_thread_count(0);
  EXPECT_EQ(models[0], models[1]);
  EXPECT_EQ(models[0], models[2]);
}

// A product of bf16 numbers is off by 2^-8 of its terms at most; twelve steps of so small a model stay near.
TEST_F(TrainerTest, Bf16IsUsedWhereTheProcessorGainsByItAndSaysSo) {
  RunWatch plain, narrow;
  train(parse_recipe(causal("f32"), "a"), {.observer = &plain});
  const std::vector<std::string> bf16{"train.precision=\"bf16\""};
  train(parse_recipe(causal("bf16"), "b", bf16), {.observer = &narrow});
  ASSERT_EQ(narrow.steps.size(), plain.steps.size());
  const bool gains = multiplies_faster(Compute::kBF16);
  EXPECT_TRUE(std::any_of(narrow.messages.begin(), narrow.messages.end(), [&](const std::string& line) {
    return line.find(gains ? "products in bf16" : "computed in f32") != std::string::npos;
  }));
  bool is_same = true;
  for (std::size_t i = 0; i < plain.steps.size(); ++i) {
    EXPECT_NEAR(narrow.steps[i].loss_nats, plain.steps[i].loss_nats, gains ? 0.05 : 0) << i;
    is_same &= narrow.steps[i].loss_nats == plain.steps[i].loss_nats;
  }
  EXPECT_EQ(is_same, !gains);
}

TEST_F(TrainerTest, AccumulationAndPartsAreTheSameStepWithinRounding) {
  const auto losses = [&](const std::vector<std::string>& settings) {
    watch_.steps.clear();
    TrainOptions anew{.restart = true};
    go(causal("a", "batch_tokens = 0"), anew, settings);
    std::vector<double> out;
    for (const StepReport& step : watch_.steps) out.push_back(step.loss_nats);
    return out;
  };
  const std::vector<std::string> plain{"model.dropout=0", "data.shuffle=false", "train.batch_sequences=4"};
  const std::vector<double> whole = losses(plain);
  std::vector<std::string> split = plain, parts = plain;
  split.back() = "train.batch_sequences=2";
  split.emplace_back("train.accumulate=2");
  parts.emplace_back("train.part_tokens=16");
  for (const std::vector<double>& other : {losses(split), losses(parts)}) {
    ASSERT_EQ(other.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(other[i], whole[i], 1e-5 * whole[i]) << i;
  }
}

TEST_F(TrainerTest, AChangedRecipeIsRefusedAndNamed) {
  stop_at(5, causal("a"));
  expect_error(Errc::kData, "train.learning_rate: 0.01 before, 0.02 now",
               [&] { go(causal("a"), {}, {"train.learning_rate=0.02"}); });
  EXPECT_EQ(go(causal("a"), {}, {"output.save_every=3"}).step, 12);  // not a matter of what is learnt
  EXPECT_EQ(go(causal("a"), {.accept_changes = true}, {"train.steps=14"}).step, 14);
  EXPECT_EQ(go(causal("a"), {.restart = true}, {"train.learning_rate=0.02"}).step, 12);
}

TEST_F(TrainerTest, AnotherModelInTheSameFolderIsRefused) {
  stop_at(5, causal("a"));
  expect_error(Errc::kData, "other parameters",
               [&] { go(causal("a"), {.accept_changes = true}, {"model.config.n_layer=3"}); });
}

TEST_F(TrainerTest, ADamagedCheckpointIsNamed) {
  stop_at(5, causal("a"));
  const fs::path path = Checkpoints(t_ / "a", 2).path_of(5);
  const std::string whole = read_text(path);
  write_file(path, whole.substr(0, whole.size() / 2));
  expect_error(Errc::kFormat, path.string(), [&] { go(causal("a")); });
  write_file(path, "x");
  expect_error(Errc::kFormat, path.string(), [&] { go(causal("a")); });
}

TEST_F(TrainerTest, ALossThatIsNotFiniteStopsOrIsLeftOut) {
  const std::vector<std::string> wild{"train.learning_rate=1e30", "train.clip_norm=0",
                                      "train.warmup_steps=0"};
  expect_error(Errc::kData, "text.txt: line", [&] { go(causal("a"), {}, wild); });
  std::vector<std::string> skip = wild;
  skip.emplace_back("train.on_bad_loss=skip");
  watch_.messages.clear();
  EXPECT_EQ(go(causal("b"), {}, skip).step, 12);
  EXPECT_TRUE(std::any_of(watch_.messages.begin(), watch_.messages.end(), [](const std::string& line) {
    return line.find("skipped, the loss is") != std::string::npos;
  }));
}

TEST_F(TrainerTest, TwoRunsInOneFolderAreRefused) {
  watch_.at_step = [&](std::int64_t step) {
    if (step != 2) return;
    RunWatch other;
    expect_error(Errc::kIo, "another process trains in this folder",
                 [&] { go(causal("a"), {.observer = &other}); });
  };
  go(causal("a"));
}

TEST_F(TrainerTest, WhatDoesNotFitIntoMemoryIsRefusedBeforehand) {
  const std::vector<std::string> huge{"train.batch_sequences=10000000", "train.context_tokens=16"};
  expect_error(Errc::kLimit, "GiB are free", [&] { go(causal("a"), {}, huge); });
}

TEST_F(TrainerTest, ANewHeadIsMadeAndTheLabelsAreThoseOfTheData) {
  check::write_tiny_bert(t_ / "body", {.layers = 1});
  const TrainResult r = go(classes("a", "body"));
  EXPECT_EQ(r.step, 20);
  EXPECT_EQ(watch_.valids.size(), 4u);
  EXPECT_EQ(r.best_step > 0, true);
  const LoadedModel loaded = load_model(ModelFolder::find((t_ / "a/model").string()));
  EXPECT_EQ(loaded.model->architecture(), "BertForSequenceClassification");
  EXPECT_EQ(loaded.model->labels(), (std::vector<std::string>{"no", "yes"}));
}

TEST_F(TrainerTest, LabelsOfTheModelStayAndOtherOnesMakeTheHeadAnew) {
  check::write_tiny_bert(t_ / "three", {.architecture = "BertForSequenceClassification", .labels = 3});
  go(classes("a", "three", "", "labels = [\"no\", \"yes\"]"));
  const Safetensors file = Safetensors::open(t_ / "a/model/model.safetensors");
  const auto head =
      std::find_if(file.entries().begin(), file.entries().end(),
                   [](const SafetensorsEntry& entry) { return entry.name == "classifier.weight"; });
  ASSERT_NE(head, file.entries().end());
  EXPECT_EQ(head->shape, (Shape{2, 8}));
}

TEST_F(TrainerTest, FrozenParametersStayAsTheyWere) {
  check::write_tiny_bert(t_ / "body", {.layers = 2});
  go(classes("a", "body"), {}, {"model.freeze=[\"embeddings\", \"layer\\\\.0\"]"});
  const NamedTensors before = check::tiny_bert_tensors({.layers = 2});
  const Safetensors file = Safetensors::open(t_ / "a/model/model.safetensors");
  int frozen = 0, learnt = 0;
  for (const SafetensorsEntry& entry : file.entries()) {
    const auto it = before.find(entry.name.starts_with("bert.") ? entry.name.substr(5) : entry.name);
    const auto whole = before.find(entry.name);
    const Tensor* was = it != before.end() ? &it->second : whole != before.end() ? &whole->second : nullptr;
    if (was == nullptr) continue;
    const bool same = check::same_bits(*was, file.tensor(entry)).empty();
    const bool is_frozen =
        entry.name.find("embeddings") != std::string::npos || entry.name.find("layer.0") != std::string::npos;
    EXPECT_EQ(same, is_frozen) << entry.name;
    (is_frozen ? frozen : learnt)++;
  }
  EXPECT_GT(frozen, 10);
  EXPECT_GT(learnt, 10);
}

TEST_F(TrainerTest, ItStopsEarlyAndKeepsTheBest) {
  check::write_tiny_bert(t_ / "body", {.layers = 1});
  const TrainResult r =
      go(classes("a", "body", "patience = 2"), {}, {"train.steps=400", "train.learning_rate=0.3"});
  EXPECT_TRUE(r.stopped_early);
  EXPECT_LT(r.step, 400);
  EXPECT_EQ(r.step, r.best_step + 10);
  EXPECT_TRUE(fs::exists(t_ / "a/best/model.safetensors"));
  EXPECT_TRUE(go(classes("a", "body", "patience = 2"), {}, {"train.steps=400", "train.learning_rate=0.3"})
                  .was_finished);
}

TEST_F(TrainerTest, EpochsAreCountedInSteps) {
  check::write_tiny_bert(t_ / "body", {.layers = 1});
  std::string toml = classes("a", "body");
  toml.replace(toml.find("steps = 20"), 10, "epochs = 3");
  EXPECT_EQ(go(toml).step, 15);  // 40 rows in batches of 8
}

TEST_F(TrainerTest, WhatDoesNotGoTogetherIsSaidBeforeAnythingIsDone) {
  check::write_tiny_bert(t_ / "body", {.layers = 1});
  expect_error(Errc::kIo, "nowhere.txt", [&] { go(causal("a"), {}, {"data.train=nowhere.txt"}); });
  expect_error(Errc::kUnsupported, "model.family: found 'gpt3'",
               [&] { go(causal("a"), {}, {"model.family=gpt3"}); });
  expect_error(Errc::kData, "train.context_tokens: found 17, expected at most the 16",
               [&] { go(causal("a"), {}, {"train.context_tokens=17"}); });
  expect_error(Errc::kData, "model.tokenizer: found ids up to 255",
               [&] { go(causal("a"), {}, {"model.config.vocab_size=99"}); });
  expect_error(Errc::kUnsupported, "has no class ...ForTokenClassification", [&] {
    std::string toml = causal("a");
    toml.erase(toml.find("context_tokens = 16"), 19);
    go(toml, {}, {"objective.kind=tagging"});
  });
  expect_error(Errc::kData, "field 'nothing' is missing",
               [&] { go(classes("b", "body"), {}, {"data.text=nothing"}); });
  expect_error(Errc::kData, "found the label 'no', expected one of 2",
               [&] { go(classes("c", "body"), {}, {"data.labels=[\"maybe\", \"yes\"]"}); });
}

}  // namespace
}  // namespace lyceum
