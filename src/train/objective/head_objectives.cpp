// Objectives over the heads that the reference's classes have. A term of the loss is the sum of its examples'
// losses over the term's total; so it is the mean of the whole batch, however that is cut.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "ops/activation/activation.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/linear/adapter_dropout.h"
#include "ops/rows/rows.h"
#include "tensor/tape.h"
#include "train/objective/objective.h"
#include "train/objective/terms.h"

namespace lyceum {
namespace {

// Rows of scores over a vocabulary that are in memory at a time.
constexpr std::int64_t kWordRows = 512;

bool is_last_of(std::span<const Example> examples, std::span<const Example> part) {
  return &part.back() == &examples.back();
}

// Where the labels of tokens stand, and what they say.
struct LabelledRows {
  std::vector<std::int64_t> rows, labels;
};
LabelledRows labelled_rows(std::span<const Example> examples) {
  LabelledRows out;
  std::int64_t first = 0;
  for (const Example& example : examples) {
    for (std::size_t t = 0; example.has_token_labels && t < example.labels.size(); ++t)
      if (example.labels[t] != kIgnoredLabel) {
        out.rows.push_back(first + static_cast<std::int64_t>(t));
        out.labels.push_back(example.labels[t]);
      }
    first += example.tokens();
  }
  return out;
}

double count_token_labels(std::span<const Example> examples) {
  double count = 0;
  for (const Example& example : examples)
    if (example.has_token_labels)
      count += static_cast<double>(example.labels.size()) -
               static_cast<double>(std::count(example.labels.begin(), example.labels.end(), kIgnoredLabel));
  return count;
}

// The scores of a vocabulary are the largest tensor of a step: their rows are dealt with in pieces, each
// forwards and backwards before the next, and only the gradient of the body's rows is kept.
class WordsObjective final : public Objective {
 public:
  WordsObjective(bool next_sentence, float label_smoothing)
      : next_sentence_(next_sentence), label_smoothing_(label_smoothing) {}

  std::vector<double> counts(std::span<const Example> examples) const override {
    std::vector<double> out{count_token_labels(examples)};
    if (next_sentence_)
      out.push_back(static_cast<double>(std::count_if(examples.begin(), examples.end(), [](const Example& e) {
        return e.next_sentence != kIgnoredLabel;
      })));
    return out;
  }

  double learn(const Learner& learner, std::span<const Example> examples, std::span<const double> totals,
               const LearnOptions& options, Gradients& gradients) const override {
    double loss = 0;
    for (const std::span<const Example> part : parts_of(examples, options.part_tokens)) {
      const PackedTokens tokens = pack_examples(*learner.model, part);
      const LabelledRows wanted = labelled_rows(part);
      const std::vector<std::int64_t> pairs = pair_labels(part);
      Pass pass = pass_of(options);
      const AdapterDropout dropping(tokens.layout, options.dropout_seed);
      Tape tape;
      Tensor words, pair_loss;
      {
        const Tape::Recording on(tape);
        const Tensor hidden = learner.model->encode(tokens, pass);
        words = static_cast<std::int64_t>(wanted.rows.size()) == hidden.rows()
                    ? hidden
                    : gather_rows(hidden, wanted.rows);
        if (next_sentence_ && totals[1] > 0)
          pair_loss =
              scale(cross_entropy(learner.model->pair_scores(hidden, tokens.layout), pairs, {.sum = true}),
                    share(1, totals[1]));
      }
      std::vector<std::pair<Tensor, Tensor>> seeds;
      if (!wanted.rows.empty() && totals[0] > 0) {
        Tensor slope = Tensor::empty(words.shape());
        loss += learn_words(learner, words, tokens.layout, wanted, share(1, totals[0]), options, slope,
                            gradients);
        seeds.emplace_back(words, std::move(slope));
      }
      if (pair_loss.defined()) {
        loss += value_of(pair_loss);
        seeds.emplace_back(pair_loss, Tensor::full(pair_loss.shape(), 1.0f));
      }
      walk_back(tape, std::move(seeds), is_last_of(examples, part), options, gradients);
    }
    return loss;
  }

