// What is minimised: from a batch of examples to a loss and its gradients.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/examples/example.h"
#include "data/shuffle/record_order.h"
#include "nn/model.h"
#include "nn/sentence_head.h"
#include "tensor/tape.h"
#include "train/report/observer.h"

namespace lyceum {

// What learns: a model, and for sentence vectors what stands behind its body.
struct Learner {
  Model* model = nullptr;
  const SentenceHead* sentence = nullptr;
};

struct LearnOptions {
  std::optional<std::uint64_t> dropout_seed;  // of the step
  bool recompute_layers = false;
  std::int64_t part_tokens = 0;  // tokens that go through the model at a time; 0: all of the batch at once
  // Hears of each weight as soon as learn() will add nothing more to its gradient, which may then be taken
  // out of the gradients. Optional for both sides.
  std::function<void(Variable)> on_complete;
  // Of a batch that is spread over processes this one has the examples whose place in `batch`, which all
  // know, is part.index modulo part.count.
  DataPart part;
  std::span<const Example> batch;
  // For a loss that compares_examples(): a row for each sequence of this process's examples in, those of all
  // processes out, in the order of the batch. Each process calls it once in a learn(), before anything is
  // complete.
  std::function<Tensor(const Tensor& own_rows)> rows_of_all;
};

// What an objective finds out about examples without learning from them: added up over batches.
struct Judgement {
  std::vector<double> losses, counts;       // of each term: the sum of its losses, and of how many
  double hits = 0, guesses = 0;             // predictions that were right, of so many
  std::vector<double> predicted, expected;  // scores, where they are compared by correlation

  void add(const Judgement& more);
};

class Objective {
 public:
  virtual ~Objective() = default;

  // Trained with the model and left out of what is exported.
  virtual std::vector<WeightPtr> parameters() const { return {}; }

  // How many things each term of the loss is the mean over, among these examples. A batch that is spread over
  // processes or parts has the sum.
  virtual std::vector<double> counts(std::span<const Example> examples) const = 0;

  // Whether an example's loss depends on the others of its batch.
  virtual bool compares_examples() const { return false; }

  // Adds the gradients of sum over terms of (the examples' losses / totals) and returns that sum's value.
  // totals: counts() of the whole batch; a term whose total is 0 is left out. Where a batch is spread over
  // processes, the values that they return have the whole batch's as their sum, and so have the gradients.
  virtual double learn(const Learner& learner, std::span<const Example> examples,
                       std::span<const double> totals, const LearnOptions& options,
                       Gradients& gradients) const = 0;

  virtual void judge(const Learner& learner, std::span<const Example> examples, Judgement& into) const = 0;
  // The mean loss, and what else is said of a validation set ("accuracy", "spearman").
  virtual ValidReport report(const Judgement& judgement) const;
};

// The sequences of examples one after another, at the positions that the model wants. Ids of sequences are
// made of the example's id, its epoch and the sequence's place in it. Throws Errc::kData for a sequence that
// is longer than the model takes, naming where it comes from.
PackedTokens pack_examples(const Model& model, std::span<const Example> examples);

// Consecutive examples of about `part_tokens` tokens together, at least one each; all at once for 0.
std::vector<std::span<const Example>> parts_of(std::span<const Example> examples, std::int64_t part_tokens);

// Adds the tape's gradients. `is_last`: nothing else will be added in this learn().
void walk_back(Tape& tape, std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, bool is_last,
               const LearnOptions& options, Gradients& gradients);

// Every word that has a label is told from the others: masked language modelling, and with next_sentence
// BERT's second task; causal language modelling with a causal model, whose labels are the next tokens.
std::unique_ptr<Objective> words_objective(bool next_sentence, float label_smoothing);
enum class SequenceTask {
  kClass,
  kLabels,
  kNumber,       // by squared error
  kProbability,  // a number from 0 to 1, by the logistic loss of its logit (R cross-encoders of one label)
};
std::unique_ptr<Objective> sequence_objective(SequenceTask task, float label_smoothing);
// A class for each token.
std::unique_ptr<Objective> tokens_objective(float label_smoothing);
// The first and the last token of an answer.
std::unique_ptr<Objective> spans_objective();
// One of an example's sequences, by a score for each.
std::unique_ptr<Objective> choices_objective();

}  // namespace lyceum
