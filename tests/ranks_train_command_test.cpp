// mpirun -n N lyceum train. Needs the family gpt2.
#include "tests/ranks_command.h"

namespace lyceum {
namespace {

class RanksTrainCommand : public RanksCommand {
 protected:
  static constexpr const char* kNewModel = R"(family = "gpt2"
config = { n_layer = 2, n_embd = 32, n_head = 2, n_positions = 32 }
tokenizer = "bytes")";
  // A recipe of so many steps of a small causal model.
  std::string write_recipe(const std::string& directory, int steps, int every,
                           const std::string& begins = kNewModel) {
    std::string text;
    for (int i = 0; i < 400; ++i) text += fmt::format("line {} of a text that repeats itself\n", i % 17);
    check::write_file(t / "text.txt", text);
    check::write_file(t / (directory + ".toml"),
                      fmt::format(R"([model]
{4}
[data]
train = ["{0}/text.txt"]
valid = ["{0}/text.txt"]
separator = "\n"
[objective]
kind = "causal_lm"
[train]
steps = {2}
batch_sequences = 5
context_tokens = 32
learning_rate = 1e-3
clip_norm = 1.0
seed = 5
[output]
directory = "{0}/{1}"
save_every = {3}
)",
                                  t.path().string(), directory, steps, every, begins));
    return (t / (directory + ".toml")).string();
  }
  std::vector<double> losses(const std::string& directory) const {
    std::vector<double> out;
    std::ifstream lines(t / directory / "metrics.jsonl");
    for (std::string line; std::getline(lines, line);)
      if (const std::size_t at = line.find("\"loss_nats\":"); at != std::string::npos)
        out.push_back(std::stod(line.substr(at + 12)));
    return out;
  }
  // The steps of the checkpoints that are there.
  std::vector<int> checkpoints(const std::string& directory) const {
    std::vector<int> steps;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(t / directory / "checkpoints", none))
      steps.push_back(std::stoi(entry.path().filename().string().substr(5)));
    std::sort(steps.begin(), steps.end());
    return steps;
  }
};

TEST_F(RanksTrainCommand, TrainingIsThatOfOneProcessWithinRoundingWithTheSameBitsEachTime) {
  const std::string recipe = write_recipe("one", 20, 0);
  const RunResult want = alone({"train", recipe, "train.valid_every=10"});
  ASSERT_EQ(want.status, 0) << want.text();
  ASSERT_EQ(losses("one").size(), 20u);
  for (const char* again : {"a", "b"}) {
    const RunResult r = together(2, {"train", write_recipe(again, 20, 0), "train.valid_every=10"});
    ASSERT_EQ(r.status, 0) << r.text();
    EXPECT_EQ(occurrences(r.out, "20 steps"), 1) << r.text();
    EXPECT_EQ(occurrences(r.err, "step 20: valid loss"), 1) << r.text();
    const std::vector<double> got = losses(again), one = losses("one");
    ASSERT_EQ(got.size(), 20u);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(got[i], one[i], 1e-5 * one[i]) << i;
  }
  EXPECT_EQ(read_text(t / "a/model/model.safetensors"), read_text(t / "b/model/model.safetensors"));
}

TEST_F(RanksTrainCommand, AnAdapterIsLearntByTwoProcessesAsByOne) {
  ASSERT_EQ(alone({"train", write_recipe("base", 5, 0)}).status, 0);
  for (const char* base : {"f32", "int8"}) {
    const std::string begins = fmt::format(
        "from = \"{}\"\nlora = {{ rank = 2, alpha = 8, targets = [\"c_attn\", \"c_fc\"], base = \"{}\" }}",
        (t / "base/model").string(), base);
    const std::string one = std::string("one_") + base, two = std::string("two_") + base;
    const RunResult want = alone({"train", write_recipe(one, 12, 0, begins)});
    ASSERT_EQ(want.status, 0) << want.text();
    const RunResult got = together(2, {"train", write_recipe(two, 12, 0, begins)});
    ASSERT_EQ(got.status, 0) << got.text();
    const std::vector<double> a = losses(one), b = losses(two);
    ASSERT_EQ(a.size(), 12u);
    ASSERT_EQ(b.size(), 12u);
    for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(b[i], a[i], 1e-5 * a[i]) << i;
    EXPECT_LT(a.back(), a.front());
    EXPECT_TRUE(fs::exists(t / two / "adapter/adapter_model.safetensors"));
  }
}

