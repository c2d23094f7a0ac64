// Runs that tests look at: an observer that remembers, and training by threads as ranks.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "ranks/ranks_test_threads.h"
#include "train/run/trainer.h"

namespace lyceum {

class RunWatch final : public TrainObserver {
 public:
  void on_step(const StepReport& report) override {
    steps.push_back(report);
    if (at_step) at_step(report.step);
  }
  void on_valid(const ValidReport& report) override { valids.push_back(report); }
  void on_message(std::string_view line) override { messages.emplace_back(line); }

  std::vector<double> losses() const { return of_steps(&StepReport::loss_nats); }
  std::vector<double> norms() const { return of_steps(&StepReport::gradient_norm); }
  std::vector<double> valid_losses() const {
    std::vector<double> out;
    for (const ValidReport& report : valids) out.push_back(report.loss_nats);
    return out;
  }
  void stop_after(std::int64_t step) {
    at_step = [step](std::int64_t at) {
      if (at == step) request_interrupt();
    };
  }
  void forget() {
    steps.clear();
    valids.clear();
    messages.clear();
  }

  std::vector<StepReport> steps;
  std::vector<ValidReport> valids;
  std::vector<std::string> messages;
  std::function<void(std::int64_t)> at_step;

 private:
  std::vector<double> of_steps(double StepReport::*number) const {
    std::vector<double> out;
    for (const StepReport& report : steps) out.push_back(report.*number);
    return out;
  }
};

// What every rank's train() ended with: nothing, or an error's message. The watch forgets what was before.
inline std::vector<std::string> train_on_ranks(int size, const std::function<Recipe(int rank)>& recipe,
                                               RunWatch& watch) {
  watch.forget();
  std::vector<std::string> ends(static_cast<std::size_t>(size));
  on_ranks(size, [&](Ranks& ranks) {
    std::string& end = ends[static_cast<std::size_t>(ranks.rank())];
    try {
      train(recipe(ranks.rank()), {.observer = &watch, .ranks = &ranks});
    } catch (const Error& error) {
      end = error.what();
      if (error.code() == Errc::kInterrupted && interrupted()) return;  // as the command, which parts at once
      ranks.give_up(error.code(), error.what());
    }
    ranks.finish();
  });
  return ends;
}

inline void expect_ends_well(const std::vector<std::string>& ends) {
  for (const std::string& end : ends) EXPECT_EQ(end, "");
}

}  // namespace lyceum
