#include "train/recipe/recipe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "train/recipe/settings.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::string kGood = R"([model]
family = "gpt2"
config = { n_layer = 2, n_embd = 8, n_head = 2 }
tokenizer = "bytes"
[data]
train = ["a.txt"]
[objective]
kind = "causal_lm"
[train]
steps = 10
learning_rate = 1e-3
[output]
directory = "run"
)";

Recipe parse(const std::string& text, const std::vector<std::string>& arguments = {}) {
  return parse_recipe(text, "r.toml", arguments);
}
// The good recipe with one line in the place of another.
std::string with(const std::string& line, const std::string& instead) {
  std::string text = kGood;
  const std::size_t at = text.find(line);
  EXPECT_NE(at, std::string::npos) << line;
  return text.replace(at, line.size(), instead);
}

TEST(Recipe, SaysWhatIsTrainedAndHow) {
  const Recipe r = parse(kGood);
  EXPECT_EQ(r.model.family, "gpt2");
  EXPECT_EQ(r.model.config, R"({"n_embd":8,"n_head":2,"n_layer":2})");
  EXPECT_EQ(r.objective.kind, ObjectiveKind::kCausalLm);
  EXPECT_EQ(r.train.steps, 10);
  EXPECT_EQ(r.train.learning_rate, 1e-3);
  EXPECT_EQ(r.train.schedule.kind, ScheduleKind::kConstant);
  EXPECT_EQ(r.train.clip_norm, 0);
  EXPECT_FALSE(r.model.dropout.has_value());
}

TEST(Recipe, DefaultsArePyTorchs) {
  const Recipe r = parse(with("learning_rate = 1e-3", ""));
  EXPECT_EQ(r.train.learning_rate, 3e-4);  // ours
  EXPECT_EQ(r.train.weight_decay, 0.01);
  EXPECT_EQ(r.train.optimizer.kind, OptimizerKind::kAdamW);
  EXPECT_EQ(r.train.optimizer.beta1, 0.9);
  EXPECT_EQ(r.train.optimizer.beta2, 0.999);
  EXPECT_EQ(r.train.optimizer.epsilon, 1e-8);
  EXPECT_EQ(r.train.accumulate, 1);
  EXPECT_TRUE(r.data.shuffle);
  EXPECT_FALSE(parse(kGood, {"data.shuffle=false"}).data.shuffle);
  EXPECT_FALSE(r.output.keep_best);
  const Recipe early = parse(kGood, {"data.valid=v.txt", "train.valid_every=5", "train.patience=2"});
  EXPECT_TRUE(early.output.keep_best);
}

TEST(Recipe, WhatIsResolvedIsTheSameRecipe) {
  const Recipe r = parse(kGood, {"train.schedule=cosine", "train.warmup_steps=3", "model.dropout=0.25"});
  std::string text = r.resolved;
  // both of a pair of which one is wanted are written out, the other as nothing
  const Recipe again = parse_recipe(text, "resolved");
  EXPECT_EQ(again.values, r.values);
  EXPECT_EQ(again.resolved, text);
}

TEST(Recipe, ArgumentsStandOverTheFile) {
  const Recipe r = parse(kGood, {"train.steps=7", "data.train=b.txt", "train.betas=[0.8, 0.95]",
                                 "model.config.n_layer=5", "output.directory=some where"});
  EXPECT_EQ(r.train.steps, 7);
  EXPECT_EQ(r.data.train, std::vector<std::string>{"b.txt"});
  EXPECT_EQ(r.train.optimizer.beta1, 0.8);
  EXPECT_EQ(r.train.optimizer.beta2, 0.95);
  EXPECT_NE(r.model.config.find(R"("n_layer":5)"), std::string::npos);
  EXPECT_EQ(r.output.directory, "some where");
}

