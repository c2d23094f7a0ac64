#include "train/run/trainer.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "ops/linear/linear.h"
#include "ranks/message.h"
#include "train/run/parameter_share.h"
#include "train/run/run_identity.h"
#include "train/run/run_tokenizer.h"
#include "train/run/training_run.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

void write_text(const fs::path& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace

Trainer::Trainer(const Recipe& recipe, const TrainOptions& options)
    : recipe_(recipe),
      options_(options),
      ranks_(options.ranks != nullptr ? *options.ranks : alone_),
      observer_(ranks_.is_root() ? options.observer : nullptr),
      checkpoints_(recipe.output.directory, recipe.output.keep) {
  if (ranks_.is_root()) {
    std::error_code error;
    fs::create_directories(directory(), error);
    if (error) fail(Errc::kIo, "output.directory: {}: {}", directory().string(), error.message());
    lock_.emplace(directory());
  }
  learning_ = begin_learning(recipe, [&] {
    return run_tokenizer(recipe, {.restart = options.restart,
                                  .has_begun = checkpoints_.has_any(),
                                  .ranks = ranks_,
                                  .say = [&](const std::string& line) { say(line); }});
  });
  for (const WeightPtr& weight : learning_.frozen) weight->set_trainable(false);
  weights_ = learning_.trained;
  for (const WeightPtr& weight : learning_.objective->parameters()) weights_.push_back(weight);
  for (const WeightPtr& weight : weights_) shapes_.push_back(weight->shape());
  owners_ = owners_of(shapes_, ranks_.size());
  std::vector<TrainedParameter> parameters;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const WeightPtr& weight = weights_[i];
    weight->set_trainable(true);
    places_.emplace(weight->variable(), i);
    if (owners_[i] != ranks_.rank()) continue;
    const bool decays = recipe.train.decay_all || weight->shape().dims() >= 2;
    const auto above = static_cast<double>(learning_.layers + 1 - depth_of(weight->name(), learning_.layers));
    parameters.push_back({.weight = weight,
                          .weight_decay = decays ? recipe.train.weight_decay : 0,
                          .rate_scale = std::pow(recipe.train.layer_decay, above)});
  }
  choose_precision();
  check_memory();
  state_.model = digest_of(learning_);
  state_.recipe = recipe.values;
  expect_same_everywhere();
  std::optional<SavedRun> saved;
  if (ranks_.is_root()) {
    if (options.restart) {
      checkpoints_.remove_all();
    } else {
      saved = checkpoints_.newest();
    }
  }
  optimizer_.emplace(recipe.train.optimizer, parameters);
  if (recipe.train.ema > 0) ema_.emplace(recipe.train.ema, weights_);
  batches_ = std::make_unique<Prefetcher>(training_batches(recipe, learning_));
  read_data_once();
  resume(saved);
  if (!ranks_.is_root()) return;
  write_text(directory() / "recipe.resolved.toml", recipe.resolved);
  files_.emplace(directory(), saved ? std::optional(state_.step) : std::nullopt);
}

// Products in bf16 where every processor of the run gains by it (Micikevicius et al. 2018, "Mixed precision
// training"; with bf16's range no scaling of the loss is needed).
void Trainer::choose_precision() {
  if (recipe_.train.precision != "bf16") return;
  bool gains = multiplies_faster(Compute::kBF16);
  for (const std::string& answer : ranks_.gather_everywhere(packed(gains))) gains &= unpacked<bool>(answer);
  if (!gains)
    return say("train.precision: bf16 is multiplied no faster than f32 here, so all is computed in f32");
  learning_.loaded.model->set_compute(Compute::kBF16);
  say("train.precision: products in bf16; weights, sums, gradients and the optimiser in f32. Such a run has "
      "the "
      "same bits on processors of one kind only");
}

