// A training run: from a recipe to a folder with a model, stopped and gone on with as one likes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/recipe/recipe.h"
#include "train/report/observer.h"

namespace lyceum {

class Ranks;

struct TrainOptions {
  bool restart = false;               // begins anew where a run has left checkpoints
  bool accept_changes = false;        // goes on with another recipe than the run began with
  bool check_memory = true;           // refuses what would not fit
  TrainObserver* observer = nullptr;  // of rank 0
  Ranks* ranks = nullptr;             // the processes that train together; null: this one alone
};

struct TrainResult {
  std::int64_t step = 0;
  double loss_nats = 0;         // of the last step
  double best_loss_nats = 0;    // of validation
  std::int64_t best_step = -1;  // -1: there was none
  bool was_finished = false;    // before this call
  bool stopped_early = false;   // for want of progress
};

// Trains until the recipe's end. output.directory gets recipe.resolved.toml, metrics.jsonl, TensorBoard's
// events, checkpoints/ and model/, a folder that the reference's libraries load; best/ is the same of the
// best validation. Where checkpoints are there already, the run goes on from the newest and ends with the
// bits of one that was never stopped; f32 runs have the same bits on every machine and for any number of
// threads.
//
// With several processes each one calls this with the same recipe. Of every batch each takes its share, so
// that a step is that of one process, within rounding; repeated with as many processes it has the same bits.
// Checkpoints do not depend on how many there were. Process 0 alone writes and reports.
//
// Ctrl-C: the step is ended, the state saved, Errc::kInterrupted thrown with how to go on (several processes
// leave a step that they are at, since their launcher waits a second only). Throws Errc::kData for a recipe
// that changed since the checkpoint (the settings named, unless options.accept_changes), a loss that is not
// finite (the step's examples named; the recipe may say to skip it), a second process in the same folder;
// Errc::kLimit for a run that would not fit into memory; Errc::kIo where the disk refuses: nothing that was
// there is lost.
TrainResult train(const Recipe& recipe, const TrainOptions& options = {});

// The numbers of the recipe's validation data for the model that it begins with: nothing is learnt or
// written. Throws Errc::kUsage where the recipe has no data.valid; kInterrupted.
ValidReport validate(const Recipe& recipe);

}  // namespace lyceum
