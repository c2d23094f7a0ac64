// Pairs of sentences that say the same or do not: does a threshold on the vectors tell?
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "tasks/evaluate/binary_scores.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

struct NamedMeasure {
  const char* name;
  Measure measure;
  Better better;
};
constexpr NamedMeasure kNamed[] = {{"cosine", kCosine, Better::kHigher},
                                   {"dot", kDot, Better::kHigher},
                                   {"euclidean", kEuclidean, Better::kLower},
                                   {"manhattan", kManhattan, Better::kLower}};

}  // namespace

std::vector<Score> evaluate_pairs(const TaskFiles& task, const TextEncoder& encoder,
                                  const EvaluateOptions& options) {
  std::vector<std::string> first, second;
  std::vector<std::uint8_t> is_same;
  for_each_record(task.test, [&](const JsonFields& r) {
    first.push_back(r.text("sentence1"));
    second.push_back(r.text("sentence2"));
    is_same.push_back(binary_label(r));
  });
  const auto examples = static_cast<std::int64_t>(is_same.size());
  BlockEncoder blocks(encoder, options, 2 * examples);
  const Comparisons found = compare_texts(first, second, blocks);
  std::vector<Score> out;
  const auto add = [&](const std::string& metric, double value) {
    out.push_back({task.name, task.split, metric, value, examples});
  };
  double most_ap = 0, most_accuracy = 0, most_f1 = 0;
  for (const NamedMeasure& m : kNamed) {
    const std::vector<double>& scores = found[m.measure];
    std::vector<double> similarities = scores;
    if (m.better == Better::kLower)
      for (double& value : similarities) value = -value;
    const double ap = average_precision(similarities, is_same);
    const BestAccuracy accuracy = best_accuracy(scores, is_same, m.better);
    const BestF1 f1 = best_f1(scores, is_same, m.better);
    const std::string prefix = std::string(m.name) + "_";
    add(prefix + "ap", ap);
    add(prefix + "accuracy", accuracy.accuracy);
    add(prefix + "accuracy_threshold", accuracy.threshold);
    add(prefix + "f1", f1.f1);
    add(prefix + "f1_threshold", f1.threshold);
    add(prefix + "precision", f1.precision);
    add(prefix + "recall", f1.recall);
    most_ap = m.measure == kCosine ? ap : std::max(most_ap, ap);  // stays undefined where it is
    most_accuracy = std::max(most_accuracy, accuracy.accuracy);
    most_f1 = std::max(most_f1, f1.f1);
  }
  add("max_ap", most_ap);
  add("max_accuracy", most_accuracy);
  add("max_f1", most_f1);
  return out;
}

}  // namespace lyceum
