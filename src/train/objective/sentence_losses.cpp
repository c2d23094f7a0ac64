// Legend: B examples, M hard negatives, D width of a vector; a anchor, p positive, n negative.
#include "train/objective/sentence_losses.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/distance/distance.h"
#include "ops/matmul/matmul.h"
#include "ops/pair_losses/pair_losses.h"
#include "ops/pooling/pooling.h"
#include "ops/rows/rows.h"
#include "train/objective/terms.h"

namespace lyceum {
namespace {

using enum SentenceLoss;
using Indices = std::vector<std::int64_t>;

constexpr float kPairwiseShift = 1e-6f;  // R torch.nn.functional.pairwise_distance, of contrastive losses

Tensor difference(const Tensor& a, const Tensor& b) { return add(a, scale(b, -1)); }

// [N, 1] between the vectors of these numbers.
Tensor distances(const Tensor& vectors, const Indices& a, const Indices& b, SentenceDistance distance,
                 float shift) {
  if (distance == SentenceDistance::kCosine) {
    const Tensor unit = normalize(vectors);
    const Tensor cosines = dot_rows(gather_rows(unit, a), gather_rows(unit, b));
    return difference(Tensor::full(cosines.shape(), 1), cosines);
  }
  return distance_rows(
      gather_rows(vectors, a), gather_rows(vectors, b),
      distance == SentenceDistance::kManhattan ? DistanceNorm::kManhattan : DistanceNorm::kEuclidean, shift);
}

Indices through(const Indices& of_examples, const Indices& owners) {
  Indices out;
  for (const std::int64_t owner : owners) out.push_back(of_examples[static_cast<std::size_t>(owner)]);
  return out;
}

std::vector<float> numbers(std::span<const Example> examples) {
  std::vector<float> out;
  for (const Example& example : examples) {
    if (example.numbers.size() != 1)
      fail(Errc::kData, "{}: found {} scores, expected one", example.where, example.numbers.size());
    out.push_back(example.numbers[0]);
  }
  return out;
}

Indices classes(std::span<const Example> examples) {
  Indices out;
  for (const Example& example : examples) {
    if (example.labels.size() != 1)
      fail(Errc::kData, "{}: found {} labels, expected one class", example.where, example.labels.size());
    out.push_back(example.labels[0]);
  }
  return out;
}

Tensor column(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<std::int64_t>(values.size()), 1}, values);
}

// A mean over some as their part of the mean over `total`.
Tensor part_of_mean(const Tensor& mean, double counted, double total) {
  return scale(mean, share(counted, total));
}

Tensor cosine_loss(const Tensor& vectors, std::span<const Example> examples, const ComparedTexts& texts,
                   double total) {
  const std::vector<float> scores = numbers(examples);
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (!(scores[i] >= -1 && scores[i] <= 1))
      fail(Errc::kData,
           "{}: found the score {}, expected -1 to 1, as a cosine is. Fix: objective.score_range = "
           "[lowest, highest]",
           examples[i].where, scores[i]);
  return part_of_mean(mean_squared_error(pair_cosines(vectors, texts), column(scores)),
                      static_cast<double>(scores.size()), total);
}

// R MultipleNegativesRankingLoss: cross-entropy of a_i's scores with target p_i; symmetric: the mean with
// that of p_i's scores against all anchors (partition_mode "per_direction").
Tensor multiple_negatives(const Tensor& vectors, const ComparedTexts& texts,
                          const SentenceObjectiveOptions& options, double total) {
  const Tensor scores = batch_scores(vectors, texts, options);
  const auto B = static_cast<std::int64_t>(texts.first.size());
  Indices own(texts.first.size());
  std::iota(own.begin(), own.end(), std::int64_t{0});
  const Tensor forth = cross_entropy(scores, own, {.sum = true});
  if (!options.symmetric) return scale(forth, share(1, total));
  const Tensor back = cross_entropy(transpose(slice_columns(scores, 0, B)), own, {.sum = true});
  return scale(add(forth, back), share(0.5, total));
}

// max(d(a, p) - d(a, n) + margin, 0)
Tensor triplet_loss(const Tensor& vectors, const Indices& anchors, const Indices& positives,
                    const Indices& negatives, const SentenceObjectiveOptions& options, double total) {
  const Tensor ahead = difference(distances(vectors, anchors, positives, options.distance, 0),
                                  distances(vectors, anchors, negatives, options.distance, 0));
  return scale(hinge_loss(ahead, static_cast<float>(options.margin)), share(1, total));
}

