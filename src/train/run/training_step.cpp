#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "ranks/message.h"
#include "train/run/parameter_share.h"
#include "train/run/training_run.h"

namespace lyceum {
namespace {

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

}  // namespace

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

// This rank's part of the loss; its gradients are on their way, or were given, when it returns.
double Trainer::learn(const Global& batch, GradientExchange& exchange) {
  const std::int64_t step = state_.step + 1;
  const PhiloxBlock block = philox(recipe_.train.seed, static_cast<std::uint64_t>(step), 0x7374657073656564);
  LearnOptions options{.dropout_seed = std::uint64_t{block[1]} << 32 | block[0],
                       .recompute_layers = recipe_.train.recompute_layers,
                       .part_tokens = recipe_.train.part_tokens,
                       .part = own_part()};
  Gradients gradients;
  const auto give = [&](std::size_t i) {
    Tensor gradient = gradients.take(weights_[i]->variable());
    exchange.add(i, gradient.defined() ? gradient.reshaped(shapes_[i]) : std::move(gradient));
  };
  const auto look_around = [&] {
    if (!ranks_.is_alone() && interrupted()) throw LeftStep();
  };
  options.rows_of_all = [&](const Tensor& own) {
    const Tensor all = rows_of_all(ranks_, interrupted() ? Tensor() : own, options.batch);
    if (!all.defined()) throw LeftStep();
    return all;
  };
  double loss = 0;
  try {
    for (const Batch& part : batch.parts) {
      options.batch = part.examples;
      // who leaves where others wait for rows says so there
      if (!learning_.objective->compares_examples()) look_around();
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

}  // namespace lyceum
