// Recipes that have a vocabulary learnt: what lies in the run's folder, what the model gets, and what is
// refused when a run goes on.
#include "train/run/run_tokenizer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "nn/registry.h"
#include "ranks/ranks.h"
#include "text/tokenizer.h"
#include "train/run/trainer.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

using check::expect_error;
using check::write_file;
using Settings = std::vector<std::string>;

class StoppingWatch final : public TrainObserver {
 public:
  void on_step(const StepReport& report) override {
    if (report.step == stop_after) request_interrupt();
  }
  void on_valid(const ValidReport&) override {}
  void on_message(std::string_view line) override { messages += std::string(line) + "\n"; }
  std::string messages;
  std::int64_t stop_after = 0;
};

class RunTokenizer : public testing::Test {
 protected:
  RunTokenizer() {
    std::string text;
    for (int i = 0; i < 200; ++i)
      text += fmt::format("Reading line {} of a small text that repeats itself.\n", i % 17);
    write_file(t_ / "text.txt", text);
    write_file(t_ / "words.txt", text);
  }
  ~RunTokenizer() override { clear_interrupt(); }

  std::string recipe(const std::string& directory, const std::string& tokenizer, const std::string& kind,
                     const std::string& model) const {
    return fmt::format(R"([model]
{3}
tokenizer = {{ {1}, train_on = ["words.txt"] }}
[data]
folder = "{0}"
train = ["text.txt"]
separator = "\n"
[objective]
kind = "{4}"
[train]
steps = 6
batch_sequences = 3
context_tokens = 16
learning_rate = 1e-2
[output]
directory = "{0}/{2}"
save_every = 2
)",
                       t_.path().string(), tokenizer, directory, model, kind);
  }
  std::string masked(const std::string& directory, int size = 80) const {
    return recipe(directory, fmt::format("kind = \"wordpiece\", vocab_size = {}, max_length = 16", size),
                  "masked_lm",
                  "family = \"bert\"\nconfig = { hidden_size = 8, num_hidden_layers = 1, "
                  "num_attention_heads = 2, intermediate_size = 16, max_position_embeddings = 16 }");
  }
  TrainResult go(const std::string& toml, TrainOptions options = {}, const Settings& settings = {}) {
    watch_.messages.clear();
    options.observer = &watch_;
    return train(parse_recipe(toml, "r.toml", settings), options);
  }
  void stop_at(std::int64_t step, const std::string& toml) {
    watch_.stop_after = step;
    expect_error(Errc::kInterrupted, fmt::format("stopped after step {}", step), [&] { go(toml); });
    clear_interrupt();
    watch_.stop_after = 0;
  }
  std::string bytes(const fs::path& relative) const { return read_text(t_ / relative); }
  Json config(const std::string& directory) const {
    return read_json(t_ / (directory + "/model/config.json"));
  }

  check::TemporaryFolder t_;
  StoppingWatch watch_;
};

TEST_F(RunTokenizer, IsWhatTrainTokenizerLearnsAndTheModelHasIt) {
  EXPECT_EQ(go(masked("a")).step, 6);
  const TrainedTokenizer alone =
      train_tokenizer(std::vector<fs::path>{t_ / "words.txt"},
                      {.kind = VocabularyKind::kWordPiece, .vocabulary_size = 80, .model_max_length = 16});
  for (const char* folder : {"a/tokenizer", "a/model"}) {
    EXPECT_EQ(bytes(fs::path(folder) / "tokenizer.json"), alone.tokenizer_json);
    EXPECT_EQ(bytes(fs::path(folder) / "tokenizer_config.json"), alone.tokenizer_config_json);
  }
  EXPECT_FALSE(fs::exists(t_ / "a/model/learnt.json"));
  EXPECT_NE(watch_.messages.find("learning 80 tokens from 1 file\n"), std::string::npos) << watch_.messages;

  const ModelFolder folder = ModelFolder::find((t_ / "a/model").string());
  const auto tokenizer = Tokenizer::from_folder(folder);
  EXPECT_EQ(config("a").at("vocab_size"), tokenizer->size());
  EXPECT_EQ(tokenizer->size(), 80);
  EXPECT_EQ(config("a").at("pad_token_id"), 0);
  EXPECT_EQ(load_model(folder).model->vocabulary(), 80);
  EXPECT_EQ(tokenizer->encode("reading").ids,
            Tokenizer::from_json(alone.tokenizer_json, "t")->encode("reading").ids);
}