// R BatchHardTripletLoss. The choice is made of distances without a gradient; the loss is of what was chosen.
// A text that is alone in its class is at distance 0 from its positive; where all are of one class, the
// farthest stands for the negative.
Tensor batch_hard_triplet(const Tensor& vectors, std::span<const Example> examples,
                          const ComparedTexts& texts, const SentenceObjectiveOptions& options, double total) {
  const bool cosine = options.distance == SentenceDistance::kCosine;
  const Tensor own = gather_rows(vectors.detached(), texts.first), base = cosine ? normalize(own) : own;
  const Tensor products = matmul_transposed(base, base);
  const Indices of_class = classes(examples);
  Indices positives, negatives;
  const std::int64_t B = products.rows();
  const auto distance = [&](std::int64_t i, std::int64_t j) {
    const auto dot = [&](std::int64_t a, std::int64_t b) { return products.row<float>(a)[b]; };
    return cosine ? 1 - dot(i, j) : dot(i, i) - 2 * dot(i, j) + dot(j, j);
  };
  for (std::int64_t i = 0; i < B; ++i) {
    std::int64_t positive = i, negative = -1, farthest = 0;
    for (std::int64_t j = 0; j < B; ++j) {
      const bool same = of_class[static_cast<std::size_t>(i)] == of_class[static_cast<std::size_t>(j)];
      if (same && j != i && (positive == i || distance(i, j) > distance(i, positive))) positive = j;
      if (!same && (negative < 0 || distance(i, j) < distance(i, negative))) negative = j;
      if (distance(i, j) > distance(i, farthest)) farthest = j;
    }
    positives.push_back(texts.first[static_cast<std::size_t>(positive)]);
    negatives.push_back(texts.first[static_cast<std::size_t>(negative < 0 ? farthest : negative)]);
  }
  return triplet_loss(vectors, texts.first, positives, negatives, options, total);
}

// ((<a, p> - <a, n>) - margin)^2, the mean over all negatives. Targets are margins, one for each negative, or
// scores, of the positive and each negative.
Tensor margin_mse(const Tensor& vectors, std::span<const Example> examples, const ComparedTexts& texts,
                  const SentenceObjectiveOptions& options, double total) {
  std::vector<float> margins;
  for (const Example& example : examples) {
    const std::vector<float>& given = example.numbers;
    const auto negatives = static_cast<std::size_t>(example.sequences()) - 2;
    if (given.size() != negatives && given.size() != negatives + 1)
      fail(Errc::kData,
           "{}: found {} targets, expected {} margins, or the scores of the positive and {} negatives",
           example.where, given.size(), negatives, negatives);
    for (std::size_t n = 0; n < negatives; ++n)
      margins.push_back(given.size() == negatives ? given[n] : given[0] - given[n + 1]);
  }
  const Tensor base = options.dot ? vectors : normalize(vectors);
  const Tensor anchors = gather_rows(base, through(texts.first, texts.owners)),
               positives = gather_rows(base, through(texts.second, texts.owners));
  const Tensor predicted =
      difference(dot_rows(anchors, positives), dot_rows(anchors, gather_rows(base, texts.others)));
  return part_of_mean(mean_squared_error(predicted, column(margins)), static_cast<double>(margins.size()),
                      total);
}

// (u - teacher)^2, the mean over the values of all texts. Of shorter vectors the teacher's first values
// count.
Tensor vector_mse(const Tensor& vectors, std::span<const Example> examples, std::int64_t width,
                  double total) {
  Tensor wanted = Tensor::empty(vectors.shape());
  std::int64_t row = 0;
  for (const Example& example : examples)
    for (std::int64_t s = 0; s < example.sequences(); ++s) {
      if (static_cast<std::int64_t>(example.numbers.size()) != width)
        fail(Errc::kData, "{}: found {} numbers, expected a vector of the model's {}", example.where,
             example.numbers.size(), width);
      std::copy_n(example.numbers.begin(), vectors.cols(), wanted.mutable_row<float>(row++));
    }
  return part_of_mean(mean_squared_error(vectors, wanted), static_cast<double>(row), total);
}

