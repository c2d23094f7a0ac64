// train: a recipe in, a folder with a model out.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/processes.h"
#include "apps/lyceum/train_progress.h"
#include "train/run/trainer.h"

namespace lyceum::app {
namespace {

struct TrainArguments {
  std::string recipe, data;
  std::vector<std::string> settings;
  TrainOptions train;
  bool no_memory_check = false, check = false;
};

void show(const Recipe& recipe, const TrainResult& result, const Common& common) {
  const std::string model = (recipe.output.directory / (recipe.model.lora ? "adapter" : "model")).string();
  if (common.json) {
    nlohmann::ordered_json object{{"step", result.step}, {"loss_nats", result.loss_nats}, {"model", model}};
    if (result.best_step >= 0) {
      object["best_step"] = result.best_step;
      object["best_valid_loss_nats"] = result.best_loss_nats;
    }
    object["stopped_early"] = result.stopped_early;
    return print_json(object);
  }
  if (common.quiet) return;
  if (result.was_finished) {
    print_line(fmt::format("{} was trained already, {} steps. --restart begins anew.", model, result.step));
    return;
  }
  print_line(fmt::format("{}: {} steps{}", model, result.step,
                         result.best_step < 0 ? ""
                                              : fmt::format(", best validation {:.4f} nats at step {}",
                                                            result.best_loss_nats, result.best_step)));
}

void run(const TrainArguments& o, const Common& common) {
  Ranks& ranks = apply_shared(common);
  std::vector<std::string> settings = o.settings;
  if (!o.data.empty())
    settings.push_back("data.folder=" +
                       nlohmann::json(o.data).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  Recipe recipe = read_recipe(o.recipe, settings);
  if (o.check) {
    if (ranks.is_root()) print_line(recipe.resolved);
    return;
  }
  TrainProgress progress(common);
  TrainOptions options = o.train;
  options.check_memory = !o.no_memory_check;
  options.observer = &progress;
  options.ranks = &ranks;
  const TrainResult result = train(recipe, options);
  if (ranks.is_root()) show(recipe, result, common);
}

}  // namespace

void add_train(CLI::App& app) {
  auto o = std::make_shared<TrainArguments>();
  Verb verb(app, "train", "Train or fine-tune a model as a recipe says; stopped, the same command goes on");
  auto common =
      add_common(verb, "lyceum train recipes/shakespeare.toml train.steps=2000 train.learning_rate=5e-4");
  verb.option("recipe", o->recipe, "A recipe, NAME.toml").required();
  verb.option("settings", o->settings, "section.key=value: settings that stand over the recipe's");
  verb.option("--data,-d", o->data, "Where the recipe's files of data begin, as data.folder=DIR");
  verb.flag("--restart", o->train.restart, "Begin anew where a run has left checkpoints");
  verb.flag("--accept-changes", o->train.accept_changes, "Go on with another recipe than the run began with");
  verb.flag("--no-memory-check", o->no_memory_check, "Try even what does not seem to fit into memory");
  verb.flag("--check", o->check, "Check the recipe, print it with every default, and do nothing");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
