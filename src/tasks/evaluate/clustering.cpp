// Labelled texts: do their vectors fall into the classes by themselves?
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "tasks/cluster/k_means.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/task_records.h"
#include "tasks/evaluate/v_measure.h"

namespace lyceum {
namespace {

constexpr std::int64_t kBatch = 500;  // R MTEB, ClusteringEvaluator

}  // namespace

LabelledTexts read_labelled(const std::filesystem::path& file) {
  LabelledTexts out;
  for_each_record(file, [&](const JsonFields& r) {
    out.texts.push_back(titled_text(r));
    out.labels.push_back(label_text(r));
  });
  if (out.texts.empty()) fail(Errc::kData, "{}: found no texts", file.string());
  return out;
}

std::vector<Score> clustering_scores(const TaskFiles& task, const LabelledTexts& given, const Tensor& vectors,
                                     const EvaluateOptions& options) {
  if (options.repeats < 1) fail(Errc::kUsage, "repeats: found {}, expected 1 or more", options.repeats);
  std::map<std::string, std::int32_t> numbers;
  std::vector<std::int32_t> classes;
  for (const std::string& label : given.labels)
    classes.push_back(numbers.emplace(label, static_cast<std::int32_t>(numbers.size())).first->second);
  double sum = 0, squares = 0;
  for (std::int64_t run = 0; run < options.repeats; ++run) {
    const Partition found = mini_batch_k_means(vectors,
                                               {.clusters = static_cast<std::int64_t>(numbers.size()),
                                                .seed = options.seed + static_cast<std::uint64_t>(run)},
                                               kBatch);
    const double v = v_measure(classes, found.labels).v;
    sum += v;
    squares += v * v;
  }
  const auto runs = static_cast<double>(options.repeats);
  const double mean = sum / runs;
  const auto examples = static_cast<std::int64_t>(classes.size());
  return {{task.name, task.split, "v_measure", mean, examples},
          {task.name, task.split, "v_measure_std", std::sqrt(std::max(0.0, squares / runs - mean * mean)),
           examples}};
}

std::vector<Score> evaluate_clustering(const TaskFiles& task, const TextEncoder& encoder,
                                       const EvaluateOptions& options) {
  const LabelledTexts given = read_labelled(task.test);
  BlockEncoder blocks(encoder, options, static_cast<std::int64_t>(given.texts.size()));
  return clustering_scores(task, given, blocks.encode(given.texts), options);
}

}  // namespace lyceum