// `width`: of the whole vectors, of which these may be the first values.
Tensor loss_of(const Tensor& vectors, std::span<const Example> examples, const ComparedTexts& texts,
               const SentenceObjectiveOptions& options, const Linear& classifier, std::int64_t width,
               double total) {
  const auto margin = static_cast<float>(options.margin);
  switch (options.loss) {
    case kSoftmax:
      return scale(
          cross_entropy(class_scores(vectors, texts, options, classifier), classes(examples), {.sum = true}),
          share(1, total));
    case kCosine:
      return cosine_loss(vectors, examples, texts, total);
    case kCosent:
      return scale(
          cosent_loss(pair_cosines(vectors, texts), numbers(examples), static_cast<float>(options.scale)),
          share(1, total));
    case kContrastive:
      return scale(
          contrastive_loss(distances(vectors, texts.first, texts.second, options.distance, kPairwiseShift),
                           numbers(examples), margin),
          share(1, total));
    case kOnlineContrastive:
      return scale(online_contrastive_loss(
                       distances(vectors, texts.first, texts.second, options.distance, kPairwiseShift),
                       numbers(examples), margin),
                   share(1, total));
    case kMultipleNegatives:
      return multiple_negatives(vectors, texts, options, total);
    case kTriplet:
      return triplet_loss(vectors, texts.first, texts.second, texts.others, options, total);
    case kMarginMse:
      return margin_mse(vectors, examples, texts, options, total);
    case kMse:
      return vector_mse(vectors, examples, width, total);
    case kBatchHardTriplet:
      return batch_hard_triplet(vectors, examples, texts, options, total);
  }
  return {};
}

struct TextCount {
  std::int64_t least, most;
};
TextCount texts_wanted(SentenceLoss loss) {
  constexpr std::int64_t kMany = std::int64_t{1} << 40;
  switch (loss) {
    case kMse:
      return {1, kMany};
    case kBatchHardTriplet:
      return {1, 1};
    case kMultipleNegatives:
      return {2, kMany};
    case kTriplet:
      return {3, 3};
    case kMarginMse:
      return {3, kMany};
    default:
      return {2, 2};
  }
}

}  // namespace

ComparedTexts compared_texts(std::span<const Example> examples, SentenceLoss loss) {
  const TextCount wanted = texts_wanted(loss);
  ComparedTexts out;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const std::int64_t count = examples[i].sequences();
    if (count < wanted.least || count > wanted.most)
      fail(Errc::kData, "{}: found {} texts, expected {}{}", examples[i].where, count, wanted.least,
           wanted.most > wanted.least ? " or more" : "");
    out.first.push_back(out.texts);
    if (count > 1) out.second.push_back(out.texts + 1);
    for (std::int64_t s = 2; s < count; ++s) {
      out.others.push_back(out.texts + s);
      out.owners.push_back(static_cast<std::int64_t>(i));
    }
    out.texts += count;
  }
  return out;
}

double loss_count(std::span<const Example> examples, SentenceLoss loss) {
  if (examples.empty()) return 0;
  if (loss == kCosent || loss == kOnlineContrastive) return 1;
  double texts = 0;
  for (const Example& example : examples) texts += static_cast<double>(example.sequences());
  const auto count = static_cast<double>(examples.size());
  if (loss == kMse) return texts;
  return loss == kMarginMse ? texts - 2 * count : count;
}

Tensor sentence_loss(const Tensor& vectors, std::span<const Example> examples,
                     const SentenceObjectiveOptions& options, const Linear& classifier, double total) {
  const ComparedTexts texts = compared_texts(examples, options.loss);
  const std::int64_t width = vectors.cols();
  if (options.matryoshka.empty()) return loss_of(vectors, examples, texts, options, classifier, width, total);
  Tensor sum;
  for (std::size_t i = 0; i < options.matryoshka.size(); ++i) {
    const Tensor cut = normalize(slice_columns(vectors, 0, options.matryoshka[i]));
    const Tensor loss = scale(loss_of(cut, examples, texts, options, classifier, width, total),
                              static_cast<float>(options.matryoshka_weights[i]));
    sum = sum.defined() ? add(sum, loss) : loss;
  }
  return sum;
}

Tensor class_scores(const Tensor& vectors, const ComparedTexts& texts,
                    const SentenceObjectiveOptions& options, const Linear& classifier) {
  const Tensor u = gather_rows(vectors, texts.first), v = gather_rows(vectors, texts.second);
  std::vector<Tensor> parts;
  if (options.use_vectors) parts = {u, v};
  if (options.use_difference) parts.push_back(absolute_difference(u, v));
  if (options.use_product) parts.push_back(multiply(u, v));
  return classifier(concat_columns(parts));
}

Tensor pair_cosines(const Tensor& vectors, const ComparedTexts& texts) {
  const Tensor unit = normalize(vectors);
  return dot_rows(gather_rows(unit, texts.first), gather_rows(unit, texts.second));
}

Tensor batch_scores(const Tensor& vectors, const ComparedTexts& texts,
                    const SentenceObjectiveOptions& options) {
  const Tensor base = options.dot ? vectors : normalize(vectors);
  Indices candidates = texts.second;
  candidates.insert(candidates.end(), texts.others.begin(), texts.others.end());
  return scale(matmul_transposed(gather_rows(base, texts.first), gather_rows(base, candidates)),
               static_cast<float>(options.scale));
}

}  // namespace lyceum
