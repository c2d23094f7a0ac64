// Training by several ranks, which are threads here: the steps of one process within rounding, the same bits
// when it is done again, checkpoints that know nothing of how many there were.
// Needs the family gpt2.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "check/expect_error.h"
#include "check/sanitized.h"
#include "check/temporary_folder.h"
#include "train/run/checkpoints.h"
#include "train/run/train_test_runs.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

using check::write_file;

class RanksTrain : public testing::Test {
 protected:
  RanksTrain() {
    std::string text;
    for (int i = 0; i < 400; ++i) text += fmt::format("line {} of a text that repeats itself\n", i % 17);
    write_file(t_ / "text.txt", text);
    write_file(t_ / "valid.txt", text.substr(0, 700));
  }
  ~RanksTrain() override { clear_interrupt(); }

  std::string recipe(const std::string& directory) const {
    return fmt::format(R"([model]
family = "gpt2"
config = {{ n_layer = 2, n_embd = 16, n_head = 2, n_positions = 16 }}
tokenizer = "bytes"
[data]
train = ["{0}/text.txt"]
valid = ["{0}/valid.txt"]
separator = "\n"
[objective]
kind = "causal_lm"
[train]
steps = 20
batch_sequences = 5
context_tokens = 16
learning_rate = 1e-2
clip_norm = 1.0
ema = 0.9
seed = 5
valid_every = 10
[output]
directory = "{0}/{1}"
save_every = 5
)",
                       t_.path().string(), directory);
  }

  using Settings = std::vector<std::string>;
  std::vector<std::string> go(int size, const std::string& directory, const Settings& settings = {},
                              const std::function<std::string(int rank, std::string toml)>& change = {}) {
    return train_on_ranks(
        size,
        [&](int rank) {
          const std::string toml = recipe(directory);
          return parse_recipe(change ? change(rank, toml) : toml, "r.toml", settings);
        },
        watch_);
  }
  std::string bytes(const fs::path& relative) const { return read_text(t_ / relative); }

  check::TemporaryFolder t_;
  RunWatch watch_;
};

TEST_F(RanksTrain, TheStepsAreThoseOfOneProcessWithinRounding) {
  const std::vector<Settings> variants{{},
                                       {"train.accumulate=3"},
                                       {"train.part_tokens=16", "train.recompute_layers=true"},
                                       {"train.batch_sequences=0", "train.batch_tokens=80"},
                                       {"train.batch_sequences=2"},  // a rank of three has nothing
                                       {"train.optimizer=\"adafactor\""},
                                       {"model.dropout=0.1"}};
  for (std::size_t v = 0; v < variants.size(); ++v) {
    SCOPED_TRACE(v);
    expect_ends_well(go(1, fmt::format("one{}", v), variants[v]));
    const RunWatch one = watch_;
    ASSERT_EQ(one.losses().size(), 20u);
    for (const int size : {2, 3}) {
      if (check::kSanitized && size == 2) continue;
      expect_ends_well(go(size, fmt::format("r{}of{}", v, size), variants[v]));
      ASSERT_EQ(watch_.losses().size(), 20u);
      for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(watch_.steps[i].tokens, one.steps[i].tokens);
      // the first step differs by the order of its sums alone, later ones by what an optimiser makes of that
      EXPECT_NEAR(watch_.losses()[0], one.losses()[0], 1e-6 * one.losses()[0]);
      EXPECT_NEAR(watch_.norms()[0], one.norms()[0], 1e-5 * one.norms()[0]);
      for (std::size_t i = 0; i < 20; ++i)
        EXPECT_NEAR(watch_.losses()[i], one.losses()[i], 1e-5 * one.losses()[i]);
      ASSERT_EQ(watch_.valid_losses().size(), 2u);
    }
  }
}

TEST_F(RanksTrain, DoneAgainWithAsManyItHasTheSameBits) {
  for (const int size : {1, 2, 3}) {
    expect_ends_well(go(size, fmt::format("a{}", size)));
    const std::vector<double> losses = watch_.losses();
    expect_ends_well(go(size, fmt::format("b{}", size)));
    EXPECT_EQ(watch_.losses(), losses);
    EXPECT_EQ(bytes(fmt::format("a{}/model/model.safetensors", size)),
              bytes(fmt::format("b{}/model/model.safetensors", size)));
  }
}

TEST_F(RanksTrain, AValidationIsTheSameNumberForAnyCount) {
  // a rate at which no weight moves: what is judged is the same
  const Settings still{"train.learning_rate=1e-30", "train.weight_decay=0"};
  expect_ends_well(go(1, "one", still));
  const std::vector<double> valids = watch_.valid_losses();
  for (const int size : {2, 3, 4}) {
    expect_ends_well(go(size, fmt::format("r{}", size), still));
    EXPECT_EQ(watch_.valid_losses(), valids) << size;
  }
}

