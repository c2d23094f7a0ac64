#include "train/run/trainer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "train/optimizer/ema.h"
#include "train/report/run_files.h"
#include "train/run/checkpoints.h"
#include "train/run/learning.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

// Settings whose change does not make a run another one.
bool may_change(const std::string& name) {
  static constexpr const char* kFree[] = {"output.",    "train.valid_every", "train.valid_batches",
                                          "data.valid", "data.workers",      "train.patience"};
  return std::any_of(std::begin(kFree), std::end(kFree),
                     [&](const char* free) { return name.starts_with(free); });
}

std::string digest_of(const Learning& learning) {
  Digest digest(Digest::Kind::kSha256);
  for (const WeightPtr& weight : learning.loaded.model->parameters()) {
    const std::string line = weight->name() + weight->shape().text() + "\n";
    digest.update(line.data(), line.size());
  }
  return digest.hex();
}

class RunLock {
 public:
  explicit RunLock(const fs::path& directory)
      : file_(::open((directory / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (file_.value < 0) fail(Errc::kIo, "{}: {}", (directory / ".lock").string(), std::strerror(errno));
    if (::flock(file_.value, LOCK_EX | LOCK_NB) != 0)
      fail(Errc::kIo,
           "{}: another process trains in this folder. Fix: wait for it, or another output.directory",
           directory.string());
  }

 private:
  Descriptor file_;
};

void write_text(const fs::path& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

class Trainer {
 public:
  Trainer(const Recipe& recipe, const TrainOptions& options);
  TrainResult run();

 private:
  struct Global {  // a step's batch
    std::vector<Batch> parts;
    std::vector<double> totals;
    std::int64_t tokens = 0;
  };
  void resume(const SavedRun& saved);
  void count_steps();
  void check_memory() const;
  bool read_global(Global& batch);
  void step();
  void validate();
  void save();
  void export_model(const char* name);
  bool is_over() const { return state_.is_finished || (total_steps_ > 0 && state_.step >= total_steps_); }
  void say(const std::string& line) const {
    if (options_.observer != nullptr) options_.observer->on_message(line);
  }
  const fs::path& directory() const { return recipe_.output.directory; }

  const Recipe& recipe_;
  const TrainOptions& options_;
  std::optional<RunLock> lock_;
  Learning learning_;
  std::vector<WeightPtr> weights_;  // that are trained, in the order of the optimiser
  std::optional<Optimizer> optimizer_;
  std::optional<Ema> ema_;
  std::unique_ptr<Prefetcher> batches_;
  std::optional<RunFiles> files_;
  Checkpoints checkpoints_;
  RunState state_;
  ScheduleSpec schedule_;
  std::int64_t total_steps_ = 0, saved_step_ = -1;
  TrainResult result_;
};

Trainer::Trainer(const Recipe& recipe, const TrainOptions& options)
    : recipe_(recipe), options_(options), checkpoints_(recipe.output.directory, recipe.output.keep) {
  std::error_code error;
  fs::create_directories(directory(), error);
  if (error) fail(Errc::kIo, "output.directory: {}: {}", directory().string(), error.message());
  lock_.emplace(directory());
  learning_ = begin_learning(recipe);
  for (const WeightPtr& weight : learning_.frozen) weight->set_trainable(false);
  weights_ = learning_.trained;
  for (const WeightPtr& weight : learning_.objective->parameters()) weights_.push_back(weight);
  std::vector<TrainedParameter> parameters;
  for (const WeightPtr& weight : weights_) {
    weight->set_trainable(true);
    const bool decays = recipe.train.decay_all || weight->shape().dims() >= 2;
    const auto above = static_cast<double>(learning_.layers + 1 - depth_of(weight->name(), learning_.layers));
    parameters.push_back({.weight = weight,
                          .weight_decay = decays ? recipe.train.weight_decay : 0,
                          .rate_scale = std::pow(recipe.train.layer_decay, above)});
  }
  check_memory();
  state_.model = digest_of(learning_);
  state_.recipe = recipe.values;
  std::optional<SavedRun> saved;
  if (options.restart) {
    checkpoints_.remove_all();
  } else {
    saved = checkpoints_.newest();
  }
  optimizer_.emplace(recipe.train.optimizer, parameters);
  if (recipe.train.ema > 0) ema_.emplace(recipe.train.ema, weights_);
  batches_ = std::make_unique<Prefetcher>(training_batches(recipe, learning_));
  count_steps();
  if (saved) resume(*saved);
  write_text(directory() / "recipe.resolved.toml", recipe.resolved);
  files_.emplace(directory(), saved ? std::optional(state_.step) : std::nullopt);
}

void Trainer::count_steps() {
  total_steps_ = recipe_.train.steps;
  if (total_steps_ == 0) {  // an epoch's batches are counted by reading it once
    const std::unique_ptr<Batches> once = training_batches(recipe_, learning_);
    std::int64_t batches = 0;
    Batch batch;
    while (once->next(batch)) ++batches;
    total_steps_ = (batches * recipe_.train.epochs + recipe_.train.accumulate - 1) / recipe_.train.accumulate;
    if (total_steps_ == 0) fail(Errc::kData, "data.train: an epoch has no batch");
  }
  schedule_ = recipe_.train.schedule;
  schedule_.total_steps = total_steps_;
  if (recipe_.train.warmup_ratio > 0)
    schedule_.warmup_steps =
        static_cast<std::int64_t>(std::ceil(recipe_.train.warmup_ratio * static_cast<double>(total_steps_)));
  check_schedule(schedule_);
}

void Trainer::resume(const SavedRun& saved) {
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
  NamedTensors optimizer, averages;
  std::map<std::string, const Tensor*> model;
  for (const auto& [name, tensor] : saved.tensors) {
    if (name.starts_with("optimizer.")) optimizer.emplace(name.substr(10), tensor);
    if (name.starts_with("ema.")) averages.emplace(name, tensor);
    if (name.starts_with("model.")) model.emplace(name.substr(6), &tensor);
  }
  for (const WeightPtr& weight : weights_) {
    const auto it = model.find(weight->name());
    if (it == model.end() || it->second->shape() != weight->shape() || it->second->dtype() != DType::kF32)
      fail(Errc::kFormat, "{}: tensor 'model.{}': {}, expected F32 {}", path.string(), weight->name(),
           it == model.end() ? "missing" : "found " + it->second->shape().text(), weight->shape().text());
    std::copy_n(it->second->data<float>(), weight->shape().elements(), weight->mutable_f32().begin());
  }
  optimizer_->load_state(optimizer);
  if (ema_) ema_->load_state(averages);
  const std::string digest = state_.model;
  state_ = saved.state;
  state_.model = digest;
  state_.recipe = recipe_.values;
  saved_step_ = state_.step;
  batches_->seek(state_.data);
  if (options_.accept_changes && state_.step < total_steps_) state_.is_finished = false;
  say(fmt::format("going on from step {} ({})", state_.step, path.string()));
}

void Trainer::check_memory() const {
  MemoryEstimate need;
  std::vector<Shape> shapes;
  for (const WeightPtr& weight : learning_.loaded.model->parameters())
    need.weights += static_cast<std::uint64_t>(weight->shape().elements()) * 4;
  double kept_a_token =
      0;  // floats that a token leaves on the tape: about twice what goes in and out of each product
  for (const WeightPtr& weight : weights_) {
    shapes.push_back(weight->shape());
    need.gradients += static_cast<std::uint64_t>(weight->shape().elements()) * 4;
    if (weight->shape().dims() == 2 && weight->shape()[0] < learning_.loaded.model->vocabulary())
      kept_a_token += 2.0 * static_cast<double>(weight->shape()[0] + weight->shape()[1]);
  }
  need.optimizer = state_bytes(recipe_.train.optimizer, shapes);
  if (recipe_.train.ema > 0) need.averages = need.gradients;
  const std::int64_t length = recipe_.train.context_tokens;
  double tokens = static_cast<double>(
      recipe_.train.batch_tokens > 0 ? recipe_.train.batch_tokens : recipe_.train.batch_sequences * length);
  if (recipe_.train.part_tokens > 0)
    tokens = std::min(tokens, static_cast<double>(recipe_.train.part_tokens));
  if (recipe_.train.recompute_layers && learning_.layers > 0)
    kept_a_token *= 2.0 / static_cast<double>(learning_.layers);
  need.activations = static_cast<std::uint64_t>(std::min(kept_a_token * tokens * 4, 1e18));
  const std::uint64_t there = available_memory();
  const auto gib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  const std::string text = fmt::format(
      "about {:.2f} GiB of memory: weights {:.2f}, gradients {:.2f}, {} {:.2f}, activations {:.2f} for {} "
      "tokens at a time",
      gib(need.total()), gib(need.weights), gib(need.gradients), "optimiser",
      gib(need.optimizer + need.averages), gib(need.activations), static_cast<std::int64_t>(tokens));
  if (options_.check_memory && there > 0 && need.total() > there)
    fail(Errc::kLimit,
         "this run needs {}; {:.2f} GiB are free. Fix: fewer tokens at a time (train.part_tokens), "
         "train.recompute_layers = true, a smaller batch or model; --no-memory-check to try all the same",
         text, gib(there));
  say("needs " + text);
}

bool Trainer::read_global(Global& batch) {
  batch = {};
  for (std::int64_t i = 0; i < recipe_.train.accumulate; ++i) {
    Batch next;
    // false at the end of an epoch, and once more at the end of all
    if (!batches_->next(next) && !batches_->next(next)) break;
    batch.parts.push_back(std::move(next));
  }
  for (const Batch& part : batch.parts) {
    const std::vector<double> counts = learning_.objective->counts(part.examples);
    batch.totals.resize(counts.size());
    for (std::size_t i = 0; i < counts.size(); ++i) batch.totals[i] += counts[i];
    for (const Example& example : part.examples) batch.tokens += example.tokens();
  }
  return !batch.parts.empty();
}

// Places of the examples, for messages.
std::string places_of(const std::vector<Batch>& parts) {
  std::string out;
  int named = 0;
  for (const Batch& part : parts)
    for (const Example& example : part.examples) {
      if (++named > 5) return out + ", ...";
      out += (out.empty() ? "" : ", ") + example.where;
    }
  return out;
}

void Trainer::step() {
  const auto begin = std::chrono::steady_clock::now();
  Global batch;
  if (!read_global(batch)) {
    state_.is_finished = true;
    return;
  }
  const std::int64_t step = state_.step + 1;
  const PhiloxBlock block = philox(recipe_.train.seed, static_cast<std::uint64_t>(step), 0x7374657073656564);
  const LearnOptions learn{.dropout_seed = std::uint64_t{block[1]} << 32 | block[0],
                           .recompute_layers = recipe_.train.recompute_layers,
                           .part_tokens = recipe_.train.part_tokens};
  Gradients gradients;
  double loss = 0;
  for (const Batch& part : batch.parts)
    loss += learning_.objective->learn(learning_.learner(), part.examples, batch.totals, learn, gradients);
  std::vector<Tensor> ordered;
  for (const WeightPtr& weight : weights_) {
    Tensor gradient = gradients.take(weight->variable());
    ordered.push_back(gradient.defined() ? gradient.reshaped(weight->shape()) : gradient);
  }
  const double norm = global_norm(ordered);
  const double rate = learning_rate_at(schedule_, recipe_.train.learning_rate, step);
  const bool is_bad = !std::isfinite(loss) || !std::isfinite(norm);
  if (is_bad && recipe_.train.on_bad_loss == "stop")
    fail(Errc::kData,
         "step {}: the loss is {} and the gradients' norm {}; the examples: {}. The last checkpoint is "
         "step {}. Fix: a smaller train.learning_rate, more train.warmup_steps, train.clip_norm, or "
         "train.on_bad_loss = \"skip\"",
         step, loss, norm, places_of(batch.parts), saved_step_);
  if (is_bad) {
    ++state_.skipped;
    say(fmt::format("step {}: skipped, the loss is {} and the gradients' norm {}; the examples: {}", step,
                    loss, norm, places_of(batch.parts)));
  } else {
    const double clip = recipe_.train.clip_norm;
    optimizer_->step(ordered, rate, clip > 0 && norm > clip ? clip / norm : 1.0);
    if (ema_) ema_->update();
  }
  state_.step = step;
  state_.tokens += batch.tokens;
  state_.data = batches_->position();
  result_.loss_nats = loss;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const StepReport report{.step = step,
                          .total_steps = total_steps_,
                          .loss_nats = loss,
                          .learning_rate = rate,
                          .gradient_norm = norm,
                          .tokens = batch.tokens,
                          .tokens_per_s = static_cast<double>(batch.tokens) / seconds.count(),
                          .others = {}};
  files_->on_step(report);
  if (options_.observer != nullptr) options_.observer->on_step(report);
}

void Trainer::validate() {
  ValidReport report;
  {
    std::optional<Ema::InPlace> averages;
    if (ema_) averages.emplace(*ema_);
    const std::unique_ptr<Batches> batches = validation_batches(recipe_, learning_);
    Judgement judgement;
    Batch batch;
    for (std::int64_t i = 0; batches->next(batch); ++i) {
      if (recipe_.train.valid_batches > 0 && i == recipe_.train.valid_batches) break;
      learning_.objective->judge(learning_.learner(), batch.examples, judgement);
      check_interrupt();
    }
    report = learning_.objective->report(judgement);
  }
  report.step = state_.step;
  files_->on_valid(report);
  if (options_.observer != nullptr) options_.observer->on_valid(report);
  if (state_.best_step < 0 || report.loss_nats < state_.best_loss) {
    state_.best_step = state_.step;
    state_.best_loss = report.loss_nats;
    state_.since_best = 0;
    if (recipe_.output.keep_best) export_model("best");
  } else if (++state_.since_best >= recipe_.train.patience && recipe_.train.patience > 0) {
    say(fmt::format("stopped: no better validation since step {}", state_.best_step));
    state_.is_finished = true;
    result_.stopped_early = true;
  }
}

void Trainer::export_model(const char* name) {
  std::optional<Ema::InPlace> averages;
  if (ema_) averages.emplace(*ema_);
  save_model(directory() / name, learning_);
}

void Trainer::save() {
  if (saved_step_ == state_.step) return;
  SavedRun run{.state = state_, .tensors = {}};
  for (const WeightPtr& weight : weights_)
    run.tensors.emplace("model." + weight->name(), weight->f32().detached());
  for (const auto& [name, tensor] : optimizer_->state()) run.tensors.emplace("optimizer." + name, tensor);
  if (ema_)
    for (const auto& [name, tensor] : ema_->state()) run.tensors.emplace(name, tensor);
  checkpoints_.save(run);
  saved_step_ = state_.step;
}

TrainResult Trainer::run() {
  result_.was_finished = is_over() && saved_step_ >= 0;
  while (!is_over()) {
    step();
    const std::int64_t at = state_.step;
    if (state_.is_finished) break;
    if (recipe_.train.valid_every > 0 && (at % recipe_.train.valid_every == 0 || at == total_steps_))
      validate();
    if (at == total_steps_) state_.is_finished = true;
    if (recipe_.output.save_every > 0 && at % recipe_.output.save_every == 0) save();
    if (interrupted() && !is_over()) {
      save();
      fail(Errc::kInterrupted,
           "stopped after step {} of {}, which is saved. The same command goes on from there", at,
           total_steps_);
    }
  }
  save();
  export_model("model");
  result_.step = state_.step;
  result_.best_step = state_.best_step;
  result_.best_loss_nats = state_.best_loss;
  return result_;
}

}  // namespace

std::uint64_t available_memory() {
  std::uint64_t free = 0;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name; meminfo >> name;) {
    std::uint64_t kib = 0;
    if (name == "MemAvailable:" && meminfo >> kib) free = kib * 1024;
    meminfo.ignore(1 << 16, '\n');
  }
  const auto number_in = [](const char* path) -> std::uint64_t {
    std::ifstream file(path);
    std::uint64_t value = 0;
    return file >> value ? value : 0;
  };
  const std::uint64_t limit = number_in("/sys/fs/cgroup/memory.max"),
                      used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > used && (free == 0 || limit - used < free)) free = limit - used;
  return free;
}

TrainResult train(const Recipe& recipe, const TrainOptions& options) {
  if (recipe.train.precision != "f32")
    fail(Errc::kUnsupported, "train.precision: found '{}', expected f32", recipe.train.precision);
  return Trainer(recipe, options).run();
}

}  // namespace lyceum
