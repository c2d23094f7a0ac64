// A training run on standard error: step, loss, rate and remaining time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "apps/lyceum/progress.h"
#include "train/report/observer.h"

namespace lyceum::app {

struct Common;

class TrainProgress final : public TrainObserver {
 public:
  explicit TrainProgress(const Common& common) : common_(common) {}
  void on_step(const StepReport& report) override;
  void on_valid(const ValidReport& report) override;
  void on_text(const TextReport& report) override;
  void on_message(std::string_view line) override;

 private:
  Progress& bar();
  const Common& common_;
  std::optional<Progress> bar_;
};

}  // namespace lyceum::app
