#include "train/run/adapter_learning.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "formats/safetensors.h"
#include "nn/registry.h"
#include "train/run/checkpoints.h"
#include "train/run/learning.h"
#include "train/run/trainer.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;
using check::expect_error;
using check::write_file;

const fs::path kGolden = fs::path(LYCEUM_SOURCE_DIR) / "src/nn/golden/lora";

class Losses final : public TrainObserver {
 public:
  void on_step(const StepReport& report) override {
    losses.push_back(report.loss_nats);
    if (report.step == stop_at) request_interrupt();
  }
  void on_valid(const ValidReport& report) override { valid.push_back(report.loss_nats); }
  void on_message(std::string_view) override {}
  std::vector<double> losses, valid;
  std::int64_t stop_at = -1;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Ten steps of AdamW beside PEFT and PyTorch, from the same A: the reference's losses, to 1e-4 of each.
TEST(LoraTraining, HasTheLossesOfPeft) {
  const check::TemporaryFolder t;
  for (const std::string name : {"bert", "gpt2"}) {
    std::string toml = read_text(kGolden / name / "train.toml");
    toml = replaced(toml, "BASE", (kGolden / name / (name == "bert" ? "whole" : "base")).string());
    toml = replaced(toml, "DATA", (kGolden / name / (name == "bert" ? "rows.jsonl" : "text.txt")).string());
    toml = replaced(toml, "OUT", (t / name).string());
    Losses watch;
    train(parse_recipe(toml, "r.toml"), {.observer = &watch});
    const Json want = read_json(kGolden / name / "losses.json");
    ASSERT_EQ(watch.losses.size(), want["losses"].size());
    for (std::size_t i = 0; i < watch.losses.size(); ++i)
      EXPECT_NEAR(watch.losses[i], want["losses"][i].get<double>(), 1e-4 * want["losses"][i].get<double>())
          << name << " " << i;
    // and what is trained is what PEFT trains
    std::vector<std::string> ours, theirs;
    const Safetensors file = Safetensors::open(t / name / "adapter/adapter_model.safetensors");
    for (const SafetensorsEntry& e : file.entries()) ours.push_back(e.name);
    for (const Json& n : want["trained"])
      theirs.push_back(replaced(replaced(n.get<std::string>(), ".default", ""), ".modules_to_save", ""));
    std::sort(ours.begin(), ours.end());
    std::sort(theirs.begin(), theirs.end());
    EXPECT_EQ(ours, theirs) << name;
  }
}

// None of these recipes learns a vocabulary.
Learning begun(const Recipe& recipe) {
  return begin_learning(recipe, [] { return TokenizerFiles(); });
}

class LoraRun : public testing::Test {
 protected:
  LoraRun() {
    check::write_tiny_bert(t_ / "body", {.layers = 2});
    std::string rows;
    const std::vector<std::string> words{"the", "cat", "sat", "on", "mat"};
    for (std::size_t i = 0; i < 40; ++i)
      rows += fmt::format("{{\"text\":\"{} {} {}\",\"label\":\"{}\"}}\n", words[i % 5],
                          words[(i * 3 + 1) % 5], words[(i / 5) % 5], i % 5 < 2 ? "yes" : "no");
    write_file(t_ / "rows.jsonl", rows);
  }
  ~LoraRun() override { clear_interrupt(); }

  std::string recipe(const std::string& directory, const std::string& lora, const std::string& more = "",
                     const std::string& from = "body") const {
    return fmt::format(R"([model]
from = "{0}/{4}"
lora = {{ {2} }}
[data]
train = ["{0}/rows.jsonl"]
valid = ["{0}/rows.jsonl"]
[objective]
kind = "classification"
[train]
steps = 12
batch_sequences = 8
learning_rate = 2e-2
valid_every = 12
seed = 1
{3}
[output]
directory = "{0}/{1}"
save_every = 5
)",
                       t_.path().string(), directory, lora, more, from);
  }
  TrainResult go(const std::string& toml, TrainOptions options = {}) {
    watch_.losses.clear();
    options.observer = &watch_;
    return train(parse_recipe(toml, "r.toml"), options);
  }
  std::string adapter(const std::string& run) const {
    return read_text(t_ / run / "adapter/adapter_model.safetensors");
  }
  check::TemporaryFolder t_;
  Losses watch_;
};

constexpr const char* kUsual =
    R"(rank = 2, alpha = 4, dropout = 0.2, targets = ["query", "value", "intermediate.dense"])";