TEST_F(RunTokenizer, SpecialTokensStandInTheConfigurationWhereTheRecipeDoesNotSayThem) {
  const std::string bpe = "kind = \"bpe\", vocab_size = 280";
  go(recipe("roberta", bpe, "masked_lm",
            "family = \"roberta\"\nconfig = { hidden_size = 8, num_hidden_layers = 1, num_attention_heads = "
            "2, intermediate_size = 16, max_position_embeddings = 18, type_vocab_size = 1 }"));
  EXPECT_EQ(config("roberta").at("bos_token_id"), 0);
  EXPECT_EQ(config("roberta").at("pad_token_id"), 1);
  EXPECT_EQ(config("roberta").at("eos_token_id"), 2);
  EXPECT_EQ(config("roberta").at("vocab_size"), 280);
  go(recipe("gpt2", bpe, "causal_lm",
            "family = \"gpt2\"\nconfig = { n_layer = 1, n_embd = 8, n_head = 2, n_positions = 16, "
            "vocab_size = 300, eos_token_id = 7 }"));
  EXPECT_EQ(config("gpt2").at("bos_token_id"), 0);
  EXPECT_EQ(config("gpt2").at("eos_token_id"), 7);
  EXPECT_EQ(config("gpt2").at("vocab_size"), 300);  // rows to spare, as the recipe says
}

TEST_F(RunTokenizer, ARunThatGoesOnReadsItAndEndsWithTheSameBits) {
  go(masked("whole"));
  stop_at(3, masked("cut"));
  fs::remove(t_ / "words.txt");  // nothing is learnt again
  EXPECT_EQ(go(masked("cut")).step, 6);
  EXPECT_EQ(watch_.messages.find("model.tokenizer"), std::string::npos) << watch_.messages;
  EXPECT_EQ(bytes("cut/model/model.safetensors"), bytes("whole/model/model.safetensors"));
  EXPECT_EQ(bytes("cut/model/tokenizer.json"), bytes("whole/model/tokenizer.json"));
}

TEST_F(RunTokenizer, AChangedSettingIsRefusedAndNamed) {
  stop_at(3, masked("a"));
  const std::string before = bytes("a/tokenizer/tokenizer.json");
  for (const bool accept : {false, true})  // no weights fit another vocabulary
    expect_error(Errc::kData, "model.tokenizer.vocab_size: 80 before, 70 now. Fix: the settings of then",
                 [&] { go(masked("a", 70), {.accept_changes = accept}); });
  EXPECT_EQ(bytes("a/tokenizer/tokenizer.json"), before);
  go(masked("a", 70), {.restart = true});
  EXPECT_EQ(config("a").at("vocab_size"), 70);
}

TEST_F(RunTokenizer, WithoutACheckpointItIsLearntAnew) {
  const Recipe first = parse_recipe(masked("a"), "r.toml"), second = parse_recipe(masked("a", 70), "r.toml");
  Ranks alone;
  const auto learn = [&](const Recipe& recipe, bool has_begun) {
    return run_tokenizer(recipe, {.has_begun = has_begun, .ranks = alone, .say = [](const std::string&) {}});
  };
  const TokenizerFiles larger = learn(first, false), smaller = learn(second, false);
  EXPECT_NE(larger.tokenizer_json, smaller.tokenizer_json);
  EXPECT_EQ(bytes("a/tokenizer/tokenizer.json"), smaller.tokenizer_json);
  EXPECT_EQ(learn(second, true).tokenizer_json, smaller.tokenizer_json);
}

TEST_F(RunTokenizer, WhereTheDataLiesMayChange) {
  stop_at(3, masked("a"));
  fs::create_directories(t_ / "elsewhere");
  fs::rename(t_ / "text.txt", t_ / "elsewhere/text.txt");
  EXPECT_EQ(go(masked("a"), {}, {"data.folder=" + (t_ / "elsewhere").string()}).step, 6);
}

