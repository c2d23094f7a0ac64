// Scores of a model on data folders, form by form (task_files.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tasks/evaluate/evaluated_model.h"
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
  std::int64_t repeats = 10;      // of clustering: runs, each with the next seed
  std::uint64_t seed = 0;         // of clustering
  std::optional<TaskForm> form;   // only this one of the forms that the files allow
  bool is_strict = false;         // judgements of unknown queries or documents are errors
  std::function<void(std::int64_t done, std::int64_t total)> progress;  // texts, pairs or questions read
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
// Pairs: ap, accuracy, f1, precision, recall and the thresholds of the best accuracy and f1, each for cosine,
// dot, euclidean and manhattan (cosine_ap, ...), and max_ap, max_accuracy, max_f1 over these four
// (binary_scores.h).
//
// Clustering: v_measure, the mean over runs of mini-batch k-means with as many clusters as labels
// (v_measure.h, cluster/k_means.h; batches of 500, as MTEB), and v_measure_std, their standard deviation.
//
// Reranking: map (binary_scores.h) and mrr@10 over the queries with relevant and other passages; by cosine,
// or by the model's own scores where it is a cross-encoder. For mrr@10, equal scores stand in the order of
// the file.
//
// Tagging: precision, recall and f1 of entities and accuracy of words (entities.h). A word has the label of
// its first token, and O where the model does not read it: texts that are too long are cut.
//
// Answering: exact_match and f1 of the best answer, of up to 30 tokens (answer_match.h), from 0 to 1. With
// questions that have no answer it is version 2: the answer may be none, and the metrics are exact, f1,
// HasAns_exact, HasAns_f1, NoAns_exact and NoAns_f1.
//
// The forms: the one that is asked for; tagging alone where the model labels tokens; else all that the files
// allow. Files are read through before the first text is embedded. Throws Errc::kUsage for a form that the
// files do not allow, Errc::kFormat and kData with file and line for what is wrong in them, kData for vectors
// that are not finite, kUnsupported for a model without the head that a form needs, kInterrupted between two
// blocks of texts.
std::vector<Score> evaluate(const TaskFiles& task, EvaluatedModel& model,
                            const EvaluateOptions& options = {});

}  // namespace lyceum
