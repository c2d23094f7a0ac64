#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "ranks/message.h"
#include "train/run/training_run.h"

namespace lyceum {
namespace {

// What the best validation has the lowest of: the loss, or another number that was reported, whose sign turns
// since more of it is better. Without one (of constant scores no correlation is known) it is never the best.
double number_to_lower(const ValidReport& report, const std::string& best_by) {
  if (best_by == "loss") return report.loss_nats;
  for (const NamedNumber& number : report.others)
    if (number.name == "valid_" + best_by && !std::isnan(number.value)) return -number.value;
  return std::numeric_limits<double>::infinity();
}

void pack(Packer& p, const Judgement& judgement) {
  for (const auto* numbers :
       {&judgement.losses, &judgement.counts, &judgement.predicted, &judgement.expected})
    pack(p, *numbers);
  pack(p, judgement.hits);
  pack(p, judgement.guesses);
}
void unpack(Unpacker& u, Judgement& judgement) {
  for (auto* numbers : {&judgement.losses, &judgement.counts, &judgement.predicted, &judgement.expected})
    unpack(u, *numbers);
  unpack(u, judgement.hits);
  unpack(u, judgement.guesses);
}

// Each rank judges batches of its own; they are added up in their order, as one process does.
Judgement judge(const Recipe& recipe, const Learning& learning, Ranks& ranks) {
  const std::unique_ptr<Batches> batches = validation_batches(recipe, learning);
  const std::int64_t most = recipe.train.valid_batches;
  Packer own;
  Batch batch;
  std::int64_t count = 0;
  for (; (most == 0 || count < most) && batches->next(batch); ++count) {
    if (count % ranks.size() != ranks.rank()) continue;
    Judgement judgement;
    learning.objective->judge(learning.learner(), batch.examples, judgement);
    pack(own, judgement);
    check_interrupt();
  }
  const std::vector<std::string> all = ranks.gather_everywhere(std::move(own).take());
  std::vector<Unpacker> parts(all.begin(), all.end());
  Judgement sum;
  for (std::int64_t i = 0; i < count; ++i) {
    Judgement judgement;
    unpack(parts[static_cast<std::size_t>(i) % parts.size()], judgement);
    sum.add(judgement);
  }
  return sum;
}

}  // namespace

Judgement Trainer::judge_all() {
  std::optional<Ema::InPlace> averages;
  if (ema_) averages.emplace(*ema_);
  return judge(recipe_, learning_, ranks_);
}

void Trainer::validate() {
  ValidReport report = learning_.objective->report(judge_all());
  report.step = state_.step;
  if (files_) files_->on_valid(report);
  if (observer_ != nullptr) observer_->on_valid(report);
  const double number = number_to_lower(report, recipe_.train.best_by);
  if (state_.best_step < 0 || number < state_.best_number) {
    state_.best_step = state_.step;
    state_.best_loss = report.loss_nats;
    state_.best_number = number;
    state_.since_best = 0;
    if (recipe_.output.keep_best) export_model("best");
  } else if (++state_.since_best >= recipe_.train.patience && recipe_.train.patience > 0) {
    say(fmt::format("stopped: no better validation since step {}", state_.best_step));
    state_.is_finished = true;
    result_.stopped_early = true;
  }
}

ValidReport validate(const Recipe& recipe) {
  if (recipe.data.valid.empty())
    fail(Errc::kUsage, "data.valid: found nothing, expected the files to validate on");
  const Learning learning = begin_learning(recipe, []() -> TokenizerFiles {
    fail(Errc::kUsage, "model.tokenizer: found one that is to be learnt, expected a model that has one");
  });
  Ranks alone;
  return learning.objective->report(judge(recipe, learning, alone));
}

}  // namespace lyceum
