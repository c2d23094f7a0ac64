// What a run leaves in its folder of how it went: metrics.jsonl and TensorBoard's event files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "train/report/metrics.h"
#include "train/report/observer.h"
#include "train/report/tensorboard.h"

namespace lyceum {

// The folder must be there. With `resume_step`, that of the checkpoint from which the run goes on, both read
// as if it had never stopped: what later steps had left is cut off, or declared void.
class RunFiles final : public TrainObserver {
 public:
  explicit RunFiles(const std::filesystem::path& folder, std::optional<std::int64_t> resume_step = {});
  // Errc::kIo where the system refuses (a full disk).
  void on_step(const StepReport& report) override;
  void on_valid(const ValidReport& report) override;
  void on_text(const TextReport& report) override;

 private:
  MetricsLog metrics_;
  EventFile events_;
};

}  // namespace lyceum
