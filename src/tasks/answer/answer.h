// Answers that stand in texts, as transformers' QuestionAnsweringPipeline.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/model_folder.h"
#include "lyceum/question_answerer.h"
#include "tasks/common/task_model.h"

namespace lyceum {

class AnswerTask {
 public:
  // As TaskModel::load.
  static std::shared_ptr<const AnswerTask> load(const std::string& model,
                                                std::optional<Compute> compute = {});
  static std::shared_ptr<const AnswerTask> load(const ModelFolder& folder,
                                                std::optional<Compute> compute = {});
  explicit AnswerTask(TaskModel model) : m_(std::move(model)) {}

  const TaskModel& inside() const noexcept { return m_; }

  // Invalid UTF-8 is read as U+FFFD; places are those of the bytes given.
  std::vector<std::vector<Answer>> answer(std::span<const Question> questions,
                                          const AnswerOptions& options) const;

 private:
  std::vector<Encoding> windows_of(const Question& question, std::int64_t max_tokens,
                                   const AnswerOptions& options) const;
  TaskModel m_;
};

}  // namespace lyceum
