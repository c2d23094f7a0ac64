#include "lyceum/evaluation.h"

#include <algorithm>

#include "api/embedder_options.h"
#include "api/find.h"
#include "base/error.h"
#include "tasks/evaluate/evaluate.h"

namespace lyceum {

std::vector<TaskScore> evaluate(const std::string& model, const EvaluationOptions& options) {
  EvaluateOptions inside;
  if (!options.form.empty()) inside.form = form_from_name(options.form);
  const std::vector<TaskFiles> tasks = find_tasks(options.data, options.tasks, options.split);
  EvaluatedModel evaluated(find_model(model, options.embedding.pull), embedder_options(options.embedding));
  std::vector<TaskScore> out;
  for (const TaskFiles& task : tasks)
    for (Score& s : evaluate(task, evaluated, inside))
      out.push_back({std::move(s.task), std::move(s.split), std::move(s.metric), s.value, s.examples});
  return out;
}

double score_of(const std::vector<TaskScore>& scores, const std::string& task, const std::string& metric) {
  std::string there;
  for (const TaskScore& score : scores) {
    if (score.task == task && score.metric == metric) return score.value;
    there += (there.empty() ? "" : ", ") + score.task + " " + score.metric;
  }
  fail(Errc::kUsage, "score: found no '{}' of the task '{}', expected one of: {}", metric, task, there);
}

}  // namespace lyceum
