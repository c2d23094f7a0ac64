// Labelled texts: frozen vectors, a vote of neighbours and a linear probe.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "tasks/common/nearest.h"
#include "tasks/evaluate/classifiers.h"
#include "tasks/evaluate/forms.h"

namespace lyceum {
namespace {

constexpr std::int32_t kUnknownClass = -1;

std::vector<std::int32_t> classes_of(const std::vector<std::string>& labels,
                                     const std::map<std::string, std::int32_t>& classes,
                                     const std::filesystem::path& file) {
  std::vector<std::int32_t> out;
  std::int64_t unknown = 0;
  for (const std::string& label : labels) {
    const auto it = classes.find(label);
    out.push_back(it == classes.end() ? kUnknownClass : it->second);
    unknown += it == classes.end();
  }
  if (unknown > 0)
    log(LogLevel::kWarning,
        "{}: {} of {} texts have a label that the train split lacks; they count as missed", file.string(),
        unknown, labels.size());
  return out;
}

}  // namespace

std::vector<Score> evaluate_classification(const TaskFiles& task, const TextEncoder& encoder,
                                           const EvaluateOptions& options, bool clusters) {
  const bool selects = options.c.size() > 1;
  if (options.c.empty()) fail(Errc::kUsage, "eval: found no C, expected one or more");
  if (selects && !task.valid)
    fail(Errc::kUsage, "task '{}': found several C, expected a valid split to choose on. Fix: give one --c.",
         task.name);
  if (selects && *task.valid == task.test)
    fail(Errc::kUsage,
         "task '{}': C would be chosen on the split that is scored. Fix: give one --c, or another --split.",
         task.name);
  const LabelledTexts train = read_labelled(task.train), test = read_labelled(task.test);
  const LabelledTexts valid = selects ? read_labelled(*task.valid) : LabelledTexts{};
  std::map<std::string, std::int32_t> classes;  // in the order of the labels
  for (const std::string& label : train.labels) classes.emplace(label, 0);
  std::int32_t count = 0;
  for (auto& [label, number] : classes) number = count++;
  if (count < 2)
    fail(Errc::kData, "{}: found one label, '{}', expected at least two", task.train.string(),
         classes.begin()->first);
  const auto train_classes = classes_of(train.labels, classes, task.train),
             test_classes = classes_of(test.labels, classes, task.test);

  BlockEncoder blocks(encoder, options,
                      static_cast<std::int64_t>(train.texts.size() + test.texts.size() + valid.texts.size()));
  Tensor train_vectors = blocks.encode(train.texts), test_vectors = blocks.encode(test.texts);

  double c = options.c.front();
  if (selects) {
    const Tensor valid_vectors = blocks.encode(valid.texts);
    const auto valid_classes = classes_of(valid.labels, classes, *task.valid);
    std::vector<double> candidates = options.c;
    std::sort(candidates.begin(), candidates.end());
    double best = -1;
    for (const double candidate : candidates) {
      const double value =
          accuracy(LogisticProbe(train_vectors, train_classes, count, candidate).predict(valid_vectors),
                   valid_classes);
      log(LogLevel::kDebug, "{}: C = {}: accuracy {:.4f} on the valid split", task.name, candidate, value);
      if (value > best) {
        best = value;
        c = candidate;
      }
    }
    log(LogLevel::kInfo, "{}: C = {} is the best of {} on the valid split", task.name, c, candidates.size());
  }
  const double probe =
      accuracy(LogisticProbe(train_vectors, train_classes, count, c).predict(test_vectors), test_classes);

  std::vector<Score> clustering;
  if (clusters) clustering = clustering_scores(task, test, test_vectors, options);

  normalize_rows(train_vectors);
  normalize_rows(test_vectors);
  NearestSearch search(test_vectors, options.neighbours);
  search.add(train_vectors);
  std::vector<std::int32_t> votes;
  for (const auto& hits : search.finish()) votes.push_back(vote(hits, train_classes));
  const auto examples = static_cast<std::int64_t>(test.texts.size());
  std::vector<Score> out{{task.name, task.split, "knn_accuracy", accuracy(votes, test_classes), examples},
                         {task.name, task.split, "probe_accuracy", probe, examples}};
  out.insert(out.end(), clustering.begin(), clustering.end());
  return out;
}

}  // namespace lyceum
