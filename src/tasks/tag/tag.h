// Labels of tokens, and spans of them, as transformers' TokenClassificationPipeline.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/model_folder.h"
#include "lyceum/token_tagger.h"
#include "tasks/common/task_model.h"

namespace lyceum {

class TagTask {
 public:
  // As TaskModel::load.
  static std::shared_ptr<const TagTask> load(const std::string& model, std::optional<Compute> compute = {});
  static std::shared_ptr<const TagTask> load(const ModelFolder& folder, std::optional<Compute> compute = {});
  explicit TagTask(TaskModel model) : m_(std::move(model)) {}

  const TaskModel& inside() const noexcept { return m_; }

  // Invalid UTF-8 is read as U+FFFD; places are those of the bytes given.
  std::vector<TaggedText> tag(std::span<const std::string> texts, const TagOptions& options) const;

 private:
  TaskModel m_;
};

}  // namespace lyceum
