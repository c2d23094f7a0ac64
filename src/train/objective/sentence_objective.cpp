#include "train/objective/sentence_objective.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "ops/distance/distance.h"
#include "ops/pooling/pooling.h"
#include "ops/rows/rows.h"
#include "tensor/tape.h"
#include "train/objective/sentence_losses.h"
#include "train/objective/terms.h"

namespace lyceum {
namespace {

using enum SentenceLoss;

// [texts, width] of examples' texts in their order.
Tensor vectors_of(const Learner& learner, std::span<const Example> examples, Pass& pass) {
  const PackedTokens tokens = pack_examples(*learner.model, examples);
  return (*learner.sentence)(learner.model->encode(tokens, pass), tokens.layout);
}

class SentenceObjective final : public Objective {
 public:
  SentenceObjective(SentenceObjectiveOptions options, std::vector<WeightPtr> classifier)
      : options_(std::move(options)), parameters_(std::move(classifier)) {
    if (!parameters_.empty()) classifier_ = Linear(parameters_.at(0), parameters_.at(1));
  }

  std::vector<WeightPtr> parameters() const override { return parameters_; }

  std::vector<double> counts(std::span<const Example> examples) const override {
    return {loss_count(examples, options_.loss)};
  }

  double learn(const Learner& learner, std::span<const Example> examples, std::span<const double> totals,
               const LearnOptions& options, Gradients& gradients) const override {
    if (examples.empty() || totals[0] == 0) return 0;
    const std::vector<std::span<const Example>> parts = parts_of(examples, options.part_tokens);
    if (parts.size() > 1 && sees_whole_batch(options_.loss))
      return learn_cached(learner, examples, parts, totals[0], options, gradients);
    double loss = 0;
    for (const std::span<const Example> part : parts) {
      Pass pass = pass_of(options);
      Tape tape;
      Tensor value;
      {
        const Tape::Recording on(tape);
        value = sentence_loss(vectors_of(learner, part, pass), part, options_, classifier_, totals[0]);
      }
      loss += value_of(value);
      gradients.add(tape.backward(value));
    }
    return loss;
  }

  void judge(const Learner& learner, std::span<const Example> examples, Judgement& into) const override {
    if (examples.empty()) return;
    Pass pass;
    const Tensor vectors = vectors_of(learner, examples, pass);
    const double count = loss_count(examples, options_.loss);
    add_term(into, 0, value_of(sentence_loss(vectors, examples, options_, classifier_, count)) * count,
             count);
    compare(vectors, examples, into);
  }

 private:
  // The random numbers of dropout follow the sequences, so that a part has the same vectors both times.
  double learn_cached(const Learner& learner, std::span<const Example> examples,
                      const std::vector<std::span<const Example>>& parts, double total,
                      const LearnOptions& options, Gradients& gradients) const {
    std::vector<float> all;
    for (const std::span<const Example> part : parts) {
      Pass pass = pass_of(options);
      const std::vector<float> values = vectors_of(learner, part, pass).values<float>();
      all.insert(all.end(), values.begin(), values.end());
    }
    const std::int64_t width = learner.sentence->width();
    Tape tape;
    const Tensor vectors =
        tape.watch(Tensor::of<float>({static_cast<std::int64_t>(all.size()) / width, width}, all));
    Tensor value;
    {
      const Tape::Recording on(tape);
      value = sentence_loss(vectors, examples, options_, classifier_, total);
    }
    Gradients found = tape.backward(value);
    const Tensor slopes = found.of(vectors);
    found.take(vectors.variable());
    gradients.add(std::move(found));
    std::int64_t first = 0;
    for (const std::span<const Example> part : parts) {
      Pass pass = pass_of(options);
      Tape again;
      Tensor own;
      {
        const Tape::Recording on(again);
        own = vectors_of(learner, part, pass);
      }
      const Tensor slope = slopes.row_range(first, first + own.rows());
      gradients.add(again.backward({{own, slope}}));
      first += own.rows();
    }
    return value_of(value);
  }

