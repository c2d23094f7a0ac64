// What the bar of the command says; the rest of it needs a terminal.
#include "apps/lyceum/progress.h"

#include <gtest/gtest.h>

#include "apps/lyceum/app.h"
#include "apps/lyceum/texts.h"
#include "apps/lyceum/train_progress.h"

namespace lyceum::app {
namespace {

TEST(Progress, ALineHasStepNoteAndRemainingTime) {
  const ProgressState state{.what = "train",
                            .done = 500,
                            .total = 2000,
                            .per_s = 2.5,
                            .seconds_left = 600,
                            .note = "loss 3.2140, 41000 tokens/s"};
  EXPECT_EQ(progress_line(state, 0), "train 500/2000 (loss 3.2140, 41000 tokens/s, 10 min 0 s left)");
  EXPECT_EQ(progress_line(state, 100),
            "train 500/2000 [=======                       ] (loss 3.2140, 41000 tokens/s, 10 min 0 s left)");
  EXPECT_EQ(progress_line(state, 72), progress_line(state, 0)) << "no room for a bar";
  EXPECT_EQ(progress_line(state, 20), "train 500/2000 (los");
}

TEST(Progress, ALineWithoutANoteHasTheRate) {
  EXPECT_EQ(progress_line({.what = "embed", .done = 12, .per_s = 3.4}, 80), "embed 12 (3/s)");
  EXPECT_EQ(progress_line({.what = "embed", .done = 12, .share = 0.25, .per_s = 3.4, .seconds_left = 9}, 0),
            "embed 12 (3/s, 25 %, 9 s left)");
  EXPECT_EQ(progress_line(
                {.what = "pull", .done = 1500, .total = 3000, .per_s = 100, .unit = ProgressUnit::kBytes}, 0),
            "pull 1.5 kB of 3.0 kB (100 bytes/s)");
}

TEST(Progress, MoreThanTheTotalIsNoLongerBar) {
  EXPECT_EQ(progress_line({.what = "x", .done = 9, .total = 4}, 40),
            "x 9/4 [=========================] (0/s)");
}

TEST(Progress, DurationsForPeople) {
  EXPECT_EQ(duration_text(45.4), "45 s");
  EXPECT_EQ(duration_text(725), "12 min 5 s");
  EXPECT_EQ(duration_text(12000), "3 h 20 min");
  EXPECT_EQ(duration_text(183600), "2 d 3 h");
  EXPECT_EQ(duration_text(-1), "0 s");
}

// The tests' standard error is no terminal.
TEST(Progress, ATrainingRunSaysWhatHappensOnLinesOfTheirOwn) {
  testing::internal::CaptureStderr();
  for (const bool quiet : {false, true}) {
    const Common common{.quiet = quiet};
    TrainProgress progress(common);
    progress.on_message("resuming at step 1");
    progress.on_step({.step = 2, .total_steps = 4, .loss_nats = 3.5, .tokens_per_s = 100});
    progress.on_valid({.step = 2, .loss_nats = 3.25});
    progress.on_text({.step = 2, .name = "sample", .text = "a\nb"});
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "resuming at step 1\nstep 2: valid loss 3.2500\nstep 2: sample: a b\n");
}

}  // namespace
}  // namespace lyceum::app
