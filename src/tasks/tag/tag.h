// Labels of tokens, and spans of them, as transformers' TokenClassificationPipeline.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lyceum/token_tagger.h"
#include "tasks/common/task_model.h"

namespace lyceum {

class TagTask {
 public:
  static std::shared_ptr<const TagTask> load(const std::string& model);  // as TaskModel::load
  explicit TagTask(TaskModel model) : m_(std::move(model)) {}

  const TaskModel& inside() const noexcept { return m_; }

  // Invalid UTF-8 is read as U+FFFD; places are those of the bytes given.
  std::vector<TaggedText> tag(std::span<const std::string> texts, const TagOptions& options) const;

 private:
  TaskModel m_;
};

}  // namespace lyceum