  void judge(const Learner& learner, std::span<const Example> examples, Judgement& into) const override {
    const PackedTokens tokens = pack_examples(*learner.model, examples);
    const LabelledRows wanted = labelled_rows(examples);
    const Tensor hidden = learner.model->encode(tokens);
    double loss = 0;
    for_pieces(wanted.rows.size(), [&](std::size_t begin, std::size_t count) {
      const auto labels = std::span(wanted.labels).subspan(begin, count);
      const Tensor rows = gather_rows(hidden, std::span(wanted.rows).subspan(begin, count));
      const Tensor scores = learner.model->scores(rows, rows_alone(count));
      loss += value_of(cross_entropy(scores, labels, {.sum = true}));
      for (std::size_t i = 0; i < count; ++i)
        into.hits += best_of(row_of(scores, static_cast<std::int64_t>(i))) == labels[i] ? 1 : 0;
    });
    into.guesses += static_cast<double>(wanted.rows.size());
    add_term(into, 0, loss, static_cast<double>(wanted.rows.size()));
    if (next_sentence_) {
      const std::vector<std::int64_t> pairs = pair_labels(examples);
      const Tensor scores = learner.model->pair_scores(hidden, tokens.layout);
      add_term(into, 1, value_of(cross_entropy(scores, pairs, {.sum = true})), counts(examples)[1]);
    }
  }

 private:
  // One label a sequence: the first of each example has it.
  static std::vector<std::int64_t> pair_labels(std::span<const Example> examples) {
    std::vector<std::int64_t> labels;
    for (const Example& example : examples) {
      labels.push_back(example.next_sentence);
      labels.insert(labels.end(), static_cast<std::size_t>(example.sequences() - 1), kIgnoredLabel);
    }
    return labels;
  }
  static PackedTokens rows_alone(std::size_t rows) {
    const std::vector<std::int64_t> lengths(rows, 1);
    return {.layout = SequenceLayout::from_lengths(lengths)};
  }
  template <class F>
  static void for_pieces(std::size_t rows, F&& body) {
    for (std::size_t begin = 0; begin < rows; begin += kWordRows)
      body(begin, std::min<std::size_t>(kWordRows, rows - begin));
  }

  double learn_words(const Learner& learner, const Tensor& words, const SequenceLayout& batch,
                     const LabelledRows& wanted, float factor, const LearnOptions& options, Tensor& slope,
                     Gradients& gradients) const {
    double loss = 0;
    for_pieces(wanted.rows.size(), [&](std::size_t begin, std::size_t count) {
      const AdapterDropout dropping(batch, std::span(wanted.rows).subspan(begin, count),
                                    options.dropout_seed);
      Tape tape;
      Pass pass = pass_of(options);
      const auto first = static_cast<std::int64_t>(begin), rows = static_cast<std::int64_t>(count);
      const Tensor piece = tape.watch(words.detached().row_range(first, first + rows));
      Tensor piece_loss;
      {
        const Tape::Recording on(tape);
        piece_loss = cross_entropy(learner.model->scores(piece, rows_alone(count), pass),
                                   std::span(wanted.labels).subspan(begin, count),
                                   {.label_smoothing = label_smoothing_, .sum = true});
      }
      loss += value_of(piece_loss) * static_cast<double>(factor);
      tape.backward({{piece_loss, Tensor::full(piece_loss.shape(), factor)}}, gradients);
      const Tensor d = gradients.take(piece.variable());
      std::copy_n(d.data<float>(), d.elements(), slope.mutable_row<float>(first));
    });
    return loss;
  }

  bool next_sentence_;
  float label_smoothing_;
};

// Objectives whose loss is one scalar over the body's output.
class HeadObjective : public Objective {
 public:
  double learn(const Learner& learner, std::span<const Example> examples, std::span<const double> totals,
               const LearnOptions& options, Gradients& gradients) const override {
    double loss = 0;
    if (totals[0] == 0) return loss;
    for (const std::span<const Example> part : parts_of(examples, options.part_tokens)) {
      if (counts(part)[0] == 0) continue;
      const PackedTokens tokens = pack_examples(*learner.model, part);
      Pass pass = pass_of(options);
      const AdapterDropout dropping(tokens.layout, options.dropout_seed);
      Tape tape;
      Tensor value;
      {
        const Tape::Recording on(tape);
        const Tensor scores = learner.model->scores(learner.model->encode(tokens, pass), tokens, pass);
        value = loss_of(scores, part, tokens.layout, totals[0]);
      }
      loss += value_of(value);
      walk_back(tape, {{value, Tensor::full(value.shape(), 1.0f)}}, is_last_of(examples, part), options,
                gradients);
    }
    return loss;
  }