TEST_F(RanksTrain, AStoppedRunGoesOnWithAnotherCount) {
  expect_ends_well(go(1, "whole"));
  const std::vector<double> whole = watch_.losses();
  std::size_t done = 0;
  const std::vector<std::pair<int, std::int64_t>> parts{{2, 7}, {1, 11}, {3, 20}};
  for (const auto& [size, until] : parts) {
    watch_.stop_after(until < 20 ? until : -1);
    const std::vector<std::string> ends = go(size, "cut");
    clear_interrupt();
    // a step that was left when the interrupt came is taken again by the next
    for (const double loss : watch_.losses()) {
      EXPECT_NEAR(loss, whole.at(done), 1e-5 * loss) << done;
      ++done;
    }
    if (until < 20) {
      EXPECT_EQ(done, static_cast<std::size_t>(until));
      for (const std::string& end : ends)
        EXPECT_EQ(end.find(fmt::format("stopped after step {} of 20, which is saved", until)), 0u) << end;
    }
  }
  EXPECT_EQ(done, 20u);
  EXPECT_TRUE(fs::exists(t_ / "cut/model/model.safetensors"));
}

TEST_F(RanksTrain, StoppedItEndsWithTheSameBits) {
  expect_ends_well(go(2, "whole"));
  for (const std::int64_t step : {1, 5, 9, 12}) {
    const std::string name = fmt::format("cut{}", step);
    watch_.stop_after(step);
    go(2, name);
    clear_interrupt();
    watch_.at_step = nullptr;
    expect_ends_well(go(2, name));
    EXPECT_EQ(bytes(name + "/model/model.safetensors"), bytes("whole/model/model.safetensors")) << step;
  }
}

TEST_F(RanksTrain, ACheckpointHasWhatOneProcessWrites) {
  expect_ends_well(go(1, "one"));
  expect_ends_well(go(3, "three"));
  const auto one = Checkpoints(t_ / "one", 2).newest(), three = Checkpoints(t_ / "three", 2).newest();
  ASSERT_TRUE(one && three);
  ASSERT_EQ(one->tensors.size(), three->tensors.size());
  for (const auto& [name, tensor] : one->tensors) {
    ASSERT_TRUE(three->tensors.contains(name)) << name;
    EXPECT_EQ(three->tensors.at(name).shape(), tensor.shape()) << name;
  }
}

TEST_F(RanksTrain, ALossThatIsNotFiniteIsMetByAllRanksAlike) {
  const Settings wild{"train.learning_rate=1e9", "train.clip_norm=0", "train.ema=0"};
  const std::vector<std::string> ends = go(3, "stop", wild);
  for (const std::string& end : ends) EXPECT_NE(end.find("the loss is"), std::string::npos) << end;
  Settings skip = wild;
  skip.emplace_back("train.on_bad_loss=\"skip\"");
  expect_ends_well(go(3, "skip", skip));
  EXPECT_EQ(watch_.losses().size(), 20u);
}

TEST_F(RanksTrain, ARankThatDiffersIsRefused) {
  const auto expect_refused = [&](const std::vector<std::string>& ends, const std::string& what) {
    EXPECT_NE(ends[0].find("process 1 of 2"), std::string::npos) << ends[0];
    EXPECT_NE(ends[0].find(what), std::string::npos) << ends[0];
    EXPECT_EQ(ends[1], "process 0 has ended the run");
    EXPECT_FALSE(fs::exists(t_ / "x/model"));
  };
  const auto with = [&](const std::string& from, const std::string& to) {
    return go(2, "x", {}, [&](int rank, std::string toml) {
      if (rank == 1) toml.replace(toml.find(from), from.size(), to);
      return toml;
    });
  };
  expect_refused(with("seed = 5", "seed = 6"), "another recipe");
  write_file(t_ / "other.txt", "");
  const std::vector<std::string> ends = with("valid.txt", "missing.txt");
  EXPECT_NE(ends[0].find("process 1 of 2, on "), std::string::npos) << ends[0];
  EXPECT_NE(ends[0].find("missing.txt"), std::string::npos) << ends[0];
}

TEST_F(RanksTrain, EveryRankHasTheVocabularyThatRank0Learns) {
  const auto learnt = [&](int size, const std::string& directory) {
    return go(size, directory, {}, [](int, std::string toml) {
      return toml.replace(toml.find("\"bytes\""), 7, "{ kind = \"bpe\", vocab_size = 300 }");
    });
  };
  expect_ends_well(learnt(3, "a"));
  expect_ends_well(learnt(1, "b"));
  EXPECT_EQ(bytes("a/model/tokenizer.json"), bytes("b/model/tokenizer.json"));
  EXPECT_EQ(bytes("a/tokenizer/learnt.json"), bytes("b/tokenizer/learnt.json"));
  fs::remove(t_ / "a/tokenizer/learnt.json");
  const std::vector<std::string> ends = learnt(2, "a");
  EXPECT_NE(ends[0].find("learnt.json: is missing"), std::string::npos) << ends[0];
  EXPECT_EQ(ends[1], "process 0 has ended the run");
}

TEST_F(RanksTrain, AnErrorOfOneRankEndsAllAndTheLastCheckpointStays) {
  watch_.at_step = [](std::int64_t step) {
    if (step == 7) fail(Errc::kIo, "the disk is full");
  };
  const std::vector<std::string> ends = go(3, "a");
  EXPECT_EQ(ends, (std::vector<std::string>{"the disk is full", "process 0 has ended the run",
                                            "process 0 has ended the run"}));
  watch_.at_step = nullptr;
  EXPECT_EQ(Checkpoints(t_ / "a", 2).newest()->state.step, 5);
  expect_ends_well(go(2, "a"));
  EXPECT_EQ(watch_.losses().size(), 15u);
}

}  // namespace
}  // namespace lyceum
