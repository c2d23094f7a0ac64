// What the settings of train.* and output.* do to a run, each by what it alone changes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/interrupt.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "formats/safetensors.h"
#include "train/run/checkpoints.h"
#include "train/run/train_test_runs.h"
#include "train/schedule/schedule.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

using Arguments = std::vector<std::string>;
using Values = std::map<std::string, std::vector<float>>;

class TrainSettings : public testing::Test {
 protected:
  TrainSettings() {
    check::write_tiny_bert(t_ / "body", {.layers = 2});
    const Arguments words{"the", "cat", "sat", "on", "mat"};
    std::string rows;
    for (std::size_t i = 0; i < 40; ++i)
      rows += fmt::format("{{\"text\":\"{} {}\",\"label\":\"{}\"}}\n", words[i % 5], words[(i * 3 + 1) % 5],
                          i % 5 < 2 ? "yes" : "no");
    check::write_file(t_ / "rows.jsonl", rows);
  }
  ~TrainSettings() override { clear_interrupt(); }

  TrainResult go(const std::string& name, const Arguments& more, TrainOptions options = {}) {
    Arguments arguments{"model.from=" + (t_ / "body").string(),
                        "data.train=" + (t_ / "rows.jsonl").string(),
                        "data.valid=" + (t_ / "rows.jsonl").string(),
                        "objective.kind=classification",
                        "model.dropout=0",
                        "train.batch_sequences=8",
                        "train.optimizer=sgd",
                        "train.weight_decay=0",
                        "train.learning_rate=0.1",
                        "output.directory=" + (t_ / name).string()};
    for (const std::string& argument : more) {
      const std::string key = argument.substr(0, argument.find('=') + 1);
      std::erase_if(arguments, [&](const std::string& before) { return before.starts_with(key); });
      arguments.push_back(argument);
    }
    watch_.forget();
    options.observer = &watch_;
    return train(parse_recipe("", "test", arguments), options);
  }
  Values model(const std::string& name, const std::string& which = "model") const {
    const Safetensors file = Safetensors::open(t_ / name / which / "model.safetensors");
    Values out;
    for (const SafetensorsEntry& entry : file.entries()) out[entry.name] = file.tensor(entry).values<float>();
    return out;
  }
  bool is_vector(const std::string& name) const {
    return name.ends_with(".bias") || name.find("LayerNorm") != std::string::npos;
  }
  static double largest_change(const std::vector<float>& a, const std::vector<float>& b) {
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      most = std::max(most, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    return most;
  }
  std::vector<std::string> checkpoints(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(t_ / name / "checkpoints"))
      out.push_back(entry.path().stem().string());
    std::sort(out.begin(), out.end());
    return out;
  }

  check::TemporaryFolder t_;
  RunWatch watch_;
};

TEST_F(TrainSettings, DecayIsOfMatricesUnlessAllAreNamed) {
  go("plain", {"train.steps=1"});
  go("decayed", {"train.steps=1", "train.weight_decay=0.5"});
  go("all", {"train.steps=1", "train.weight_decay=0.5", "train.decay_all=true"});
  const Values plain = model("plain"), decayed = model("decayed"), all = model("all");
  int vectors = 0, norms = 0;
  for (const auto& [name, values] : plain) {
    EXPECT_EQ(decayed.at(name) == values, is_vector(name)) << name;
    vectors += is_vector(name) ? 1 : 0;
    if (name.ends_with("LayerNorm.weight")) {  // near 1, so that a decay of them is seen
      EXPECT_NE(all.at(name), values) << name;
      ++norms;
    }
  }
  EXPECT_GT(vectors, 10);
  EXPECT_GT(norms, 4);
}

// A step of plain SGD is rate * gradient, so its length shows the rate of each layer.
TEST_F(TrainSettings, LayerDecayIsAPowerForEachLayerBelowTheHead) {
  go("begin", {"train.steps=1", "train.learning_rate=0"});
  go("plain", {"train.steps=1"});
  go("scaled", {"train.steps=1", "train.layer_decay=0.5"});
  const Values begin = model("begin"), plain = model("plain"), scaled = model("scaled");
  const std::pair<const char*, double> expected[] = {{"classifier.weight", 1},
                                                     {"bert.encoder.layer.1.output.dense.weight", 0.5},
                                                     {"bert.encoder.layer.0.output.dense.weight", 0.25},
                                                     {"bert.embeddings.word_embeddings.weight", 0.125}};
  for (const auto& [name, share] : expected) {
    const double whole = largest_change(plain.at(name), begin.at(name));
    ASSERT_GT(whole, 1e-5) << name;
    // differences of weights near 1 that are rounded to 2^-24
    EXPECT_NEAR(largest_change(scaled.at(name), begin.at(name)) / whole, share, 0.01) << name;
  }
}

