// Scores of an encoder on data folders: similarity of pairs, classification with frozen vectors, retrieval.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tasks/embed/text_encoder.h"
#include "tasks/evaluate/task_files.h"

namespace lyceum {

struct Score {
  std::string task, split, metric;
  double value = 0;  // NaN where the metric is undefined
  std::int64_t examples = 0;
};

enum class RankBy { kCosine, kDot };

struct EvaluateOptions {
  RankBy rank_by = RankBy::kCosine;  // of retrieval
  std::int64_t neighbours = 5;       // of classification by neighbours
  std::vector<double> c = {1.0};  // of the probe; several: the one with the best accuracy on the valid split,
                                  // the smaller of equal ones
  bool is_strict = false;         // judgements of unknown queries or documents are errors
  std::function<void(std::int64_t done, std::int64_t total)> progress;  // texts embedded
};

// Similarity, on vectors as the encoder gives them: pearson and spearman between the given scores and the
// cosines of the pairs; pearson_dot, spearman_dot, and the same for manhattan and euclidean (distances with a
// minus), as sentence-transformers' EmbeddingSimilarityEvaluator. Several sets: "FOLDER/FILE" for all pairs
// of a file and the mean of these values over the files under the folder's name. Pairs that carry a "set" get
// "FILE/SET" besides, and spearman_mean over them.
//
// Retrieval: ndcg@10, mrr@10, recall@10, recall@100, map@100 (ranking.h), and binary_ndcg@10 where a grade is
// above 1; means over the queries with a relevant document. Equal scores rank by document id, as bytes.
// Relevant documents that the corpus lacks count as not found; unknown queries are left out; both are
// reported in a warning.
//
// Classification: knn_accuracy (cosine, a vote) and probe_accuracy (classifiers.h). A label that training
// lacks counts as missed.
//
// Files are read through before the first text is embedded. Throws Errc::kFormat and kData with file and line
// for what is wrong in them, kData for vectors that are not finite, kInterrupted between two blocks of texts.
std::vector<Score> evaluate(const TaskFiles& task, const TextEncoder& encoder,
                            const EvaluateOptions& options = {});

}  // namespace lyceum