TEST(Recipe, AVocabularyToBeLearntHasDefaultsByItsKindAndTheObjective) {
  const std::string table = "tokenizer = { kind = \"bpe\", vocab_size = 300 }";
  Recipe r = parse(with("tokenizer = \"bytes\"", table));
  ASSERT_TRUE(r.model.new_tokenizer.has_value());
  EXPECT_EQ(r.model.new_tokenizer->train_on, std::vector<std::string>{"a.txt"});  // what is learnt from
  EXPECT_EQ(r.model.new_tokenizer->training.around, TextTemplate::kNone);
  EXPECT_EQ(r.model.new_tokenizer->training.lowercase, false);
  const Recipe again = parse_recipe(r.resolved, "resolved");
  EXPECT_EQ(again.values, r.values);
  EXPECT_EQ(again.resolved, r.resolved);
  EXPECT_EQ(r.values.at("model.tokenizer.template"), "\"none\"");
  r = parse(with("tokenizer = \"bytes\"", table), {"objective.kind=masked_lm"});
  EXPECT_EQ(r.model.new_tokenizer->training.around, TextTemplate::kRoberta);
  r = parse(with("tokenizer = \"bytes\"", table),
            {"objective.kind=masked_lm", "model.tokenizer.kind=wordpiece", "model.tokenizer.train_on=b.txt"});
  EXPECT_EQ(r.model.new_tokenizer->training.around, TextTemplate::kBert);
  EXPECT_EQ(r.model.new_tokenizer->training.lowercase, true);
  EXPECT_EQ(r.model.new_tokenizer->train_on, std::vector<std::string>{"b.txt"});
  expect_error(Errc::kFormat, "has learnt with its own vocabulary", [&] {
    std::string text = with("tokenizer = \"bytes\"", table);
    text.replace(text.find("family = \"gpt2\"\nconfig = { n_layer = 2, n_embd = 8, n_head = 2 }"), 64,
                 "from = \"x\"");
    parse(text);
  });
}

TEST(Recipe, RelativePathsOfDataBeginAtTheFolder) {
  const Recipe r = parse(with("train = [\"a.txt\"]", "train = [\"a.txt\", \"/b.txt\"]\nvalid = \"c/*.txt\""),
                         {"data.folder=some where"});
  EXPECT_EQ(r.data.train, (std::vector<std::string>{"some where/a.txt", "/b.txt"}));
  EXPECT_EQ(r.data.valid, std::vector<std::string>{"some where/c/*.txt"});
  EXPECT_EQ(r.values.at("data.train"), "[\"a.txt\", \"/b.txt\"]");  // the same wherever the data lies
}

