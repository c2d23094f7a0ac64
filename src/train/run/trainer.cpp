#include "train/run/trainer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "formats/content_digest.h"
#include "ranks/message.h"
#include "ranks/ranks.h"
#include "ranks/thread_share.h"
#include "train/optimizer/ema.h"
#include "train/report/run_files.h"
#include "train/run/checkpoints.h"
#include "train/run/gradient_exchange.h"
#include "train/run/learning.h"
#include "train/run/parameter_share.h"

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

// Of the data: names and sizes of the files. Of the weights: every byte that the run begins with.
std::string data_of(const Learning& learning) {
  std::string out;
  for (const auto& files : {learning.train_files, learning.valid_files})
    for (std::size_t i = 0; files && i < files->count(); ++i) {
      std::error_code error;
      out += fmt::format("{} {}\n", files->path(i).string(), fs::file_size(files->path(i), error));
    }
  return out;
}
std::string weights_of(const Learning& learning) {
  ContentDigest digest;
  for (const WeightPtr& weight : learning.loaded.model->parameters())
    digest.add(weight->value().raw(), weight->value().bytes());
  return std::to_string(digest.value());
}

// What the best validation has the lowest of: the loss, or another number that was reported, whose sign turns
// since more of it is better. Without one (of constant scores no correlation is known) it is never the best.
double number_to_lower(const ValidReport& report, const std::string& best_by) {
  if (best_by == "loss") return report.loss_nats;
  for (const NamedNumber& number : report.others)
    if (number.name == "valid_" + best_by && !std::isnan(number.value)) return -number.value;
  return std::numeric_limits<double>::infinity();
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

// What a rank tells the others of a step.
struct StepShare {
  double loss = 0;
  std::vector<double> squares;  // of the gradients' sums that it owns
  bool wants_stop = false;      // it was interrupted
  bool has_left = false;        // before its gradients were complete: the step does not count
};
void pack(Packer& p, const StepShare& share) {
  pack(p, share.loss);
  pack(p, share.squares);
  pack(p, share.wants_stop);
  pack(p, share.has_left);
}
void unpack(Unpacker& u, StepShare& share) {
  unpack(u, share.loss);
  unpack(u, share.squares);
  unpack(u, share.wants_stop);
  unpack(u, share.has_left);
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
  void expect_same_everywhere();
  void resume(const std::optional<SavedRun>& saved);
  void check_resumed(const SavedRun& saved) const;
  void count_steps();
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
  const fs::path& directory() const { return recipe_.output.directory; }

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
  learning_ = begin_learning(recipe);
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
  count_steps();
  resume(saved);
  if (!ranks_.is_root()) return;
  write_text(directory() / "recipe.resolved.toml", recipe.resolved);
  files_.emplace(directory(), saved ? std::optional(state_.step) : std::nullopt);
}

void Trainer::expect_same_everywhere() {
  if (ranks_.is_alone()) return;
  using enum ObjectiveKind;
  if (recipe_.objective.kind == kPairs || recipe_.objective.kind == kTriplets)
    fail(Errc::kUnsupported,
         "objective.kind: losses over the vectors of a whole batch are computed by one process, "
         "found {}. Fix: start it without mpirun",
         ranks_.size());
  expect_same(ranks_, "recipe", recipe_.resolved);
  expect_same(ranks_, "list of parameters", state_.model);
  expect_same(ranks_, "set of training and validation data", data_of(learning_));
  expect_same(ranks_, "set of weights to begin with", weights_of(learning_));
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

void Trainer::check_memory() {
  MemoryEstimate need;
  std::vector<Shape> shapes;
  for (const WeightPtr& weight : learning_.loaded.model->parameters())
    need.weights += static_cast<std::uint64_t>(weight->shape().elements()) * 4;
  double kept_a_token =
      0;  // floats that a token leaves on the tape: about twice what goes in and out of each product
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const WeightPtr& weight = weights_[i];
    if (owners_[i] == ranks_.rank()) shapes.push_back(weight->shape());
    need.gradients += static_cast<std::uint64_t>(weight->shape().elements()) * 4;
    if (weight->shape().dims() == 2 && weight->shape()[0] < learning_.loaded.model->vocabulary())
      kept_a_token += 2.0 * static_cast<double>(weight->shape()[0] + weight->shape()[1]);
  }
  need.optimizer = state_bytes(recipe_.train.optimizer, shapes);
  if (recipe_.train.ema > 0) need.averages = need.gradients;
  const std::int64_t length = recipe_.train.context_tokens;
  double tokens = static_cast<double>(
      recipe_.train.batch_tokens > 0 ? recipe_.train.batch_tokens : recipe_.train.batch_sequences * length);
  tokens = std::ceil(tokens / ranks_.size());
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
  std::uint64_t all = 0;  // of the processes of this machine
  const std::string host = own_place().host;
  for (const std::string& message : ranks_.gather_everywhere(packed(std::pair(host, need.total())))) {
    const auto [other_host, bytes] = unpacked<std::pair<std::string, std::uint64_t>>(message);
    if (other_host == host) all += bytes;
  }
  if (options_.check_memory && there > 0 && all > there)
    fail(Errc::kLimit,
         "this run needs {}{}; {:.2f} GiB are free. Fix: fewer tokens at a time (train.part_tokens), "
         "train.recompute_layers = true, a smaller batch or model; --no-memory-check to try all the same",
         text,
         all > need.total() ? fmt::format(", {:.2f} GiB with the other processes of this machine", gib(all))
                            : "",
         gib(there));
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

// This rank's part of the loss; its gradients are on their way, or were given, when it returns.
double Trainer::learn(const Global& batch, GradientExchange& exchange) {
  const std::int64_t step = state_.step + 1;
  const PhiloxBlock block = philox(recipe_.train.seed, static_cast<std::uint64_t>(step), 0x7374657073656564);
  LearnOptions options{.dropout_seed = std::uint64_t{block[1]} << 32 | block[0],
                       .recompute_layers = recipe_.train.recompute_layers,
                       .part_tokens = recipe_.train.part_tokens,
                       .part = own_part(),
                       .rows_of_all = [&](const Tensor& own) { return rows_of_all(ranks_, own); }};
  Gradients gradients;
  const auto give = [&](std::size_t i) {
    Tensor gradient = gradients.take(weights_[i]->variable());
    exchange.add(i, gradient.defined() ? gradient.reshaped(shapes_[i]) : std::move(gradient));
  };
  const auto look_around = [&] {
    if (!ranks_.is_alone() && interrupted()) throw LeftStep();
  };
  double loss = 0;
  try {
    for (const Batch& part : batch.parts) {
      look_around();
      if (!ranks_.is_alone() && &part == &batch.parts.back())
        options.on_complete = [&](Variable variable) {
          look_around();
          if (const auto it = places_.find(variable); it != places_.end()) give(it->second);
        };
      const std::vector<Example> own =
          ranks_.is_alone() ? std::vector<Example>() : share_of(part.examples, own_part());
      loss += learning_.objective->learn(learning_.learner(), ranks_.is_alone() ? part.examples : own,
                                         batch.totals, options, gradients);
    }
  } catch (const LeftStep&) {
    for (std::size_t i = 0; i < weights_.size(); ++i)
      if (!exchange.has(i)) exchange.add(i, {});
    throw;
  }
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (!exchange.has(i)) {
      give(i);
    } else if (gradients.find(weights_[i]->variable()) != nullptr) {
      fail(Errc::kInternal, "gradient of '{}': more of it came after it was complete", weights_[i]->name());
    }
  }
  return loss;
}

void Trainer::step() {
  const auto begin = std::chrono::steady_clock::now();
  Global batch;
  if (!read_global(batch)) {
    state_.is_finished = true;
    return;
  }
  const Ranks::Steady steady(ranks_, silence());
  const std::int64_t step = state_.step + 1;
  StepShare own;
  GradientExchange exchange(ranks_, shapes_, owners_);
  try {
    own.loss = learn(batch, exchange);
  } catch (const LeftStep&) {
    own.has_left = true;
  }
  std::vector<Tensor> gradients;  // of the parameters of this rank
  std::vector<Tensor> sums = exchange.finish();
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (owners_[i] == ranks_.rank()) gradients.push_back(std::move(sums[i]));
  own.squares = squared_norms(gradients);
  own.wants_stop = interrupted();

  double loss = 0, squares = 0;
  std::vector<StepShare> shares;
  for (const std::string& message : ranks_.gather_everywhere(packed(own))) {
    const StepShare& share = shares.emplace_back(unpacked<StepShare>(message));
    loss += share.loss;
    wants_stop_ |= share.wants_stop || share.has_left;
  }
  if (std::any_of(shares.begin(), shares.end(), [](const StepShare& share) { return share.has_left; }))
    return;
  std::vector<std::size_t> next(shares.size(), 0);
  for (const int owner : owners_) {  // in the order of the parameters, whoever has them
    const auto rank = static_cast<std::size_t>(owner);
    squares += shares[rank].squares.at(next[rank]++);
  }
  const double norm = std::sqrt(squares);
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
    optimizer_->step(gradients, rate, clip > 0 && norm > clip ? clip / norm : 1.0);
    spread_weights(ranks_, weights_, owners_);
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
  if (files_) files_->on_step(report);
  if (observer_ != nullptr) observer_->on_step(report);
}

// Each rank judges batches of its own; they are added up in their order, as one process does.
Judgement Trainer::judge_all() {
  std::optional<Ema::InPlace> averages;
  if (ema_) averages.emplace(*ema_);
  const std::unique_ptr<Batches> batches = validation_batches(recipe_, learning_);
  const std::int64_t most = recipe_.train.valid_batches;
  Packer own;
  Batch batch;
  std::int64_t count = 0;
  for (; (most == 0 || count < most) && batches->next(batch); ++count) {
    if (count % ranks_.size() != ranks_.rank()) continue;
    Judgement judgement;
    learning_.objective->judge(learning_.learner(), batch.examples, judgement);
    pack(own, judgement);
    check_interrupt();
  }
  const std::vector<std::string> all = ranks_.gather_everywhere(std::move(own).take());
  std::vector<Unpacker> parts(all.begin(), all.end());
  Judgement sum;
  for (std::int64_t i = 0; i < count; ++i) {
    Judgement judgement;
    unpack(parts[static_cast<std::size_t>(i) % parts.size()], judgement);
    sum.add(judgement);
  }
  return sum;
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