// A record that is wrong is found now, not after hours: validation data are read whole, and so are records
// with labels; a corpus of texts is where its batches have to be counted.
void Trainer::read_data_once() {
  const auto read = [&](const char* setting, Batches& once, std::int64_t most) {
    std::int64_t batches = 0;
    Batch batch;
    const DataCounts& counts = once.builder().counts();
    const auto left_out = [&] {
      return fmt::format("{} of {} records are wrong and left out; the first: {}", counts.bad_records,
                         counts.records, counts.first_bad);
    };
    try {
      while ((most == 0 || batches < most) && once.next(batch)) {
        ++batches;
        check_interrupt();
      }
    } catch (const Error& error) {  // an epoch without a batch
      if (error.code() == Errc::kData && counts.bad_records > 0)
        fail(Errc::kData, "{}: {} ({})", setting, error.what(), left_out());
      throw;
    }
    if (counts.bad_records > 0) say(fmt::format("{}: {}", setting, left_out()));
    return batches;
  };
  const ObjectiveKind kind = recipe_.objective.kind;
  const bool is_corpus = kind == ObjectiveKind::kCausalLm || kind == ObjectiveKind::kMaskedLm;
  std::int64_t batches = 0;
  if (!is_corpus || recipe_.train.steps == 0)
    batches = read("data.train", *training_batches(recipe_, learning_), 0);
  count_steps(batches);
  if (learning_.valid_files && recipe_.train.valid_every > 0)
    read("data.valid", *validation_batches(recipe_, learning_), recipe_.train.valid_batches);
}

void Trainer::count_steps(std::int64_t batches_of_epoch) {
  total_steps_ = recipe_.train.steps;
  if (total_steps_ == 0) {
    total_steps_ =
        (batches_of_epoch * recipe_.train.epochs + recipe_.train.accumulate - 1) / recipe_.train.accumulate;
  }
  schedule_ = schedule_of(recipe_.train, total_steps_);
}

void Trainer::export_model(const char* name) {
  if (!ranks_.is_root()) return;
  std::optional<Ema::InPlace> averages;
  if (ema_) averages.emplace(*ema_);
  save_model(directory() / name, learning_);
}

void Trainer::save() {
  if (saved_step_ == state_.step) return;
  const Ranks::Steady steady(ranks_, silence());
  const NamedTensors optimizer = gathered_state(ranks_, *optimizer_, weights_, owners_);
  if (ranks_.is_root()) {
    SavedRun run{.state = state_, .tensors = {}};
    for (const WeightPtr& weight : weights_)
      run.tensors.emplace("model." + weight->name(), weight->f32().detached());
    for (const auto& [name, tensor] : optimizer) run.tensors.emplace("optimizer." + name, tensor);
    if (ema_)
      for (const auto& [name, tensor] : ema_->state()) run.tensors.emplace(name, tensor);
    checkpoints_.save(run);
  }
  ranks_.barrier();  // nobody leaves before it is on disk
  saved_step_ = state_.step;
}

void Trainer::stop() {
  save();
  fail(Errc::kInterrupted, "stopped after step {} of {}, which is saved. The same command goes on from there",
       state_.step, total_steps_);
}

TrainResult Trainer::run() {
  result_.was_finished = is_over() && saved_step_ >= 0;
  while (!is_over()) {
    const std::int64_t before = state_.step;
    step();
    const std::int64_t at = state_.step;
    if (state_.is_finished) break;
    if (at == before) stop();
    if (recipe_.train.valid_every > 0 && (at % recipe_.train.valid_every == 0 || at == total_steps_))
      validate();
    if (at == total_steps_) state_.is_finished = true;
    if (recipe_.output.save_every > 0 && at % recipe_.output.save_every == 0) save();
    if ((ranks_.is_alone() ? interrupted() : wants_stop_) && !is_over()) stop();
  }
  save();
  export_model(learning_.adapters ? "adapter" : "model");
  result_.step = state_.step;
  result_.best_step = state_.best_step;
  result_.best_loss_nats = state_.best_loss;
  return result_;
}

TrainResult train(const Recipe& recipe, const TrainOptions& options) {
  return Trainer(recipe, options).run();
}

}  // namespace lyceum
