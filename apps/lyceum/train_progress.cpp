#include "apps/lyceum/train_progress.h"

#include <fmt/core.h>

#include <string>

#include "apps/lyceum/texts.h"

namespace lyceum::app {

Progress& TrainProgress::bar() {
  if (!bar_) bar_.emplace("train", 0, common_);
  return *bar_;
}

void TrainProgress::on_step(const StepReport& report) {
  Progress& progress = bar();
  progress.set_total(report.total_steps);
  progress.set_note(fmt::format("loss {:.4f}, {:.0f} tokens/s", report.loss_nats, report.tokens_per_s));
  progress.update(report.step);
}

void TrainProgress::on_valid(const ValidReport& report) {
  std::string line = fmt::format("step {}: valid loss {:.4f}", report.step, report.loss_nats);
  constexpr std::string_view kPrefix = "valid_";
  for (const NamedNumber& number : report.others)
    line +=
        fmt::format(", {} {:.4f}", number.name.substr(number.name.starts_with(kPrefix) ? kPrefix.size() : 0),
                    number.value);
  on_message(line);
}

void TrainProgress::on_text(const TextReport& report) {
  on_message(
      fmt::format("step {}: {}: {}", report.step, report.name, shortened(report.text, kShownCharacters)));
}

void TrainProgress::on_message(std::string_view line) { bar().say(line); }

}  // namespace lyceum::app