TEST_F(LoraRun, LeavesAnAdapterThatLoadsWhereverAModelDoes) {
  go(recipe("a", kUsual), {});
  EXPECT_FALSE(fs::exists(t_ / "a/model"));
  const ModelFolder folder = ModelFolder::find((t_ / "a/adapter").string());
  ASSERT_NE(folder.adapter(), nullptr);
  EXPECT_EQ(folder.adapter()->base, fs::canonical(t_ / "body").string());
  EXPECT_EQ(folder.adapter()->task, "SEQ_CLS");
  EXPECT_EQ(folder.adapter()->saved_modules, (std::vector<std::string>{"classifier"}));
  const LoadedModel loaded = load_model(folder);
  EXPECT_EQ(loaded.model->architecture(), "BertForSequenceClassification");
  EXPECT_EQ(loaded.model->labels(), (std::vector<std::string>{"no", "yes"}));
  // what was judged at the end, unmerged, is what is loaded
  const Recipe again = parse_recipe(recipe("b", "targets = [\"query\"]", "", "a/adapter"), "r.toml");
  Recipe whole = again;
  whole.model.lora.reset();
  const Learning learning = begun(whole);
  const auto batches = validation_batches(whole, learning);
  Judgement judgement;
  for (Batch batch; batches->next(batch);)
    learning.objective->judge(learning.learner(), batch.examples, judgement);
  EXPECT_NEAR(judgement.losses.at(0) / judgement.counts.at(0), watch_.valid.back(), 1e-5);
  // but no adapter over an adapter
  expect_error(Errc::kUnsupported, "found the adapter", [&] { begun(again); });
}

TEST_F(LoraRun, KeepsGradientsStateAndCheckpointsOfTheAdapterOnly) {
  go(recipe("a", kUsual));
  const SavedRun run = *Checkpoints(t_ / "a", 2).newest();
  for (const auto& [name, tensor] : run.tensors)
    EXPECT_TRUE(name.find("lora_") != std::string::npos || name.find("classifier") != std::string::npos ||
                name == "optimizer.step")
        << name;
  EXPECT_TRUE(
      run.tensors.contains("model.base_model.model.bert.encoder.layer.1.attention.self.value.lora_B.weight"));
}

TEST_F(LoraRun, BeginsAsTheModelItself) {
  const Recipe recipe_ = parse_recipe(recipe("a", kUsual), "r.toml");
  const Learning learning = begun(recipe_);
  EXPECT_EQ(learning.adapters->weights.size(), 12u);
  for (std::size_t i = 0; i < learning.adapters->weights.size(); ++i) {
    const Tensor value = learning.adapters->weights[i]->f32();
    float most = 0;
    for (const float v : value.values<float>()) most = std::max(most, std::abs(v));
    if (i % 2 == 1) {
      EXPECT_EQ(most, 0) << i;  // B
    } else {
      EXPECT_TRUE(most > 0.1f && most <= 1 / std::sqrt(static_cast<float>(value.cols()))) << most;
    }
  }
  EXPECT_EQ(learning.trained.size(), 14u);
}

TEST_F(LoraRun, StoppedAnywhereAndWithAnyThreadsItEndsWithTheSameBits) {
  for (const std::string base : {"f32", "int8"}) {
    const std::string lora = fmt::format("{}, base = \"{}\"", kUsual, base);
    set_thread_count(1);
    go(recipe("whole" + base, lora));
    const std::string whole = adapter("whole" + base);
    for (const std::int64_t step : {1, 5, 7}) {
      const std::string name = fmt::format("cut{}{}", step, base);
      set_thread_count(static_cast<int>(step % 3) + 1);
      watch_.stop_at = step;
      expect_error(Errc::kInterrupted, "stopped after step", [&] { go(recipe(name, lora)); });
      clear_interrupt();
      watch_.stop_at = -1;
      EXPECT_EQ(go(recipe(name, lora)).step, 12);
      EXPECT_TRUE(adapter(name) == whole) << name;
    }
  }
  set_thread_count(0);
}