  void judge(const Learner& learner, std::span<const Example> examples, Judgement& into) const override {
    const double count = counts(examples)[0];
    if (count == 0) return;
    const PackedTokens tokens = pack_examples(*learner.model, examples);
    const Tensor scores = learner.model->scores(learner.model->encode(tokens), tokens);
    add_term(into, 0, value_of(loss_of(scores, examples, tokens.layout, count)) * count, count);
    compare(scores, examples, tokens.layout, into);
  }

 private:
  // The examples' losses added up, over `total`.
  virtual Tensor loss_of(const Tensor& scores, std::span<const Example> examples,
                         const SequenceLayout& layout, double total) const = 0;
  virtual void compare(const Tensor& scores, std::span<const Example> examples, const SequenceLayout& layout,
                       Judgement& into) const = 0;
};

class SequenceObjective final : public HeadObjective {
 public:
  SequenceObjective(SequenceTask task, float label_smoothing)
      : task_(task), label_smoothing_(label_smoothing) {}

  std::vector<double> counts(std::span<const Example> examples) const override {
    return {static_cast<double>(examples.size())};
  }

 private:
  static std::vector<std::int64_t> classes(std::span<const Example> examples) {
    std::vector<std::int64_t> out;
    for (const Example& example : examples) {
      if (example.labels.size() != 1)
        fail(Errc::kData, "{}: found {} labels, expected one class", example.where, example.labels.size());
      out.push_back(example.labels[0]);
    }
    return out;
  }
  Tensor targets(const Tensor& scores, std::span<const Example> examples) const {
    Tensor out = Tensor::empty(scores.shape());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      if (static_cast<std::int64_t>(examples[i].numbers.size()) != scores.cols())
        fail(Errc::kData, "{}: found {} numbers, expected {} as the model has outputs", examples[i].where,
             examples[i].numbers.size(), scores.cols());
      for (const float number : examples[i].numbers)
        if (task_ == SequenceTask::kProbability && !(number >= 0 && number <= 1))
          fail(Errc::kData,
               "{}: found the target {}, expected 0 to 1. Fix: objective.score_range = [lowest, highest]",
               examples[i].where, number);
      std::copy(examples[i].numbers.begin(), examples[i].numbers.end(),
                out.mutable_row<float>(static_cast<std::int64_t>(i)));
    }
    return out;
  }

  Tensor loss_of(const Tensor& scores, std::span<const Example> examples, const SequenceLayout&,
                 double total) const override {
    if (task_ == SequenceTask::kClass)
      return scale(
          cross_entropy(scores, classes(examples), {.label_smoothing = label_smoothing_, .sum = true}),
          share(1, total));
    const Tensor wanted = targets(scores, examples);
    const Tensor mean = task_ == SequenceTask::kNumber ? mean_squared_error(scores, wanted)
                                                       : binary_cross_entropy_with_logits(scores, wanted);
    return scale(mean, share(static_cast<double>(examples.size()), total));
  }

  void compare(const Tensor& scores, std::span<const Example> examples, const SequenceLayout&,
               Judgement& into) const override {
    const Tensor values =
        task_ == SequenceTask::kProbability ? activation(scores, Activation::kSigmoid) : scores;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const std::span<const float> row = row_of(values, static_cast<std::int64_t>(i));
      if (task_ == SequenceTask::kClass) {
        into.hits += best_of(row) == examples[i].labels[0] ? 1 : 0;
        into.guesses += 1;
      }
      for (std::size_t c = 0; task_ != SequenceTask::kClass && c < row.size(); ++c) {
        const float wanted = examples[i].numbers[c];
        if (task_ != SequenceTask::kLabels) {
          into.predicted.push_back(static_cast<double>(row[c]));
          into.expected.push_back(static_cast<double>(wanted));
        } else {
          into.hits += (row[c] > 0) == (wanted > 0.5f) ? 1 : 0;
          into.guesses += 1;
        }
      }
    }
  }

  SequenceTask task_;
  float label_smoothing_;
};

class TokensObjective final : public HeadObjective {
 public:
  explicit TokensObjective(float label_smoothing) : label_smoothing_(label_smoothing) {}
  std::vector<double> counts(std::span<const Example> examples) const override {
    return {count_token_labels(examples)};
  }