  void compare(const Tensor& vectors, std::span<const Example> examples, Judgement& into) const {
    const ComparedTexts texts = compared_texts(examples, options_.loss);
    switch (options_.loss) {
      case kCosine:
      case kCosent:
      case kContrastive:
      case kOnlineContrastive: {
        const Tensor cosines = pair_cosines(vectors, texts);
        for (std::size_t i = 0; i < examples.size(); ++i) {
          into.predicted.push_back(static_cast<double>(cosines.data<float>()[i]));
          into.expected.push_back(static_cast<double>(examples[i].numbers.at(0)));
        }
        return;
      }
      case kSoftmax: {
        const Tensor scores = class_scores(vectors, texts, options_, classifier_);
        for (std::size_t i = 0; i < examples.size(); ++i)
          guess(best_of(row_of(scores, static_cast<std::int64_t>(i))) == examples[i].labels.at(0), into);
        return;
      }
      case kMultipleNegatives: {
        if (!texts.others.empty()) return compare_triplets(vectors, texts, into);
        const Tensor scores = batch_scores(vectors, texts, options_);
        for (std::int64_t i = 0; i < scores.rows(); ++i) guess(best_of(row_of(scores, i)) == i, into);
        return;
      }
      case kTriplet:
      case kMarginMse:
        return compare_triplets(vectors, texts, into);
      case kMse:
      case kBatchHardTriplet:
        return;
    }
  }

  static void guess(bool is_right, Judgement& into) {
    into.hits += is_right ? 1 : 0;
    into.guesses += 1;
  }

  // Whether the positive is nearer than each negative, by the loss's own measure.
  void compare_triplets(const Tensor& vectors, const ComparedTexts& texts, Judgement& into) const {
    const bool by_distance = options_.loss == kTriplet && options_.distance != SentenceDistance::kCosine;
    const Tensor base =
        by_distance || (options_.loss != kTriplet && options_.dot) ? vectors : normalize(vectors);
    for (std::size_t n = 0; n < texts.others.size(); ++n) {
      const auto owner = static_cast<std::size_t>(texts.owners[n]);
      const std::int64_t anchor[] = {texts.first[owner], texts.first[owner]},
                         both[] = {texts.second[owner], texts.others[n]};
      const Tensor a = gather_rows(base, anchor), b = gather_rows(base, both);
      const Tensor found = by_distance ? distance_rows(a, b,
                                                       options_.distance == SentenceDistance::kManhattan
                                                           ? DistanceNorm::kManhattan
                                                           : DistanceNorm::kEuclidean)
                                       : dot_rows(a, b);
      const float positive = found.data<float>()[0], negative = found.data<float>()[1];
      guess(by_distance ? positive < negative : positive > negative, into);
    }
  }

  SentenceObjectiveOptions options_;
  std::vector<WeightPtr> parameters_;
  Linear classifier_;
};

}  // namespace

bool sees_whole_batch(SentenceLoss loss) {
  return loss == kCosent || loss == kOnlineContrastive || loss == kMultipleNegatives ||
         loss == kBatchHardTriplet;
}

std::int64_t classifier_inputs(const SentenceObjectiveOptions& options, std::int64_t width) {
  return width *
         ((options.use_vectors ? 2 : 0) + (options.use_difference ? 1 : 0) + (options.use_product ? 1 : 0));
}

std::unique_ptr<Objective> sentence_objective(const SentenceObjectiveOptions& options, std::int64_t width,
                                              std::vector<WeightPtr> classifier) {
  for (const std::int64_t size : options.matryoshka)
    if (size > width)
      fail(Errc::kData, "objective.matryoshka: found {}, expected at most the {} values of the vectors", size,
           width);
  return std::make_unique<SentenceObjective>(options, std::move(classifier));
}

}  // namespace lyceum
