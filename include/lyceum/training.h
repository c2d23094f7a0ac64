// Training and fine-tuning as `lyceum train` does it: a recipe in, a folder with a model out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lyceum {

struct Recipe;  // of the library's inside

struct TrainingStep {
  std::int64_t step = 0, total_steps = 0;  // counted from 1; total 0: unknown
  double loss_nats = 0, learning_rate = 0, gradient_norm = 0;
  std::int64_t tokens = 0;  // of this step
  double tokens_per_s = 0;
};

// What a validation found: "loss_nats", and as the objective has them "accuracy", "spearman", "pearson".
struct ValidationScores {
  std::int64_t step = 0;
  std::map<std::string, double> numbers;  // NaN where one is undefined
};

struct TrainingOptions {
  bool restart = false;         // begins anew where a run has left checkpoints
  bool accept_changes = false;  // goes on with another recipe than the run began with
  bool check_memory = true;     // refuses what would not fit
  // Called from the thread that trains, between two steps. What they throw ends the run, as a kill would.
  std::function<void(const TrainingStep&)> on_step;
  std::function<void(const ValidationScores&)> on_validation;
  std::function<void(const std::string&)> on_message;  // one line for people
};

struct TrainedModel {
  std::string folder;           // of the model, for EmbeddingModel::load and its like
  std::int64_t steps = 0;       // that were done
  std::int64_t best_step = -1;  // of validation; -1: there was none
  bool was_finished = false;    // before this call
  bool stopped_early = false;   // for want of progress
};

// A run's metrics.jsonl.
struct TrainingHistory {
  std::vector<std::int64_t> steps;  // in their order
  std::vector<double> losses_nats;  // of each step
  std::vector<ValidationScores> validations;
};

// Cheap to copy.
class TrainingRecipe {
 public:
  // A TOML file, or its text (`where` names it in messages), and settings "section.key=value" that stand over
  // what it says. Every setting is checked: Errc::kFormat for the file, Errc::kUsage for a setting, kIo.
  static TrainingRecipe read(const std::string& file, std::span<const std::string> settings = {});
  static TrainingRecipe parse(const std::string& toml, const std::string& where,
                              std::span<const std::string> settings = {});

  const std::string& resolved() const;  // the whole as TOML, defaults written out
  std::string directory() const;        // output.directory

  // Trains to the recipe's end. Where the folder has checkpoints the run goes on from the newest, and ends
  // with the bits of one that was never stopped. Throws Errc::kData for a recipe that changed since, a loss
  // that is not finite, data and model that do not go together; kLimit for a run that would not fit into
  // memory; kIo.
  TrainedModel train(const TrainingOptions& options = {}) const;
  // data.valid judged with the model that the recipe begins with; nothing is learnt or written. Throws
  // Errc::kUsage without data.valid.
  ValidationScores validate() const;

 private:
  explicit TrainingRecipe(std::shared_ptr<const Recipe> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Recipe> inside_;
};

// Throws Errc::kIo where the folder has no metrics.jsonl, kFormat for a damaged one.
TrainingHistory training_history(const std::string& directory);

}  // namespace lyceum