TEST_F(TrainSettings, ClippedGradientsHaveTheNormThatIsSaid) {
  go("begin", {"train.steps=1", "train.learning_rate=0"});
  go("clipped", {"train.steps=1", "train.clip_norm=0.05"});
  EXPECT_GT(watch_.norms()[0], 0.1);  // that of before
  const Values begin = model("begin"), clipped = model("clipped");
  double squares = 0;
  for (const auto& [name, values] : clipped)
    for (std::size_t i = 0; i < values.size(); ++i)
      squares += std::pow(static_cast<double>(values[i]) - static_cast<double>(begin.at(name)[i]), 2);
  EXPECT_NEAR(std::sqrt(squares), 0.1 * 0.05, 0.1 * 0.05 * 1e-3);
}

TEST_F(TrainSettings, DropoutIsAnotherOneInEachStep) {
  // the whole data in every batch and a rate of 0: nothing else changes from step to step
  const Arguments still{"train.steps=3", "train.learning_rate=0", "train.batch_sequences=40",
                        "data.shuffle=false", "train.group_by_length=false"};
  go("without", still);
  EXPECT_EQ(watch_.losses()[0], watch_.losses()[1]);
  const double without = watch_.losses()[0];
  Arguments with = still;
  with.emplace_back("model.dropout=0.3");
  go("with", with);
  EXPECT_NE(watch_.losses()[0], without);
  EXPECT_NE(watch_.losses()[0], watch_.losses()[1]);
  EXPECT_NE(watch_.losses()[1], watch_.losses()[2]);
}

TEST_F(TrainSettings, AveragesAreWhatIsValidatedAndExportedAndWeightsWhatIsLearnt) {
  const Arguments plain{"train.steps=6", "train.valid_every=6"};
  Arguments averaged = plain;
  averaged.emplace_back("train.ema=0.9");
  go("begin", {"train.steps=1", "train.learning_rate=0"});
  go("plain", plain);
  const std::vector<double> losses = watch_.losses(), valids = watch_.valid_losses();
  go("averaged", averaged);
  EXPECT_EQ(watch_.losses(), losses);
  EXPECT_NE(watch_.valid_losses(), valids);
  const std::string name = "classifier.weight";
  const std::vector<float> last = model("plain")[name], mean = model("averaged")[name];
  EXPECT_NE(mean, last);
  EXPECT_NE(mean, model("begin")[name]);
  const auto saved = Checkpoints(t_ / "averaged", 2).newest();
  EXPECT_EQ(saved->tensors.at("model." + name).values<float>(), last);
  const std::string key = fmt::format("ema.{}", name);
  ASSERT_TRUE(saved->tensors.contains(key));
  EXPECT_EQ(saved->tensors.at(key).values<float>(), mean);
}

TEST_F(TrainSettings, TheScheduleEndsWithTheRunAndWarmUpMayBeAShareOfIt) {
  go("a", {"train.steps=10", "train.schedule=linear", "train.warmup_ratio=0.35"});
  const ScheduleSpec spec{.kind = ScheduleKind::kLinear, .warmup_steps = 4, .total_steps = 10};
  for (std::int64_t step = 1; step <= 10; ++step)
    EXPECT_EQ(watch_.steps[static_cast<std::size_t>(step - 1)].learning_rate,
              learning_rate_at(spec, 0.1, step))
        << step;
}

TEST_F(TrainSettings, EpochsAreCountedInStepsOfSeveralBatches) {
  EXPECT_EQ(go("a", {"train.epochs=3", "train.accumulate=2"}).step, 8);  // 15 batches of 8 rows
  EXPECT_EQ(watch_.steps.back().tokens * 2, watch_.steps.front().tokens);
}

TEST_F(TrainSettings, TheLastStepIsValidatedAndOnAsManyBatchesAsAreSaid) {
  go("all", {"train.steps=7", "train.valid_every=3", "train.learning_rate=0"});
  ASSERT_EQ(watch_.valids.size(), 3u);
  EXPECT_EQ(watch_.valids.back().step, 7);
  const double all = watch_.valids[0].loss_nats;
  go("some", {"train.steps=7", "train.valid_every=7", "train.learning_rate=0", "train.valid_batches=1"});
  EXPECT_NE(watch_.valids[0].loss_nats, all);
}

