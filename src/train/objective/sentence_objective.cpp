#include "train/objective/sentence_objective.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "ops/distance/distance.h"
#include "ops/linear/adapter_dropout.h"
#include "ops/pooling/pooling.h"
#include "ops/rows/rows.h"
#include "tensor/tape.h"
#include "train/objective/sentence_losses.h"
#include "train/objective/terms.h"

namespace lyceum {
namespace {

using enum SentenceLoss;

// [texts, width] of texts in their order.
Tensor vectors_of(const Learner& learner, const PackedTokens& tokens, Pass& pass) {
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

  bool compares_examples() const override { return sees_whole_batch(options_.loss); }

  double learn(const Learner& learner, std::span<const Example> examples, std::span<const double> totals,
               const LearnOptions& options, Gradients& gradients) const override {
    if (totals[0] == 0) return 0;
    const std::vector<std::span<const Example>> parts = parts_of(examples, options.part_tokens);
    if (compares_examples() && (parts.size() > 1 || options.part.count > 1))
      return learn_together(learner, examples, parts, totals[0], options, gradients);
    double loss = 0;
    for (const std::span<const Example> part : parts) {
      const PackedTokens tokens = pack_examples(*learner.model, part);
      Pass pass = pass_of(options);
      const AdapterDropout dropping(tokens.layout, options.dropout_seed);
      Tape tape;
      Tensor value;
      {
        const Tape::Recording on(tape);
        value = sentence_loss(vectors_of(learner, tokens, pass), part, options_, classifier_, totals[0]);
      }
      loss += value_of(value);
      walk_back(tape, {{value, Tensor::full({}, 1)}}, is_last(part, parts), options, gradients);
    }
    return loss;
  }

  void judge(const Learner& learner, std::span<const Example> examples, Judgement& into) const override {
    if (examples.empty()) return;
    Pass pass;
    const Tensor vectors = vectors_of(learner, pack_examples(*learner.model, examples), pass);
    const double count = loss_count(examples, options_.loss);
    add_term(into, 0, value_of(sentence_loss(vectors, examples, options_, classifier_, count)) * count,
             count);
    compare(vectors, examples, into);
  }

 private:
  // A part of the batch on its way through the encoder.
  struct PartPass {
    Tape tape;
    Tensor vectors;
  };
  static std::unique_ptr<PartPass> recorded(const Learner& learner, std::span<const Example> part,
                                            const LearnOptions& options) {
    auto out = std::make_unique<PartPass>();
    const PackedTokens tokens = pack_examples(*learner.model, part);
    Pass pass = pass_of(options);
    const AdapterDropout dropping(tokens.layout, options.dropout_seed);
    const Tape::Recording on(out->tape);
    out->vectors = vectors_of(learner, tokens, pass);
    return out;
  }

  // First the vectors, then the loss over all of the batch with its gradient with respect to them, then the
  // way back through the encoder. Several parts go through it again, since only the tape of a single one is
  // kept; the random numbers of dropout follow the sequences, so that a part has the same vectors both times.
  double learn_together(const Learner& learner, std::span<const Example> examples,
                        const std::vector<std::span<const Example>>& parts, double total,
                        const LearnOptions& options, Gradients& gradients) const {
    const bool is_spread = options.part.count > 1;
    const std::span<const Example> batch = is_spread ? options.batch : examples;
    const std::int64_t width = learner.sentence->width();
    std::unique_ptr<PartPass> only;
    std::vector<float> values;
    if (parts.size() == 1) {
      only = recorded(learner, parts[0], options);
      values = only->vectors.values<float>();
    }
    for (std::size_t i = 0; !only && i < parts.size(); ++i) {
      const PackedTokens tokens = pack_examples(*learner.model, parts[i]);
      Pass pass = pass_of(options);
      const AdapterDropout dropping(tokens.layout, options.dropout_seed);
      const std::vector<float> more = vectors_of(learner, tokens, pass).values<float>();
      values.insert(values.end(), more.begin(), more.end());
    }
    const Tensor own = Tensor::of<float>({std::ssize(values) / width, width}, values);

    Tape tape;
    const Tensor vectors = tape.watch(is_spread ? options.rows_of_all(own) : own);
    Tensor value;
    {
      const Tape::Recording on(tape);
      value = sentence_loss(vectors, batch, options_, classifier_, total);
    }
    const Tensor slopes = gather_rows(tape.backward(value).of(vectors), rows_of_part(batch, options.part));
    std::int64_t first = 0;
    for (const std::span<const Example> part : parts) {
      const std::unique_ptr<PartPass> again = only ? std::move(only) : recorded(learner, part, options);
      const std::int64_t end = first + again->vectors.rows();
      walk_back(again->tape, {{again->vectors, slopes.row_range(first, end)}}, is_last(part, parts), options,
                gradients);
      first = end;
    }
    return options.part.index == 0 ? value_of(value) : 0;  // which all processes have computed
  }

  // Where the texts of one process stand among those of the batch.
  static std::vector<std::int64_t> rows_of_part(std::span<const Example> batch, DataPart part) {
    std::vector<std::int64_t> rows;
    std::int64_t row = 0;
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (std::int64_t s = 0; s < batch[i].sequences(); ++s, ++row)
        if (i % part.count == part.index) rows.push_back(row);
    return rows;
  }

  static bool is_last(std::span<const Example> part, const std::vector<std::span<const Example>>& parts) {
    return part.data() == parts.back().data();
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
