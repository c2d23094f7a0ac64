// A model's scores on data folders, as `lyceum eval` gives them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lyceum/embedding_model.h"

namespace lyceum {

struct TaskScore {
  std::string task, split, metric;  // "stsb", "test", "spearman"
  double value = 0;                 // NaN where the metric is undefined
  std::int64_t examples = 0;
};

struct EvaluationOptions {
  std::string data = ".";          // the folder that the tasks lie in, at any depth to four
  std::vector<std::string> tasks;  // names of folders, or the ends of their paths: "nlp/stsb"
  std::string split = "test";
  std::string form;            // only this one of the forms that the files allow: "similarity"
  EmbeddingOptions embedding;  // how vectors are made, and the number format of all that is computed
};

// Forms, files and metrics are those of `lyceum eval` (README). Throws Errc::kUsage for a task that is not
// there, kFormat and kData for what is wrong in its files, kUnsupported for a model without the head that a
// form needs.
std::vector<TaskScore> evaluate(const std::string& model, const EvaluationOptions& options);

// The value of one metric. Throws Errc::kUsage where it is none of these, naming those there are.
double score_of(const std::vector<TaskScore>& scores, const std::string& task, const std::string& metric);

}  // namespace lyceum
