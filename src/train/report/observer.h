// What a training run tells those who watch it. The library never prints: files (run_files.h), a progress bar
// or a test hear the same reports.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lyceum {

struct NamedNumber {
  std::string name;
  double value = 0;
};

struct StepReport {
  std::int64_t step = 0;         // that ended, counted from 1
  std::int64_t total_steps = 0;  // of the whole run; 0: unknown
  double loss_nats = 0;          // mean over the counted tokens of the global batch
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  std::int64_t tokens = 0;   // of this step, over the global batch
  double tokens_per_s = 0;
  std::vector<NamedNumber> others;
};

struct ValidReport {
  std::int64_t step = 0;  // after which it was measured; 0: before the first
  double loss_nats = 0;
  std::vector<NamedNumber> others;
};

// A short text worth keeping, such as what the model writes now.
struct TextReport {
  std::int64_t step = 0;
  std::string name, text;
};

// Called from the thread that trains, between two steps, in the order of the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_step(const StepReport&) {}
  virtual void on_valid(const ValidReport&) {}
  virtual void on_text(const TextReport&) {}
  virtual void on_message(std::string_view) {}  // one line for people
};

// Several who watch one run, in this order. They must outlive it.
class TrainObservers final : public TrainObserver {
 public:
  explicit TrainObservers(std::vector<TrainObserver*> observers) : observers_(std::move(observers)) {}
  void on_step(const StepReport& report) override {
    for (TrainObserver* observer : observers_) observer->on_step(report);
  }
  void on_valid(const ValidReport& report) override {
    for (TrainObserver* observer : observers_) observer->on_valid(report);
  }
  void on_text(const TextReport& report) override {
    for (TrainObserver* observer : observers_) observer->on_text(report);
  }
  void on_message(std::string_view line) override {
    for (TrainObserver* observer : observers_) observer->on_message(line);
  }

 private:
  std::vector<TrainObserver*> observers_;
};

}  // namespace lyceum