TEST_F(LoraRun, LayersThatAreComputedAgainAndPartsDropTheSame) {
  go(recipe("a", kUsual));
  go(recipe("b", kUsual, "recompute_layers = true"));
  EXPECT_TRUE(adapter("a") == adapter("b"));
  const std::vector<double> losses = watch_.losses;
  go(recipe("c", kUsual, "part_tokens = 12"));
  ASSERT_EQ(watch_.losses.size(), losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(watch_.losses[i], losses[i], 2e-5 * losses[i]) << i;
  go(recipe("d", R"(rank = 2, alpha = 4, targets = ["query", "value", "intermediate.dense"])"));
  EXPECT_NE(watch_.losses[3], losses[3]);  // dropout changes something
}

TEST_F(LoraRun, OverInt8LearnsWithTheBaseInBytes) {
  const Recipe r = parse_recipe(recipe("a", std::string(kUsual) + ", base = \"int8\""), "r.toml");
  const Learning learning = begun(r);
  for (const WeightPtr& weight : learning.loaded.model->int8_weights()) EXPECT_TRUE(weight->is_quantized());
  go(recipe("a", std::string(kUsual) + ", base = \"int8\"", "epochs = 0"));
  const std::vector<double> narrow = watch_.losses;
  go(recipe("b", kUsual));
  EXPECT_NE(narrow[0], watch_.losses[0]);
  for (std::size_t i = 0; i < narrow.size(); ++i) EXPECT_NEAR(narrow[i], watch_.losses[i], 0.05) << i;
  load_model(ModelFolder::find((t_ / "a/adapter").string()), Compute::kInt8);
}

TEST_F(LoraRun, AllLinearIsEveryMatrixOfTheLayers) {
  const Learning learning = begun(parse_recipe(recipe("a", "rank = 1"), "r.toml"));
  EXPECT_EQ(learning.adapters->weights.size(), 2u * 2 * 6);
  EXPECT_EQ(learning.adapters->config.targets.front(), "bert.encoder.layer.0.attention.self.query");
  const Learning more = begun(parse_recipe(
      recipe("a",
             R"(rank = 1, rslora = true, targets = ["query"], modules_to_save = ["pooler", "LayerNorm"])"),
      "r.toml"));
  EXPECT_EQ(more.adapters->whole.size(), 2u + 2 + 2 * (1 + 2 * 2));  // classifier, pooler, five norms
  EXPECT_EQ(more.adapters->config.scale_of("x"), 8.0);
}

TEST_F(LoraRun, WhatDoesNotGoTogetherIsNamed) {
  const auto begin = [&](const std::string& lora, const std::string& more = "") {
    return [this, lora, more] { begun(parse_recipe(recipe("a", lora, more), "r.toml")); };
  };
  expect_error(Errc::kData,
               "model.lora.targets: 'quary' names no linear layer of BertForSequenceClassification",
               begin("targets = [\"quary\"]"));
  expect_error(Errc::kData, "model.lora.targets: 'word_embeddings'",
               begin("targets = [\"word_embeddings\"]"));
  expect_error(Errc::kData, "model.lora.modules_to_save: 'hat' names no module",
               begin("modules_to_save = [\"hat\"]"));
  expect_error(Errc::kData, "not trained in full", begin("targets = [\"classifier\"]"));
  expect_error(Errc::kData, "cannot be in int8",
               begin("targets = [\"query\"], base = \"int8\", modules_to_save = [\"value\"]"));
  expect_error(Errc::kFormat, "'model.lora.rank': found 0", begin("rank = 0"));
  expect_error(Errc::kFormat, "'model.lora.alpha'", begin("alpha = nan"));
  expect_error(Errc::kFormat, "'model.lora.base': found \"int4\"", begin("base = \"int4\""));
  expect_error(Errc::kFormat, "'model.lora.rang': no such setting", begin("rang = 3"));
  const auto parsed = [](const std::string& text) { return [text] { parse_recipe(text, "r.toml"); }; };
  expect_error(Errc::kFormat, "adapters need 'model.from'",
               parsed("[model]\nfamily = \"gpt2\"\ntokenizer = \"bytes\"\nlora = { rank = 2 }\n"));
  expect_error(Errc::kFormat, "'model.lora': found 4, expected a table",
               parsed("[model]\nfrom = \"x\"\nlora = 4\n"));
}

// --- multiple choice, in full and with an adapter

TEST_F(LoraRun, MultipleChoiceIsLearntAndLoads) {
  std::string rows;
  const std::vector<std::string> words{"the", "cat", "sat", "on", "mat"};
  for (std::size_t i = 0; i < 40; ++i)
    rows += fmt::format(R"({{"question":"{}","choices":["{}","{}"],"label":{}}})"
                        "\n",
                        words[i % 5], i % 2 == 0 ? "cat cat" : "mat", i % 2 == 0 ? "mat" : "cat cat", i % 2);
  write_file(t_ / "choices.jsonl", rows);
  for (const std::string lora : {"", "lora = { rank = 2, targets = [\"query\"] }\n"}) {
    std::string toml = replaced(recipe("m", "X"), "lora = { X }\n", lora);
    toml = replaced(replaced(toml, "rows.jsonl", "choices.jsonl"), "classification", "multiple_choice");
    const TrainResult r = go(replaced(toml, "steps = 12", "steps = 40"), {.restart = true});
    EXPECT_LT(r.loss_nats, 0.45) << lora;  // log 2 is a guess
    const auto model =
        load_model(ModelFolder::find((t_ / "m" / (lora.empty() ? "model" : "adapter")).string())).model;
    EXPECT_EQ(model->architecture(), "BertForMultipleChoice");
    EXPECT_EQ(model->head(), Head::kChoices);
  }
}

}  // namespace
}  // namespace lyceum