struct Bad {
  std::string line, instead, part;  // what the message says
};
const Bad kBad[] = {
    {"steps = 10", "stpes = 10",
     "'train.steps': expected either 'train.steps' or 'train.epochs', at least 1. There is "
     "'train.stpes': is that meant?"},
    {"steps = 10", "steps = 10\nsed = 1",
     "r.toml: line 11: 'train.sed': no such setting here; the nearest is 'train.seed'"},
    {"steps = 10", "", "expected either 'train.steps' or 'train.epochs'"},
    {"steps = 10", "steps = 10\nepochs = 2", "expected either 'train.steps' or 'train.epochs'"},
    {"steps = 10", "steps = -1", "'train.steps': found -1, expected a whole number from 0"},
    {"steps = 10", "steps = 1.5", "'train.steps': found 1.5, expected a whole number"},
    {"steps = 10", "steps = \"ten\"", "'train.steps': found \"ten\", expected a whole number"},
    {"steps = 10", "steps = 10\nbatch_sequences = 0",
     "either 'train.batch_sequences' or 'train.batch_tokens'"},
    {"steps = 10", "steps = 10\nbatch_sequences = 4\nbatch_tokens = 64", "either 'train.batch_sequences'"},
    {"steps = 10", "steps = 10\noptimizer = \"adamv\"",
     "one of adamw, adam, adafactor, sgd, lamb; the nearest is 'adam"},
    {"steps = 10", "steps = 10\nbetas = [0.9]", "expected a list of 2 numbers"},
    {"steps = 10", "steps = 10\nbetas = [0.9, 1.0]", "two numbers from 0 to below 1"},
    {"steps = 10", "steps = 10\nmomentum = 0.9", "'train.momentum': no such setting here"},
    {"steps = 10", "steps = 10\noptimizer = \"sgd\"\nnesterov = true", "needs a momentum"},
    {"steps = 10", "steps = 10\nschedule = \"cos\"", "the nearest is 'cosine'"},
    {"steps = 10", "steps = 10\nwarmup_steps = 2\nwarmup_ratio = 0.1", "either 'train.warmup_steps' or"},
    {"steps = 10", "steps = 10\nwarmup_ratio = 2", "expected a number from 0 to 1"},
    {"steps = 10", "steps = 10\nwarmup_steps = 11", "expected at most the 10 steps of the run"},
    {"steps = 10", "steps = 10\nschedule = \"wsd\"\nwarmup_steps = 4\ndecay_steps = 7",
     "'train.schedule': schedule: found decay_steps = 7, expected at most the 6 steps after the warm-up"},
    {"steps = 10", "epochs = 10\nschedule = \"inverse_sqrt\"", "found no warmup_steps"},
    {"steps = 10", "steps = 10\nprecision = \"f16\"", "one of f32, bf16"},
    {"steps = 10", "steps = 10\nvalid_every = 5", "'data.valid': found nothing, expected the files"},
    {"steps = 10", "steps = 10\npatience = 5", "early stopping needs 'train.valid_every'"},
    {"learning_rate = 1e-3", "learning_rate = nan", "'train.learning_rate': found nan"},
    {"learning_rate = 1e-3", "learning_rate = -1", "expected a number from 0"},
    {"learning_rate = 1e-3", "learning_rate = [1]", "'train.learning_rate': found [1]"},
    {"kind = \"causal_lm\"", "kind = \"causal\"", "the nearest is 'causal_lm'"},
    {"kind = \"causal_lm\"", "", "'objective.kind': found nothing"},
    {"kind = \"causal_lm\"", "kind = \"causal_lm\"\nshare = 0.1", "'objective.share': no such setting here"},
    {"kind = \"causal_lm\"", "kind = \"masked_lm\"\nnext_sentence = true",
     "needs objective.blocks = \"pairs\""},
    {"kind = \"causal_lm\"", "kind = \"masked_lm\"\nmasked = 0.9\nrandom = 0.2", "more than 1 together"},
    {"family = \"gpt2\"", "", "'model.from', a model to go on from, or 'model.family'"},
    {"family = \"gpt2\"", "family = \"gpt2\"\nfrom = \"x\"", "expected either 'model.from'"},
    {"config = {", "config = 3 #", "'model.config': found 3, expected a table"},
    {"tokenizer = \"bytes\"", "", "'model.tokenizer': found nothing, expected \"bytes\""},
    {"tokenizer = \"bytes\"", "tokenizer = \"bytes\"\nfreeze = \"(\"", "'(' is no regular expression"},
    {"tokenizer = \"bytes\"", "tokenizer = \"bytes\"\ndropout = 1",
     "'model.dropout': found 1, expected a number"},
    {"tokenizer = \"bytes\"", "tokenizer = { vocab_size = 300 }",
     "'model.tokenizer.kind': found nothing, expected \"bpe\" or \"wordpiece\""},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bqe\", vocab_size = 300 }", "the nearest is 'bpe'"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\" }",
     "'model.tokenizer.vocab_size': found nothing, expected how many"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\", vocab_size = 0 }",
     "'model.tokenizer.vocab_size': found 0"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\", vocab_size = 300, train_on = [] }",
     "'model.tokenizer.train_on': found []"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\", vocab_size = 300, template = \"bert\" }",
     "found the template bert for BPE"},
    {"tokenizer = \"bytes\"",
     "tokenizer = { kind = \"wordpiece\", vocab_size = 300, template = \"bert\", special = [\"[UNK]\"] }",
     "the special token '[CLS]' is missing"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\", vocab_size = 300, special = [\"a\", \"a\"] }",
     "found the special token 'a' twice"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\", vocab_size = 300, limit_alphabet = 9 }",
     "'model.tokenizer.limit_alphabet': no such setting here"},
    {"tokenizer = \"bytes\"", "tokenizer = { kind = \"bpe\", vocab_sise = 300 }",
     "There is 'model.tokenizer.vocab_sise': is that meant?"},
    {"train = [\"a.txt\"]", "train = []", "'data.train': found [], expected the files"},
    {"train = [\"a.txt\"]", "train = [1]", "'data.train': found [1], expected a list of texts"},
    {"train = [\"a.txt\"]", "train = [\"a.txt\"]\nlabels = [\"x\"]", "'data.labels': no such setting here"},
    {"directory = \"run\"", "", "'output.directory': found nothing, expected a text"},
    {"[output]", "[outputs]",
     "'output.directory': found nothing, expected a text in quotes. There is 'outputs'"},
    {"[train]", "[train", "r.toml: line 9"},
    {"[train]", "[[[train]]]", "r.toml: line 9, column 3"},
    {"[train]", "[=", "r.toml: line 9, column 2"},
    {"[train]", "[train]\nsteps = 3", "r.toml: line 11"},
};

