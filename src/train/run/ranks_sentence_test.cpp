// Vectors of sentences learnt by several ranks, which are threads here: an anchor is told from the texts of
// the whole batch, whichever rank has them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/interrupt.h"
#include "check/sanitized.h"
#include "train/run/sentence_test_run.h"
#include "train/run/train_test_runs.h"

namespace lyceum {
namespace {

class RanksSentence : public SentenceRunTest {
 protected:
  RanksSentence() {
    write_model({.layers = 2, .sentence = true, .dense_width = 6});
    write_data();
  }
  ~RanksSentence() override { clear_interrupt(); }

  std::vector<std::string> go(int size, const std::string& name, Arguments settings) {
    for (const std::string& setting : {"output.directory=" + (folder_ / name).string(),
                                       std::string("train.learning_rate=1e-3"), std::string("train.steps=6")})
      settings.push_back(setting);
    return train_on_ranks(
        size, [&](int) { return recipe(settings); }, watch_);
  }
  std::string model(const std::string& name) const {
    return read_text(folder_ / name / "model/model.safetensors");
  }

  RunWatch watch_;
};

using Words = std::vector<std::string>;
Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Words kPairs{"objective.loss=multiple_negatives",
                   "objective.score_range=", R"(data.texts=["sentence1", "sentence2"])"};
const Words kTriplets{"objective.kind=triplets", "objective.loss=multiple_negatives",
                      "objective.score_range=", R"(data.texts=["sentence1", "sentence2", "negative"])"};

TEST_F(RanksSentence, TheLossIsThatOfOneProcessOverTheWholeBatch) {
  const struct {
    Words settings;
    bool sees_whole_batch;
  } variants[] = {{kPairs, true},
                  {kPairs + Words{"objective.symmetric=true", "train.accumulate=2"}, true},
                  {kPairs + Words{"train.part_tokens=12", "model.dropout=0.1"}, true},
                  {kPairs + Words{"objective.matryoshka=[6, 3]"}, true},
                  {kPairs + Words{"train.batch_sequences=2"}, true},  // a rank of three has nothing
                  {kTriplets, true},
                  {{"objective.loss=cosent"}, true},
                  {{"objective.loss=online_contrastive", "objective.score_range=", "data.label=score"}, true},
                  {{"objective.kind=triplets", "objective.loss=batch_hard_triplet",
                    "objective.score_range=", R"(data.texts=["sentence1"])", "train.valid_every=0"},
                   true},
                  {{"objective.loss=cosine", "train.part_tokens=12"}, false},
                  {{"objective.loss=softmax", "objective.score_range="}, false}};
  for (std::size_t v = 0; v < std::size(variants); ++v) {
    SCOPED_TRACE(v);
    expect_ends_well(go(1, fmt::format("one{}", v), variants[v].settings));
    const std::vector<double> losses = watch_.losses(), norms = watch_.norms();
    ASSERT_EQ(losses.size(), 6u);
    EXPECT_GT(losses[0], 0);
    for (const int size : {2, 3}) {
      if (check::kSanitized && size == 2) continue;
      expect_ends_well(go(size, fmt::format("r{}of{}", v, size), variants[v].settings));
      ASSERT_EQ(watch_.steps.size(), 6u);
      // vectors do not depend on who computes them, so a loss over all of them has the same bits at first;
      // gradients are added up in another order, and an optimiser makes more of that
      if (variants[v].sees_whole_batch) {
        EXPECT_EQ(watch_.losses()[0], losses[0]);
      }
      EXPECT_NEAR(watch_.norms()[0], norms[0], 1e-5 * norms[0]);
      for (std::size_t i = 0; i < losses.size(); ++i)
        EXPECT_NEAR(watch_.losses()[i], losses[i], 1e-5 * std::max(losses[i], 0.1)) << i;
    }
  }
}

TEST_F(RanksSentence, DoneAgainWithAsManyItHasTheSameBits) {
  const Words settings = kPairs + Words{"train.part_tokens=12", "model.dropout=0.1"};
  for (const int size : {2, 3}) {
    expect_ends_well(go(size, fmt::format("a{}", size), settings));
    expect_ends_well(go(size, fmt::format("b{}", size), settings));
    EXPECT_EQ(model(fmt::format("a{}", size)), model(fmt::format("b{}", size)));
  }
}

// The interrupt finds ranks before, at and behind the place where they wait for each other's vectors.
TEST_F(RanksSentence, StoppedAnywhereItEndsWithTheSameBits) {
  const Words settings = kPairs + Words{"train.accumulate=2", "output.save_every=2"};
  expect_ends_well(go(3, "whole", settings));
  for (const std::int64_t step : {1, 2, 3, 5}) {
    const std::string name = fmt::format("cut{}", step);
    watch_.stop_after(step);
    for (const std::string& end : go(3, name, settings))
      EXPECT_EQ(end.find(fmt::format("stopped after step {} of 6, which is saved", step)), 0u) << end;
    clear_interrupt();
    watch_.at_step = nullptr;
    expect_ends_well(go(3, name, settings));
    EXPECT_EQ(model(name), model("whole")) << step;
  }
}

}  // namespace
}  // namespace lyceum