TEST_F(TrainSettings, TheBestIsTheLowestLossAndIsKept) {
  const TrainResult r = go("a", {"train.steps=30", "train.valid_every=1", "output.keep_best=true"});
  const std::vector<double> valids = watch_.valid_losses();
  const auto lowest = std::min_element(valids.begin(), valids.end());
  EXPECT_EQ(r.best_loss_nats, *lowest);
  EXPECT_EQ(r.best_step, lowest - valids.begin() + 1);
  EXPECT_LT(*lowest, valids.front());
  EXPECT_EQ(model("a", "best").size(), model("a").size());
}

TEST_F(TrainSettings, CheckpointsAreSavedOnTheWayAndTheOldestGo) {
  go("many", {"train.steps=7", "output.save_every=3", "output.keep=9"});
  EXPECT_EQ(checkpoints("many"), (Arguments{"step-00000003", "step-00000006", "step-00000007"}));
  go("two", {"train.steps=7", "output.save_every=2", "output.keep=2"});
  EXPECT_EQ(checkpoints("two"), (Arguments{"step-00000006", "step-00000007"}));
  go("many", {"train.steps=2", "output.save_every=3", "output.keep=9"}, {.restart = true});
  EXPECT_EQ(checkpoints("many"), (Arguments{"step-00000002"}));
}

TEST_F(TrainSettings, ARunCountsItsTokensAlsoWhenItGoesOn) {
  const Arguments settings{"train.steps=6", "output.save_every=2"};
  std::int64_t tokens = 0;
  go("whole", settings);
  for (const StepReport& step : watch_.steps) tokens += step.tokens;
  EXPECT_EQ(Checkpoints(t_ / "whole", 2).newest()->state.tokens, tokens);
  watch_.stop_after(3);
  check::expect_error(Errc::kInterrupted, "stopped after step 3", [&] { go("cut", settings); });
  clear_interrupt();
  watch_.at_step = nullptr;
  go("cut", settings);
  EXPECT_EQ(watch_.steps.size(), 3u);
  EXPECT_EQ(Checkpoints(t_ / "cut", 2).newest()->state.tokens, tokens);
}

TEST_F(TrainSettings, SkippedStepsAreCounted) {
  go("a", {"train.steps=5", "train.learning_rate=1e30", "train.on_bad_loss=skip"});
  const auto said =
      std::count_if(watch_.messages.begin(), watch_.messages.end(),
                    [](const std::string& line) { return line.find("skipped") != std::string::npos; });
  EXPECT_GT(said, 0);
  EXPECT_EQ(Checkpoints(t_ / "a", 2).newest()->state.skipped, said);
}

TEST_F(TrainSettings, RowsAreShuffledUnlessTheyAreNot) {
  const Arguments still{"train.steps=5", "train.learning_rate=0", "train.group_by_length=false"};
  Arguments in_order = still;
  in_order.emplace_back("data.shuffle=false");
  go("shuffled", still);
  const std::vector<double> losses = watch_.losses();
  go("in_order", in_order);
  EXPECT_NE(watch_.losses(), losses);
}

TEST(RunStateText, EveryFieldReadsBack) {
  const RunState state{.step = 12,
                       .data = {1, 2, 3, 4},
                       .tokens = 56,
                       .skipped = 7,
                       .best_loss = 0.1,
                       .best_number = -0.25,
                       .best_step = 8,
                       .since_best = 9,
                       .is_finished = true,
                       .model = "digest",
                       .recipe = {{"train.steps", "12"}}};
  const RunState again = run_state_of(text_of(state), "test");
  EXPECT_EQ(again.step, 12);
  EXPECT_EQ(again.data, state.data);
  EXPECT_EQ(again.tokens, 56);
  EXPECT_EQ(again.skipped, 7);
  EXPECT_EQ(again.best_loss, 0.1);
  EXPECT_EQ(again.best_number, -0.25);
  EXPECT_EQ(again.best_step, 8);
  EXPECT_EQ(again.since_best, 9);
  EXPECT_TRUE(again.is_finished);
  EXPECT_EQ(again.model, "digest");
  EXPECT_EQ(again.recipe, state.recipe);
}

}  // namespace
}  // namespace lyceum
