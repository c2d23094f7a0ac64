// Pairs of sentences: do the vectors order them as people do?
#include <array>
#include <map>
#include <numeric>

#include "base/correlation.h"
#include "base/error.h"
#include "base/json.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

struct PairFile {
  std::string name;
  std::vector<std::string> first, second, sets;  // sets: empty where a pair names none
  std::vector<double> scores;
};

constexpr std::array<const char*, kMeasures> kSuffix = {"", "_dot", "_manhattan",
                                                        "_euclidean"};  // in the order of Measure
struct Correlation {
  const char* name;
  double (*of)(std::span<const double>, std::span<const double>);
};
constexpr Correlation kCorrelations[] = {{"pearson", pearson}, {"spearman", spearman}};

PairFile read_pairs(const TaskFiles::Pairs& from) {
  PairFile out{.name = from.name};
  for_each_record(from.file, [&](const JsonFields& r) {
    out.first.push_back(r.text("sentence1"));
    out.second.push_back(r.text("sentence2"));
    out.scores.push_back(pair_score(r));
    out.sets.push_back(r.text("set", ""));
  });
  if (out.scores.empty()) fail(Errc::kData, "{}: found no pairs", from.file.string());
  return out;
}

// Distances with a minus, as the reference has them.
Comparisons similarities(const PairFile& pairs, BlockEncoder& encoder) {
  Comparisons out = compare_texts(pairs.first, pairs.second, encoder);
  for (const Measure distance : {kManhattan, kEuclidean})
    for (double& value : out[distance]) value = -value;
  return out;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::vector<Score> evaluate_similarity(const TaskFiles& task, const TextEncoder& encoder,
                                       const EvaluateOptions& options) {
  std::vector<PairFile> files;
  std::int64_t pairs = 0;
  for (const auto& from : task.pairs) {
    files.push_back(read_pairs(from));
    pairs += static_cast<std::int64_t>(files.back().scores.size());
  }
  BlockEncoder blocks(encoder, options, 2 * pairs);
  std::vector<Score> out;
  std::map<std::string, std::vector<double>> over_files;  // by metric
  for (const PairFile& file : files) {
    const std::string name = files.size() > 1 ? task.name + "/" + file.name : file.name;
    const Comparisons found = similarities(file, blocks);
    const auto add = [&](const std::string& label, const std::string& metric, double value,
                         std::size_t examples) {
      out.push_back({label, task.split, metric, value, static_cast<std::int64_t>(examples)});
    };
    for (std::size_t m = 0; m < kMeasures; ++m)
      for (const Correlation& correlation : kCorrelations) {
        const std::string metric = std::string(correlation.name) + kSuffix[m];
        over_files[metric].push_back(correlation.of(file.scores, found[m]));
        add(name, metric, over_files[metric].back(), file.scores.size());
      }
    std::map<std::string, std::vector<std::size_t>> sets;
    for (std::size_t i = 0; i < file.sets.size(); ++i) sets[file.sets[i]].push_back(i);
    if (sets.size() < 2) continue;
    std::vector<double> over_sets;
    for (const auto& [set, members] : sets) {
      std::vector<double> x, y;
      for (const std::size_t i : members) {
        x.push_back(file.scores[i]);
        y.push_back(found[kCosine][i]);
      }
      add(name + "/" + (set.empty() ? "(no set)" : set), "pearson", pearson(x, y), members.size());
      over_sets.push_back(spearman(x, y));
      add(name + "/" + (set.empty() ? "(no set)" : set), "spearman", over_sets.back(), members.size());
    }
    add(name, "spearman_mean", mean(over_sets), file.scores.size());
  }
  if (files.size() > 1)
    for (std::size_t m = 0; m < kMeasures; ++m)
      for (const Correlation& correlation : kCorrelations) {
        const std::string key = std::string(correlation.name) + kSuffix[m];
        out.push_back({task.name, task.split, key, mean(over_files.at(key)), pairs});
      }
  return out;
}

}  // namespace lyceum