TEST_F(RunTokenizer, DamagedFilesOfARunAreNamed) {
  stop_at(3, masked("a"));
  const auto broken = [&](const char* name, const std::string& instead, Errc code, const std::string& part) {
    SCOPED_TRACE(std::string(name) + ": " + instead.substr(0, 40));
    const fs::path path = t_ / "a/tokenizer" / name;
    const std::string good = read_text(path);
    write_file(path, instead);
    expect_error(code, part, [&] { go(masked("a")); });
    write_file(path, good);
  };
  const std::string json = bytes("a/tokenizer/tokenizer.json"), learnt = bytes("a/tokenizer/learnt.json");
  broken("tokenizer.json", json.substr(0, json.size() / 2), Errc::kData, "found other bytes than the run");
  broken("tokenizer.json", "", Errc::kData, "tokenizer.json: found other bytes");
  broken("tokenizer_config.json", "{}", Errc::kData, "tokenizer_config.json: found other bytes");
  broken("learnt.json", "", Errc::kFormat, "learnt.json");
  broken("learnt.json", "[]", Errc::kFormat, "learnt.json");
  broken("learnt.json", std::string(64, '\0'), Errc::kFormat, "learnt.json");
  broken("learnt.json", R"({"version":2})", Errc::kUnsupported, "found version 2 of a learnt tokenizer");
  broken("learnt.json", R"({"version":1,"settings":{"a":1},"sha256":{}})", Errc::kFormat, "'a'");
  broken("learnt.json", std::string(learnt).replace(learnt.find("sha256"), 6, "sha257"), Errc::kFormat,
         "sha256");
  fs::remove_all(t_ / "a/tokenizer");
  expect_error(Errc::kIo, "learnt.json: is missing, expected the tokenizer that this run has learnt with",
               [&] { go(masked("a")); });
  EXPECT_EQ(go(masked("a"), {.restart = true}).step, 6);
}

TEST_F(RunTokenizer, WhatCannotBeLearntFromIsSaidAndLeavesNothing) {
  const auto refused = [&](Errc code, const std::string& part, const Settings& settings) {
    SCOPED_TRACE(settings[0]);
    expect_error(code, part, [&] { go(masked("b"), {}, settings); });
    EXPECT_FALSE(fs::exists(t_ / "b/tokenizer"));
    EXPECT_FALSE(fs::exists(t_ / "b/tokenizer.part"));
    EXPECT_FALSE(fs::exists(t_ / "b/metrics.jsonl"));
  };
  write_file(t_ / "empty.txt", "");
  write_file(t_ / "rows.tsv", "text\nwords\n");
  write_file(t_ / "rows.csv", "text\nwords\n");
  write_file(t_ / "bad.jsonl", "{\"text\":\"fine\"}\n{\"text\":3}\n");
  write_file(t_ / "cut.txt.zst", std::string("\x28\xB5\x2F\xFD\x04\x00", 6));
  refused(Errc::kIo, "nowhere.txt", {"model.tokenizer.train_on=nowhere.txt"});
  refused(Errc::kData, "found no word", {"model.tokenizer.train_on=empty.txt"});
  refused(Errc::kUnsupported, "rows.tsv: found .tsv, expected texts or .jsonl",
          {"model.tokenizer.train_on=rows.tsv"});
  refused(Errc::kUnsupported, "rows.csv", {"model.tokenizer.train_on=rows.csv"});
  refused(Errc::kFormat, "bad.jsonl: line 2", {"model.tokenizer.train_on=bad.jsonl"});
  refused(Errc::kFormat, "cut.txt.zst", {"model.tokenizer.train_on=cut.txt.zst"});
  refused(Errc::kUsage, "special tokens", {"model.tokenizer.vocab_size=10"});
  // What is wrong without a vocabulary comes first.
  refused(Errc::kUnsupported, "model.family: found 'bart'", {"model.family=bart"});
  refused(Errc::kIo, "nothing.txt", {"data.train=nothing.txt"});
}

}  // namespace
}  // namespace lyceum
