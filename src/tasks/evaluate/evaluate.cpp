#include "tasks/evaluate/evaluate.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "tasks/common/finite.h"
#include "tasks/evaluate/forms.h"

namespace lyceum {

Tensor BlockEncoder::encode(std::span<const std::string> texts, TextRole role) {
  const std::int64_t width = encoder_.width();
  Tensor out = Tensor::empty({static_cast<std::int64_t>(texts.size()), width});
  for (std::size_t first = 0, last; first < texts.size(); first = last) {
    check_interrupt();
    std::size_t bytes = 0;
    for (last = first; last < texts.size() && last - first < kBlockTexts &&
                       (last == first || bytes + texts[last].size() <= kBlockBytes);
         ++last)
      bytes += texts[last].size();
    const Tensor vectors = encoder_.encode(texts.subspan(first, last - first), role);
    check_finite(vectors, texts.subspan(first, last - first));
    std::copy_n(vectors.data<float>(), vectors.elements(),
                out.mutable_row<float>(static_cast<std::int64_t>(first)));
    done_ += static_cast<std::int64_t>(last - first);
    if (options_.progress) options_.progress(done_, total_);
  }
  return out;
}

namespace {

std::vector<TaskForm> forms_of(const TaskFiles& task, EvaluatedModel& model, const EvaluateOptions& options) {
  const auto allows = [&](TaskForm form) {
    return std::find(task.forms.begin(), task.forms.end(), form) != task.forms.end();
  };
  if (options.form) {
    if (!allows(*options.form))
      fail(Errc::kUsage, "task '{}': its files are no {} task. Fix: leave out --form to score what they are",
           task.name, name_of(*options.form));
    return {*options.form};
  }
  if (task.forms.size() == 1 || !allows(TaskForm::kTagging)) return task.forms;
  if (model.is_tagger()) return {TaskForm::kTagging};
  std::vector<TaskForm> others = task.forms;
  std::erase(others, TaskForm::kTagging);
  return others;
}

}  // namespace

std::vector<Score> evaluate(const TaskFiles& task, EvaluatedModel& model, const EvaluateOptions& options) {
  const std::vector<TaskForm> forms = forms_of(task, model, options);
  switch (forms.at(0)) {
    case TaskForm::kSimilarity:
      return evaluate_similarity(task, model.encoder(), options);
    case TaskForm::kPairs:
      return evaluate_pairs(task, model.encoder(), options);
    case TaskForm::kClassification:  // the one form that another goes with
      return evaluate_classification(task, model.encoder(), options, forms.size() > 1);
    case TaskForm::kClustering:
      return evaluate_clustering(task, model.encoder(), options);
    case TaskForm::kRetrieval:
      return evaluate_retrieval(task, model.encoder(), options);
    case TaskForm::kReranking:
      return evaluate_reranking(task, model, options);
    case TaskForm::kTagging:
      return evaluate_tagging(task, model.tagger(), options);
    case TaskForm::kAnswering:
      return evaluate_answering(task, model.answerer(), options);
  }
  fail(Errc::kInternal, "eval: unknown form of task");
}

}  // namespace lyceum
