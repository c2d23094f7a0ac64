// mpirun -n N lyceum VERB: the bytes of one process, whatever N; each message once; what was done stays when
// a process dies.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "check/run_command.h"
#include "check/sanitized.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {

namespace fs = std::filesystem;
using check::RunResult;
using check::Setting;
using Words = std::vector<std::string>;

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::string golden(const std::string& verb) {
  return LYCEUM_SOURCE_DIR "/src/tasks/" + verb + "/golden/model";
}

inline int occurrences(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

// The number behind these words; -1: they are not there.
inline int number_in(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  return at == std::string::npos ? -1 : std::stoi(text.substr(at + words.size()));
}

class RanksCommand : public testing::Test {
 protected:
  RanksCommand() {
    check::write_tiny_bert(t / "model", {.sentence = true});
    model = (t / "model").string();
  }

  static RunResult alone(const Words& words, const std::string& input = "") {
    return check::run_command(LYCEUM_COMMAND, words, {.input = input});
  }
  // More processes than processors are usual on a machine that builds.
  static RunResult mpirun(int processes, const Words& words, const std::string& input = "") {
    return check::run_command(LYCEUM_MPIRUN,
                              Words{"--oversubscribe", "-n", std::to_string(processes)} + words,
                              {.input = input, .seconds = 120});
  }
  static RunResult together(int processes, const Words& words, const std::string& input = "") {
    return mpirun(processes, Words{LYCEUM_COMMAND} + words, input);
  }
  static void expect_failure(const RunResult& r, int status, const std::string& part) {
    EXPECT_EQ(r.status, status) << r.text();
    EXPECT_EQ(occurrences(r.err, part), 1) << part << "\n" << r.text();
    EXPECT_EQ(occurrences(r.err, "lyceum: "), 1) << r.text();
  }
  static void expect_same_output(const Words& words, const std::string& input = "") {
    const RunResult want = alone(words, input);
    ASSERT_EQ(want.status, 0) << want.text();
    for (const int processes : {2, 3}) {
      if (check::kSanitized && processes == 2) continue;
      const RunResult got = together(processes, words, input);
      EXPECT_EQ(got.status, 0) << got.text();
      EXPECT_EQ(got.out, want.out) << processes;
      EXPECT_EQ(got.err, want.err) << processes;
    }
  }

  // Lines of one to sixty words: their costs differ.
  std::string write_lines(const std::string& name, int lines, int seed = 3) {
    Random random(static_cast<std::uint64_t>(seed));
    std::string text;
    const auto& words = check::tiny_vocabulary();
    for (int i = 0; i < lines; ++i) {
      const std::uint32_t most = 1 + random.below(60);
      for (std::uint32_t n = random.below(most) + 1; n > 0; --n) text += words[5 + random.below(11)] + " ";
      text += "\n";
    }
    check::write_file(t / name, text);
    return (t / name).string();
  }

  // A model with which a verb lasts long enough to be ended in the middle.
  std::string write_slow_model() {
    check::write_tiny_bert(t / "slow", {.width = 128,
                                        .heads = 4,
                                        .layers = check::unless_sanitized(4, 1),
                                        .inner_width = 512,
                                        .max_positions = 128,
                                        .sentence = true});
    return (t / "slow").string();
  }

  // Runs the words on two processes and kills one of them when `is_time` says so; or mpirun gets Ctrl-C.
  static constexpr int kLauncher = -1;
  RunResult killed(int victim, const Words& words, const std::function<bool()>& is_time) {
    // exec keeps the number that the shell writes down
    const Words shell{"sh", "-c",
                      "echo $$ > " + (t / "pid").string() + ".$OMPI_COMM_WORLD_RANK; echo $PPID > " +
                          (t / "pid").string() + ".-1; exec \"$@\"",
                      "sh", LYCEUM_COMMAND};
    std::optional<RunResult> result;
    std::thread runner([&] { result = mpirun(2, shell + words); });
    bool is_killed = false;
    for (int wait = 0; wait < 3000 && !is_killed; ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (!is_time()) continue;
      pid_t pid = 0;
      std::ifstream(t / ("pid." + std::to_string(victim))) >> pid;
      is_killed = pid > 0 && ::kill(pid, victim == kLauncher ? SIGINT : SIGKILL) == 0;
    }
    runner.join();
    EXPECT_TRUE(is_killed) << result->text();
    return *result;
  }

  check::TemporaryFolder t;
  std::string model;

 private:
  Setting root_{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, confirm_{"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"};
};

}  // namespace lyceum
