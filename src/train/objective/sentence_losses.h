// The losses over vectors of sentences: from all vectors of a batch to a scalar on the tape.
#pragma once

#include <span>
#include <vector>

#include "ops/linear/linear.h"
#include "train/objective/sentence_objective.h"

namespace lyceum {

// Where the texts of a batch stand among its vectors.
struct ComparedTexts {
  std::vector<std::int64_t> first, second;  // of each example; second: empty where there is one text only
  std::vector<std::int64_t> others;         // the texts behind the second, hard negatives
  std::vector<std::int64_t> owners;         // of each of others: the example it belongs to
  std::int64_t texts = 0;
};
// Throws Errc::kData for an example with too few or too many texts, naming where it comes from.
ComparedTexts compared_texts(std::span<const Example> examples, SentenceLoss loss);

// How many things the loss is the mean over: examples, negatives, texts; 1 where it is one of the batch.
double loss_count(std::span<const Example> examples, SentenceLoss loss);

// vectors [texts, D] -> the examples' losses added up, over `total`. `classifier` is that of kSoftmax.
Tensor sentence_loss(const Tensor& vectors, std::span<const Example> examples,
                     const SentenceObjectiveOptions& options, const Linear& classifier, double total);

// [B, classes] of kSoftmax.
Tensor class_scores(const Tensor& vectors, const ComparedTexts& texts,
                    const SentenceObjectiveOptions& options, const Linear& classifier);
// cos(u, v) [B, 1]
Tensor pair_cosines(const Tensor& vectors, const ComparedTexts& texts);
// [B, B + others]: every anchor against every positive, then every negative, times options.scale.
Tensor batch_scores(const Tensor& vectors, const ComparedTexts& texts,
                    const SentenceObjectiveOptions& options);

}  // namespace lyceum
