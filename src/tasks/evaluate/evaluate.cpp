#include "tasks/evaluate/evaluate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "tasks/evaluate/block_encoder.h"

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
    for (std::size_t i = first; i < last; ++i) {
      const float* v = vectors.row<float>(static_cast<std::int64_t>(i - first));
      if (!std::all_of(v, v + width, [](float x) { return std::isfinite(x); }))
        fail(Errc::kData, "eval: the model gives a vector that is not finite for the text '{}'",
             texts[i].substr(0, 80));
      std::copy_n(v, width, out.mutable_row<float>(static_cast<std::int64_t>(i)));
    }
    done_ += static_cast<std::int64_t>(last - first);
    if (options_.progress) options_.progress(done_, total_);
  }
  return out;
}

std::vector<Score> evaluate(const TaskFiles& task, const TextEncoder& encoder,
                            const EvaluateOptions& options) {
  switch (task.form) {
    case TaskForm::kSimilarity:
      return evaluate_similarity(task, encoder, options);
    case TaskForm::kClassification:
      return evaluate_classification(task, encoder, options);
    case TaskForm::kRetrieval:
      return evaluate_retrieval(task, encoder, options);
  }
  fail(Errc::kInternal, "eval: unknown form of task");
}

}  // namespace lyceum
