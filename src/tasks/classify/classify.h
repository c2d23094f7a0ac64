// Labels of texts, as transformers' TextClassificationPipeline and ZeroShotClassificationPipeline.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/model_folder.h"
#include "lyceum/text_classifier.h"
#include "tasks/common/task_model.h"

namespace lyceum {

class ClassifyTask {
 public:
  // As TaskModel::load.
  static std::shared_ptr<const ClassifyTask> load(const std::string& model,
                                                  std::optional<Compute> compute = {});
  static std::shared_ptr<const ClassifyTask> load(const ModelFolder& folder,
                                                  std::optional<Compute> compute = {});
  explicit ClassifyTask(TaskModel model) : m_(std::move(model)) {}

  const TaskModel& inside() const noexcept { return m_; }

  // Valid UTF-8.
  std::vector<Classification> classify(std::span<const std::string> texts,
                                       const ClassifyOptions& options) const;
  std::vector<Classification> classify(std::span<const std::pair<std::string, std::string>> pairs,
                                       const ClassifyOptions& options) const;
  std::vector<Classification> zero_shot(std::span<const std::string> texts,
                                        const ZeroShotOptions& options) const;

 private:
  std::vector<Classification> classify(std::span<const Encoding> encodings,
                                       const ClassifyOptions& options) const;
  TaskModel m_;
};

// "This example is {}." with the label in place of {}; {{ and }} are braces. Throws Errc::kUsage for a
// template without a place, or with braces that mean nothing.
std::string hypothesis(std::string_view hypothesis_template, std::string_view label);

// The label that begins with "entail" in any case; -1: none, then the last one is taken, as the pipeline
// does.
std::int64_t entailment_label(std::span<const std::string> labels);

}  // namespace lyceum