TEST(Recipe, BadOnesAreNamedByPlaceAndReason) {
  for (const Bad& bad : kBad) {
    SCOPED_TRACE(bad.instead);
    expect_error(Errc::kFormat, bad.part, [&] { parse(with(bad.line, bad.instead)); });
  }
}

TEST(Recipe, HostileOnesAreAnsweredQuickly) {
  std::string many = "[model]\n", pattern(100'000, '(');
  for (int i = 0; i < 5'000; ++i) many += fmt::format("k{} = 1\n", i);
  expect_error(Errc::kFormat, "and 4980 more", [&] { parse(with("[model]", many)); });
  expect_error(Errc::kFormat, "no such setting here",
               [&] { parse(with("[output]", "[output]\n" + std::string(1 << 19, 'x') + " = 1")); });
  expect_error(Errc::kFormat, "found an expression of 100000 bytes, expected at most 512", [&] {
    parse(with("tokenizer = \"bytes\"", "tokenizer = \"bytes\"\nfreeze = \"" + pattern + "\""));
  });
  expect_error(Errc::kFormat, "line", [&] { parse("a = " + std::string(1 << 19, '[')); });
  expect_error(Errc::kFormat, "'model.config': nested deeper than 32", [&] {
    parse(with("n_layer = 2", "n_layer = " + std::string(40, '[') + std::string(40, ']')));
  });
}

TEST(Recipe, WrongArgumentsAreWrongUsage) {
  expect_error(Errc::kUsage, "argument 'steps'", [] { parse(kGood, {"steps"}); });
  expect_error(Errc::kUsage, "argument: 'train.stpes': no such setting here",
               [] { parse(kGood, {"train.stpes=1"}); });
  expect_error(Errc::kUsage, "argument: 'train.steps': found \"x y\"",
               [] { parse(kGood, {"train.steps=x y"}); });
  expect_error(Errc::kUsage, "no UTF-8", [] { parse(kGood, {"output.directory=\xff"}); });
  expect_error(Errc::kUsage, "'steps' is a value", [] { parse(kGood, {"train.steps.more=1"}); });
  expect_error(Errc::kUsage, "expected section.key=value", [] { parse(kGood, {"train..steps=1"}); });
}

TEST(Recipe, AFileIsReadWithItsNameInErrors) {
  const check::TemporaryFolder folder;
  check::write_file(folder / "x.toml", with("steps = 10", "steps = 0x"));
  expect_error(Errc::kFormat, (folder / "x.toml").string() + ": line 10",
               [&] { read_recipe(folder / "x.toml"); });
  expect_error(Errc::kIo, "missing.toml", [&] { read_recipe(folder / "missing.toml"); });
}

TEST(Settings, TextsAreWrittenSoThatTheyReadBack) {
  Settings s("[a]\nb = \"x\\\"\\\\\\n\\u0001\\u00e9\"\n", "s", {});
  const std::string text = s.text("a.b", "");
  s.finish();
  Settings again(s.resolved(), "again", {});
  EXPECT_EQ(again.text("a.b", ""), text);
}

}  // namespace
}  // namespace lyceum
