// Objectives over vectors of sentences: bi-encoders, as sentence-transformers trains them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/objective/objective.h"

namespace lyceum {

// u, v, ... are the vectors of an example's texts in their order. Formulas, defaults and reductions are those
// of sentence-transformers 6 (sentence_transformer/losses), whose class is named behind each.
enum class SentenceLoss {
  kSoftmax,            // classes of pairs: cross-entropy of a classifier over (u, v, |u - v|)   SoftmaxLoss
  kCosine,             // (cos(u, v) - score)^2                                         CosineSimilarityLoss
  kCosent,             // the order of the scores, all pairs of a batch                           CoSENTLoss
  kContrastive,        // near or far                                                        ContrastiveLoss
  kOnlineContrastive,  // the same of a batch's hard pairs                             OnlineContrastiveLoss
  kMultipleNegatives,  // each anchor's positive among all of the batch         MultipleNegativesRankingLoss
  kTriplet,            // the positive nearer than the negative, by a margin                     TripletLoss
  kMarginMse,          // by as much as a teacher says                                         MarginMSELoss
  kMse,                // a teacher's vectors                                                        MSELoss
  kBatchHardTriplet,   // each text's farthest of its class and nearest of another      BatchHardTripletLoss
};

enum class SentenceDistance { kCosine, kEuclidean, kManhattan };

struct SentenceObjectiveOptions {
  SentenceLoss loss = SentenceLoss::kCosine;
  // Of contrastive losses and triplets.
  SentenceDistance distance = SentenceDistance::kCosine;
  double margin = 0.5;
  // Of CoSENT and multiple negatives: what similarities are multiplied by.
  double scale = 20;
  bool dot = false;        // multiple negatives, margin MSE: the product stands for the cosine
  bool symmetric = false;  // multiple negatives: also each positive's anchor among all anchors
  bool use_vectors = true, use_difference = true, use_product = false;  // softmax: (u, v), |u - v|, u * v
  // The loss over the first so many values of each vector, made unit vectors; times its weight, added up.
  // Source: Kusupati et al. 2022; R MatryoshkaLoss.
  std::vector<std::int64_t> matryoshka;
  std::vector<double> matryoshka_weights;
};

// How the batch as a whole counts: each example by itself, or one for the other. Objectives over the whole
// batch compute the vectors first where options.part_tokens cuts it, then the loss and its gradient with
// respect to the vectors, then each part's vectors again with a tape (Gao et al. 2021, "Scaling deep
// contrastive learning batch size under memory limited setup"): the same loss, and gradients up to rounding.
// Of a batch that is spread over processes each one computes its share of the vectors, hears of the others',
// and computes the loss over all of them: what its own vectors are to do is then known to it.
// Between the batches of train.accumulate nothing is compared.
bool sees_whole_batch(SentenceLoss loss);

// The inputs of the classifier of kSoftmax over vectors of this width.
std::int64_t classifier_inputs(const SentenceObjectiveOptions& options, std::int64_t width);

// classifier: weight [classes, classifier_inputs] and bias [classes] of kSoftmax, trained and not exported;
// else nothing. Throws Errc::kData for a matryoshka size above `width`, that of the vectors.
std::unique_ptr<Objective> sentence_objective(const SentenceObjectiveOptions& options, std::int64_t width,
                                              std::vector<WeightPtr> classifier = {});

}  // namespace lyceum
