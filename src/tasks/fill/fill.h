// Words for the masks of texts, as transformers' FillMaskPipeline.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/model_folder.h"
#include "lyceum/mask_filler.h"
#include "tasks/common/task_model.h"

namespace lyceum {

class FillTask {
 public:
  // Throws what TaskModel::load throws, and Errc::kUnsupported for a tokenizer without a mask token.
  static std::shared_ptr<const FillTask> load(const std::string& model, std::optional<Compute> compute = {});
  static std::shared_ptr<const FillTask> load(const ModelFolder& folder, std::optional<Compute> compute = {});
  explicit FillTask(TaskModel model) : m_(std::move(model)) {}

  const TaskModel& inside() const noexcept { return m_; }
  const std::string& mask() const { return *m_.tokenizer->token(m_.special.mask); }

  // The ids that options.targets stand for, each once, in ascending order. Warns of words that are not in the
  // vocabulary. Throws Errc::kUsage when none is left.
  std::vector<std::int32_t> target_ids(std::span<const std::string> targets) const;

  // Valid UTF-8. `targets`: from target_ids(); empty: the whole vocabulary. A text without a mask has no
  // masks in its result.
  std::vector<FilledText> fill(std::span<const std::string> texts, std::int64_t top,
                               std::span<const std::int32_t> targets) const;

 private:
  TaskModel m_;
};

}  // namespace lyceum
