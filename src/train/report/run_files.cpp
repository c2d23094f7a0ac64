#include "train/report/run_files.h"

#include <vector>

namespace lyceum {

RunFiles::RunFiles(const std::filesystem::path& folder, std::optional<std::int64_t> resume_step)
    : metrics_(folder, resume_step), events_(folder, resume_step) {}

void RunFiles::on_step(const StepReport& report) {
  metrics_.append(MetricsLine(report));
  std::vector<NamedNumber> scalars{{"loss_nats", report.loss_nats},
                                   {"learning_rate", report.learning_rate},
                                   {"gradient_norm", report.gradient_norm},
                                   {"tokens_per_s", report.tokens_per_s}};
  scalars.insert(scalars.end(), report.others.begin(), report.others.end());
  events_.append(scalars_event(wall_time_now(), report.step, scalars));
}

void RunFiles::on_valid(const ValidReport& report) {
  metrics_.append(MetricsLine(report));
  std::vector<NamedNumber> scalars{{"valid_loss_nats", report.loss_nats}};
  scalars.insert(scalars.end(), report.others.begin(), report.others.end());
  events_.append(scalars_event(wall_time_now(), report.step, scalars));
}

void RunFiles::on_text(const TextReport& report) {
  metrics_.append(MetricsLine(report));
  events_.append(text_event(wall_time_now(), report.step, report.name, report.text));
}

}  // namespace lyceum