 private:
  static std::vector<std::int64_t> all_labels(std::span<const Example> examples) {
    std::vector<std::int64_t> labels;
    for (const Example& example : examples)
      labels.insert(labels.end(), example.labels.begin(), example.labels.end());
    return labels;
  }
  Tensor loss_of(const Tensor& scores, std::span<const Example> examples, const SequenceLayout&,
                 double total) const override {
    return scale(
        cross_entropy(scores, all_labels(examples), {.label_smoothing = label_smoothing_, .sum = true}),
        share(1, total));
  }
  void compare(const Tensor& scores, std::span<const Example> examples, const SequenceLayout&,
               Judgement& into) const override {
    const std::vector<std::int64_t> labels = all_labels(examples);
    for (std::size_t t = 0; t < labels.size(); ++t)
      if (labels[t] != kIgnoredLabel) {
        into.hits += best_of(row_of(scores, static_cast<std::int64_t>(t))) == labels[t] ? 1 : 0;
        into.guesses += 1;
      }
  }
  float label_smoothing_;
};

// Scores that compete with one another inside a group: the tokens of a text for an answer's ends, an
// example's sequences for being the right one.
std::int64_t best_in(const Tensor& scores, std::int64_t column, std::int64_t begin, std::int64_t end) {
  std::int64_t best = begin;
  for (std::int64_t t = begin; t < end; ++t)
    if (scores.row<float>(t)[column] > scores.row<float>(best)[column]) best = t;
  return best - begin;
}

class SpansObjective final : public HeadObjective {
 public:
  std::vector<double> counts(std::span<const Example> examples) const override {
    return {static_cast<double>(examples.size())};
  }

 private:
  static std::vector<std::int64_t> ends(std::span<const Example> examples, std::size_t which) {
    std::vector<std::int64_t> out;
    for (const Example& example : examples) {
      if (example.labels.size() != 2)
        fail(Errc::kData, "{}: found {} labels, expected the first and last token of an answer",
             example.where, example.labels.size());
      out.push_back(example.labels[which]);
    }
    return out;
  }
  Tensor loss_of(const Tensor& scores, std::span<const Example> examples, const SequenceLayout& layout,
                 double total) const override {
    const Tensor start = segment_cross_entropy(slice_columns(scores, 0, 1), layout, ends(examples, 0));
    const Tensor end = segment_cross_entropy(slice_columns(scores, 1, 2), layout, ends(examples, 1));
    return scale(add(start, end), share(0.5 * static_cast<double>(examples.size()), total));
  }
  void compare(const Tensor& scores, std::span<const Example> examples, const SequenceLayout& layout,
               Judgement& into) const override {
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto s = static_cast<std::int64_t>(i);
      const bool both = best_in(scores, 0, layout.begin(s), layout.end(s)) == examples[i].labels[0] &&
                        best_in(scores, 1, layout.begin(s), layout.end(s)) == examples[i].labels[1];
      into.hits += both ? 1 : 0;
      into.guesses += 1;
    }
  }
};

class ChoicesObjective final : public HeadObjective {
 public:
  std::vector<double> counts(std::span<const Example> examples) const override {
    return {static_cast<double>(examples.size())};
  }

 private:
  static SequenceLayout groups(std::span<const Example> examples) {
    std::vector<std::int64_t> lengths;
    for (const Example& example : examples) lengths.push_back(example.sequences());
    return SequenceLayout::from_lengths(lengths);
  }
  Tensor loss_of(const Tensor& scores, std::span<const Example> examples, const SequenceLayout&,
                 double total) const override {
    std::vector<std::int64_t> right;
    for (const Example& example : examples) right.push_back(example.labels.at(0));
    return scale(segment_cross_entropy(scores, groups(examples), right),
                 share(static_cast<double>(examples.size()), total));
  }
  void compare(const Tensor& scores, std::span<const Example> examples, const SequenceLayout&,
               Judgement& into) const override {
    const SequenceLayout layout = groups(examples);
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto s = static_cast<std::int64_t>(i);
      into.hits += best_in(scores, 0, layout.begin(s), layout.end(s)) == examples[i].labels[0] ? 1 : 0;
      into.guesses += 1;
    }
  }
};

}  // namespace

std::unique_ptr<Objective> words_objective(bool next_sentence, float label_smoothing) {
  return std::make_unique<WordsObjective>(next_sentence, label_smoothing);
}
std::unique_ptr<Objective> sequence_objective(SequenceTask task, float label_smoothing) {
  return std::make_unique<SequenceObjective>(task, label_smoothing);
}
std::unique_ptr<Objective> tokens_objective(float label_smoothing) {
  return std::make_unique<TokensObjective>(label_smoothing);
}
std::unique_ptr<Objective> spans_objective() { return std::make_unique<SpansObjective>(); }
std::unique_ptr<Objective> choices_objective() { return std::make_unique<ChoicesObjective>(); }

}  // namespace lyceum
