// One function for each form of task, and what they share.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "tasks/evaluate/evaluate.h"

namespace lyceum {

// The most texts and bytes of them that a block holds.
inline constexpr std::size_t kBlockTexts = 1024, kBlockBytes = std::size_t{1} << 22;

class BlockEncoder {
 public:
  // total: the texts that will be asked for, for the progress only.
  BlockEncoder(const TextEncoder& encoder, const EvaluateOptions& options, std::int64_t total)
      : encoder_(encoder), options_(options), total_(total) {}

  // [texts, width]. Throws Errc::kData with the text when a value is not finite, Errc::kInterrupted between
  // two blocks.
  Tensor encode(std::span<const std::string> texts, TextRole role = TextRole::kPlain);

 private:
  const TextEncoder& encoder_;
  const EvaluateOptions& options_;
  std::int64_t total_, done_ = 0;
};

// work(items) for some at a time, with progress. Throws Errc::kInterrupted between two calls.
template <class Item, class Work>
void in_blocks(std::span<const Item> items, const EvaluateOptions& options, Work work) {
  constexpr std::size_t kItems = 256;
  for (std::size_t first = 0, last; first < items.size(); first = last) {
    check_interrupt();
    last = std::min(items.size(), first + kItems);
    work(items.subspan(first, last - first));
    if (options.progress)
      options.progress(static_cast<std::int64_t>(last), static_cast<std::int64_t>(items.size()));
  }
}

// How two vectors are compared: the four measures of sentence-transformers' evaluators.
enum Measure { kCosine, kDot, kManhattan, kEuclidean };
inline constexpr std::size_t kMeasures = 4;
using Comparisons = std::array<std::vector<double>, kMeasures>;
// Similarities, and distances without a minus, of the vectors of first[i] and second[i].
Comparisons compare_texts(std::span<const std::string> first, std::span<const std::string> second,
                          BlockEncoder& encoder);

// Texts with the class of each, classes numbered in the order of their labels.
struct LabelledTexts {
  std::vector<std::string> texts, labels;
};
LabelledTexts read_labelled(const std::filesystem::path& file);
std::vector<Score> clustering_scores(const TaskFiles& task, const LabelledTexts& given, const Tensor& vectors,
                                     const EvaluateOptions& options);

std::vector<Score> evaluate_similarity(const TaskFiles& task, const TextEncoder& encoder,
                                       const EvaluateOptions& options);
std::vector<Score> evaluate_pairs(const TaskFiles& task, const TextEncoder& encoder,
                                  const EvaluateOptions& options);
// `clusters`: clustering is scored too, on the vectors of the split that are there anyway.
std::vector<Score> evaluate_classification(const TaskFiles& task, const TextEncoder& encoder,
                                           const EvaluateOptions& options, bool clusters);
std::vector<Score> evaluate_clustering(const TaskFiles& task, const TextEncoder& encoder,
                                       const EvaluateOptions& options);
std::vector<Score> evaluate_retrieval(const TaskFiles& task, const TextEncoder& encoder,
                                      const EvaluateOptions& options);
std::vector<Score> evaluate_reranking(const TaskFiles& task, EvaluatedModel& model,
                                      const EvaluateOptions& options);
std::vector<Score> evaluate_tagging(const TaskFiles& task, const TagTask& tagger,
                                    const EvaluateOptions& options);
std::vector<Score> evaluate_answering(const TaskFiles& task, const AnswerTask& answerer,
                                      const EvaluateOptions& options);

}  // namespace lyceum
