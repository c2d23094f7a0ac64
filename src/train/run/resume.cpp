#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/error.h"
#include "train/run/parameter_share.h"
#include "train/run/run_identity.h"
#include "train/run/training_run.h"

namespace lyceum {
namespace fs = std::filesystem;

void Trainer::expect_same_everywhere() {
  if (ranks_.is_alone()) return;
  expect_same(ranks_, "recipe", recipe_.resolved);
  expect_same(ranks_, "list of parameters", state_.model);
  expect_same(ranks_, "set of training and validation data", data_of(learning_));
  expect_same(ranks_, "set of weights to begin with", weights_of(learning_));
}

void Trainer::check_resumed(const SavedRun& saved) const {
  const fs::path path = checkpoints_.path_of(saved.state.step);
  if (saved.state.model != state_.model)
    fail(Errc::kData,
         "{}: the model has other parameters than when the run began. Fix: the recipe of then, or "
         "--restart",
         path.string());
  std::string changed;
  std::map<std::string, std::string> all = saved.state.recipe;
  all.insert(recipe_.values.begin(), recipe_.values.end());
  for (const auto& [name, unused] : all) {
    const auto before = saved.state.recipe.find(name), now = recipe_.values.find(name);
    const std::string was = before == saved.state.recipe.end() ? "nothing" : before->second,
                      is = now == recipe_.values.end() ? "nothing" : now->second;
    if (was != is && !may_change(name)) changed += fmt::format("\n  {}: {} before, {} now", name, was, is);
  }
  if (!changed.empty() && !options_.accept_changes)
    fail(Errc::kData,
         "{}: the recipe has changed since this checkpoint:{}\nFix: --accept-changes to go on with it, "
         "--restart to begin anew, or another output.directory",
         path.string(), changed);
}

// Rank 0 has read the checkpoint; the others get from it what they need.
void Trainer::resume(const std::optional<SavedRun>& saved) {
  if (saved) check_resumed(*saved);
  const std::string text = ranks_.broadcast(saved ? text_of(saved->state) : "");
  if (text.empty()) return;
  const fs::path path = checkpoints_.path_of(run_state_of(text, "checkpoint").step);
  NamedTensors optimizer, averages;
  std::map<std::string, const Tensor*> model;
  if (saved)
    for (const auto& [name, tensor] : saved->tensors) {
      if (name.starts_with("optimizer.")) optimizer.emplace(name.substr(10), tensor);
      if (name.starts_with("ema.")) averages.emplace(name, tensor);
      if (name.starts_with("model.")) model.emplace(name.substr(6), &tensor);
    }
  for (const WeightPtr& weight : weights_) {
    if (!ranks_.is_root()) break;
    const auto it = model.find(weight->name());
    if (it == model.end() || it->second->shape() != weight->shape() || it->second->dtype() != DType::kF32)
      fail(Errc::kFormat, "{}: tensor 'model.{}': {}, expected F32 {}", path.string(), weight->name(),
           it == model.end() ? "missing" : "found " + it->second->shape().text(), weight->shape().text());
    std::copy_n(it->second->data<float>(), weight->shape().elements(), weight->mutable_f32().begin());
  }
  spread_weights(ranks_, weights_, std::vector<int>(weights_.size(), 0));
  spread_state(ranks_, optimizer, *optimizer_, weights_, owners_);
  if (ema_) {
    if (ranks_.is_root()) ema_->load_state(averages);
    NamedTensors own = ema_->state();
    spread_tensors(ranks_, own);
    ema_->load_state(own);
  }
  const std::string digest = state_.model;
  state_ = run_state_of(text, "checkpoint");
  state_.model = digest;
  state_.recipe = recipe_.values;
  saved_step_ = state_.step;
  batches_->seek(state_.data);
  if (options_.accept_changes && state_.step < total_steps_) state_.is_finished = false;
  say(fmt::format("going on from step {} ({})", state_.step, path.string()));
}

}  // namespace lyceum
