// What a training run holds, and what it does: a step (training_step.cpp), a validation (validation.cpp),
// going on from a checkpoint (resume.cpp), and the whole from its beginning to its end (trainer.cpp).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ranks/ranks.h"
#include "train/optimizer/ema.h"
#include "train/report/run_files.h"
#include "train/run/checkpoints.h"
#include "train/run/gradient_exchange.h"
#include "train/run/learning.h"
#include "train/run/run_lock.h"
#include "train/run/trainer.h"

namespace lyceum {

class Trainer {
 public:
  Trainer(const Recipe& recipe, const TrainOptions& options);
  TrainResult run();

 private:
  class LeftStep {};
  struct Global {  // a step's batch, of all ranks
    std::vector<Batch> parts;
    std::vector<double> totals;
    std::int64_t tokens = 0;
  };
  void choose_precision();
  void expect_same_everywhere();
  void resume(const std::optional<SavedRun>& saved);
  void check_resumed(const SavedRun& saved) const;
  void read_data_once();
  void count_steps(std::int64_t batches_of_epoch);
  void check_memory();
  bool read_global(Global& batch);
  double learn(const Global& batch, GradientExchange& exchange);
  void step();
  void validate();
  Judgement judge_all();
  void save();
  [[noreturn]] void stop();
  void export_model(const char* name);
  bool is_over() const { return state_.is_finished || (total_steps_ > 0 && state_.step >= total_steps_); }
  void say(const std::string& line) const {
    if (observer_ != nullptr) observer_->on_message(line);
  }
  // Said when another rank is silent after an interrupt.
  std::string silence() const {
    return fmt::format(
        "another process does not answer. If it has died: {}",
        saved_step_ < 0 ? "the run has no checkpoint yet"
                        : fmt::format("the last checkpoint is step {}, and the same command goes on from it",
                                      saved_step_));
  }
  DataPart own_part() const {
    return {.index = static_cast<std::uint64_t>(ranks_.rank()),
            .count = static_cast<std::uint64_t>(ranks_.size())};
  }
  const std::filesystem::path& directory() const { return recipe_.output.directory; }

  const Recipe& recipe_;
  const TrainOptions& options_;
  Ranks alone_;
  Ranks& ranks_;
  TrainObserver* observer_;  // of rank 0
  std::optional<RunLock> lock_;
  Learning learning_;
  std::vector<WeightPtr> weights_;  // that are trained
  std::vector<Shape> shapes_;
  std::vector<int> owners_;
  std::unordered_map<Variable, std::size_t> places_;  // of the weights
  std::optional<Optimizer> optimizer_;                // of those that are owned, in their order
  std::optional<Ema> ema_;
  std::unique_ptr<Prefetcher> batches_;
  std::optional<RunFiles> files_;
  Checkpoints checkpoints_;
  RunState state_;
  ScheduleSpec schedule_;
  std::int64_t total_steps_ = 0, saved_step_ = -1;
  bool wants_stop_ = false;  // on every rank alike
  TrainResult result_;
};

}  // namespace lyceum
