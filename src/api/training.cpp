#include "lyceum/training.h"

#include <algorithm>
#include <limits>

#include "train/report/metrics.h"
#include "train/run/trainer.h"

namespace lyceum {
namespace {

constexpr std::string_view kValid = "valid_";

ValidationScores scores_of(const ValidReport& report) {
  ValidationScores scores{.step = report.step, .numbers = {{"loss_nats", report.loss_nats}}};
  for (const NamedNumber& number : report.others)
    scores.numbers[number.name.starts_with(kValid) ? number.name.substr(kValid.size()) : number.name] =
        number.value;
  return scores;
}

class Listener final : public TrainObserver {
 public:
  explicit Listener(const TrainingOptions& options) : options_(options) {}
  void on_step(const StepReport& r) override {
    if (options_.on_step)
      options_.on_step({.step = r.step,
                        .total_steps = r.total_steps,
                        .loss_nats = r.loss_nats,
                        .learning_rate = r.learning_rate,
                        .gradient_norm = r.gradient_norm,
                        .tokens = r.tokens,
                        .tokens_per_s = r.tokens_per_s});
  }
  void on_valid(const ValidReport& report) override {
    if (options_.on_validation) options_.on_validation(scores_of(report));
  }
  void on_message(std::string_view line) override {
    if (options_.on_message) options_.on_message(std::string(line));
  }

 private:
  const TrainingOptions& options_;
};

}  // namespace

TrainingRecipe TrainingRecipe::read(const std::string& file, std::span<const std::string> settings) {
  return TrainingRecipe(std::make_shared<const Recipe>(read_recipe(file, settings)));
}
TrainingRecipe TrainingRecipe::parse(const std::string& toml, const std::string& where,
                                     std::span<const std::string> settings) {
  return TrainingRecipe(std::make_shared<const Recipe>(parse_recipe(toml, where, settings)));
}

const std::string& TrainingRecipe::resolved() const { return inside_->resolved; }
std::string TrainingRecipe::directory() const { return inside_->output.directory.string(); }

TrainedModel TrainingRecipe::train(const TrainingOptions& options) const {
  Listener listener(options);
  const TrainResult result = lyceum::train(*inside_, {.restart = options.restart,
                                                      .accept_changes = options.accept_changes,
                                                      .check_memory = options.check_memory,
                                                      .observer = &listener});
  return {.folder = (inside_->output.directory / "model").string(),
          .steps = result.step,
          .best_step = result.best_step,
          .was_finished = result.was_finished,
          .stopped_early = result.stopped_early};
}

ValidationScores TrainingRecipe::validate() const { return scores_of(lyceum::validate(*inside_)); }

TrainingHistory training_history(const std::string& directory) {
  const RunMetrics there = read_metrics(directory, {});
  std::vector<std::string> names;
  for (const std::string& name : there.names)
    if (name == "loss_nats" || name.starts_with(kValid)) names.push_back(name);
  const RunMetrics run = read_metrics(directory, names);
  TrainingHistory history;
  std::map<std::int64_t, ValidationScores> validations;
  for (const auto& [name, points] : run.series)
    for (const MetricsPoint& point : points) {
      if (name == "loss_nats") {
        history.steps.push_back(point.step);
        history.losses_nats.push_back(point.value);
      } else {
        ValidationScores& scores = validations[point.step];
        scores.step = point.step;
        scores.numbers[name.substr(kValid.size())] = point.value;
      }
    }
  for (auto& [step, scores] : validations) history.validations.push_back(std::move(scores));
  return history;
}

}  // namespace lyceum
