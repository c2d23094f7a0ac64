// Signals, resuming, readers that leave, disks that are full.
#include <fmt/core.h>

#include <fstream>

#include "base/file.h"
#include "formats/npy.h"
#include "tests/command/command.h"

namespace lyceum {
namespace {

// Feeds lines until standard input is closed, so that the program is at work when the signal comes.
constexpr const char* kEndless =
    "mkfifo in; (while echo 'the cat sat on the mat'; do :; done) > in 2>/dev/null & feeder=$!; ";
constexpr const char* kWaitForRows =
    "for i in $(seq 400); do s=$(stat -c %s v.npy.part 2>/dev/null || echo 0); if ((s > 1000)); then break; "
    "fi; sleep 0.02; done; ";

TEST_F(Command, InterruptedWorkKeepsItsRowsAndSaysHowToGoOn) {
  for (const char* name : {"INT", "TERM"}) {
    SCOPED_TRACE(name);
    const RunResult r = shell(std::string("rm -f in v.npy*; ") + kEndless +
                              "$lyceum embed $m --input in --output v.npy & p=$!; " + kWaitForRows +
                              "kill -" + name + " $p; wait $p; status=$?; kill $feeder; exit $status");
    EXPECT_EQ(r.status, 130) << r.text();
    EXPECT_TRUE(contains(r.err, "rows, which are kept")) << r.text();
    EXPECT_TRUE(contains(r.err, "--resume")) << r.text();
    EXPECT_EQ(r.out, "");
    EXPECT_FALSE(fs::exists(t / "v.npy"));
    ASSERT_TRUE(fs::exists(t / "v.npy.part"));
    // and it does go on
    const auto rows = (fs::file_size(t / "v.npy.part") - 128) / 32;
    EXPECT_GT(rows, 0u);
    const RunResult more = shell(fmt::format(
        "yes 'the cat sat on the mat' | head -{} | $lyceum embed $m - --output v.npy --resume", rows + 5));
    EXPECT_EQ(more.status, 0) << more.text();
    EXPECT_TRUE(contains(more.err, fmt::format("going on after {} rows", rows))) << more.text();
    EXPECT_EQ(read_npy(t / "v.npy").shape(), Shape({static_cast<std::int64_t>(rows + 5), 8}));
  }
}

TEST_F(Command, CtrlCEndsAProgramThatWaitsForInput) {
  const RunResult r = shell(
      "mkfifo in; sleep 20 > in & s=$!; $lyceum embed $m - < in & p=$!; sleep 0.5; kill -INT $p; wait $p; "
      "status=$?; kill $s; exit $status");
  EXPECT_EQ(r.status, 130) << r.text();
  EXPECT_LT(r.seconds, 15);
  EXPECT_TRUE(contains(r.err, "interrupted")) << r.text();
}

TEST_F(Command, ResumingWithAnotherModelOptionOrInputIsRefused) {
  const std::string start = std::string("rm -f in v.npy*; ") + kEndless +
                            "$lyceum embed $m --input in --output v.npy & p=$!; " + kWaitForRows +
                            "kill -9 $p; wait $p; kill $feeder; ";
  ASSERT_LT(0, shell(start + "true").seconds);
  write_tiny_bert(t / "other", {.seed = 2, .sentence = true});
  for (const char* wrong : {"embed other", "embed model --max-tokens 5", "embed model --prompt 'a '"}) {
    const RunResult r =
        shell(std::string("yes cat | head -100000 | $lyceum ") + wrong + " - --output v.npy --resume");
    expect_failure(r, 1, "another model or other options");
  }
  expect_failure(shell("echo cat | $lyceum embed model - --output v.npy --resume"), 1, "lines only");
  EXPECT_EQ(shell("echo cat | $lyceum embed model - --output v.npy").status, 0);
}

TEST_F(Command, TwoWritersOfOneFileDoNotMix) {
  const RunResult r =
      shell(std::string(kEndless) + "$lyceum embed $m --input in --output v.npy & p=$!; " + kWaitForRows +
            "$lyceum embed $m cat --output v.npy; status=$?; kill -9 $p; kill $feeder; wait 2>/dev/null; "
            "exit $status");
  EXPECT_EQ(r.status, 1) << r.text();
  EXPECT_TRUE(contains(r.err, "another process")) << r.text();
}

TEST_F(Command, AReaderThatLeavesIsNoError) {
  const RunResult r =
      shell("yes 'the cat' | head -200000 | $lyceum tokenize $m - --json | head -1; echo ${PIPESTATUS[2]}");
  const auto lines = lines_of(r.out);
  ASSERT_EQ(lines.size(), 2u) << r.text();
  EXPECT_TRUE(json::parse(lines[0]).contains("ids"));
  EXPECT_EQ(lines[1], "141") << "ended by SIGPIPE";
  EXPECT_EQ(r.err, "");
}

TEST_F(Command, AFullDiskIsAnErrorThatSaysSo) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  const RunResult r = shell("$lyceum tokenize $m 'the cat' > /dev/full");
  EXPECT_EQ(r.status, 1) << r.text();
  EXPECT_TRUE(contains(r.err, "No space left")) << r.text();
}

}  // namespace
}  // namespace lyceum