TEST_F(RanksTrainCommand, TrainingGoesOnFromTheLastCheckpointWhenAProcessHasDied) {
  for (const int victim : {1, 0}) {
    const std::string name = fmt::format("dead{}", victim), recipe = write_recipe(name, 100'000, 20);
    const RunResult r =
        killed(victim, {"train", recipe}, [&] { return checkpoints(name) >= std::vector<int>{40}; });
    EXPECT_NE(r.status, 0) << r.text();
    EXPECT_NE(r.err.find("signal 9"), std::string::npos) << "mpirun names it\n" << r.text();
    const std::vector<int> left = checkpoints(name);
    ASSERT_FALSE(left.empty());
    const RunResult resumed =
        together(3, {"train", recipe, fmt::format("train.steps={}", left.back() + 5), "--accept-changes"});
    ASSERT_EQ(resumed.status, 0) << resumed.text();
    EXPECT_NE(resumed.err.find(fmt::format("going on from step {}", left.back())), std::string::npos)
        << resumed.text();
    EXPECT_EQ(losses(name).size(), static_cast<std::size_t>(left.back() + 5));
  }
}

TEST_F(RanksTrainCommand, CtrlCSavesTheStepThatAllProcessesHaveDone) {
  const Setting patience{"OMPI_MCA_odls_base_sigkill_timeout", "4"};  // a second is little on a busy machine
  const std::string recipe = write_recipe("c", 100'000, 0);
  const RunResult r = killed(kLauncher, {"train", recipe}, [&] { return losses("c").size() > 20; });
  EXPECT_NE(r.status, 0) << r.text();
  const int step = number_in(r.err, "stopped after step ");
  ASSERT_GT(step, 20) << r.text();
  EXPECT_EQ(occurrences(r.err, "stopped after step "), 1) << r.text();
  EXPECT_EQ(checkpoints("c"), std::vector<int>{step});
  EXPECT_EQ(losses("c").size(), static_cast<std::size_t>(step));
  // one process goes on
  const RunResult resumed =
      alone({"train", recipe, fmt::format("train.steps={}", step + 3), "--accept-changes"});
  ASSERT_EQ(resumed.status, 0) << resumed.text();
  EXPECT_EQ(losses("c").size(), static_cast<std::size_t>(step + 3));
}

TEST_F(RanksTrainCommand, WhatATrainingMeetsIsSaidOnce) {
  const std::string recipe = write_recipe("e", 5, 0);
  expect_failure(together(2, {"train", recipe, "data.train=[\"/missing.txt\"]"}), 1, "/missing.txt");
  expect_failure(together(2, {"train", recipe, "train.nonsense=1"}), 2, "nonsense");
  expect_failure(together(2, {"train", recipe, "train.learning_rate=1e9"}), 1, "the loss is");
  check::write_file(t / "0/x.txt", "a text\n");
  check::write_file(t / "1/x.txt", "another text\n");
  const Words in_own_folder{"sh", "-c", "cd " + t.path().string() + "/$OMPI_COMM_WORLD_RANK; exec \"$@\"",
                            "sh", LYCEUM_COMMAND};
  expect_failure(mpirun(2, in_own_folder + Words{"train", recipe, "data.valid=[\"x.txt\"]"}), 1,
                 "process 1 of 2 has another set of training and validation data");
}

}  // namespace
}  // namespace lyceum
