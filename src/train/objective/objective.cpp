#include "train/objective/objective.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/correlation.h"
#include "base/error.h"
#include "base/random.h"

namespace lyceum {
namespace {

// Random numbers of a sequence follow it, wherever in a batch it stands.
std::uint64_t sequence_id(const Example& example, std::int64_t place) {
  const PhiloxBlock block = philox(example.id, example.epoch, static_cast<std::uint64_t>(place));
  return std::uint64_t{block[1]} << 32 | block[0];
}

}  // namespace

PackedTokens pack_examples(const Model& model, std::span<const Example> examples) {
  PackedTokens packed;
  std::vector<std::int64_t> lengths, positions, row, places;
  std::vector<std::uint64_t> ids;
  for (const Example& example : examples)
    for (std::int64_t s = 0; s < example.sequences(); ++s) {
      const std::int64_t begin = example.begins[static_cast<std::size_t>(s)];
      const std::int64_t end =
          s + 1 < example.sequences() ? example.begins[static_cast<std::size_t>(s) + 1] : example.tokens();
      if (end - begin > model.max_tokens())
        fail(Errc::kData,
             "{}: found a sequence of {} tokens, expected at most the {} of the model. Fix: shorter "
             "sequences (train.context_tokens, data.max_tokens)",
             example.where, end - begin, model.max_tokens());
      row.assign(example.ids.begin() + begin, example.ids.begin() + end);
      places.resize(row.size());
      model.place(row, places);
      positions.insert(positions.end(), places.begin(), places.end());
      packed.ids.insert(packed.ids.end(), row.begin(), row.end());
      for (std::int64_t t = begin; t < end; ++t)
        packed.types.push_back(
            example.types.empty() || !model.has_segments() ? 0 : example.types[static_cast<std::size_t>(t)]);
      lengths.push_back(end - begin);
      ids.push_back(sequence_id(example, s));
    }
  for (const std::int64_t id : packed.ids)
    if (id < 0 || id >= model.vocabulary())
      fail(Errc::kData, "{}: found the token {}, expected 0 to {}", examples.front().where, id,
           model.vocabulary() - 1);
  packed.rows = static_cast<std::int64_t>(lengths.size());
  packed.layout = SequenceLayout::from(lengths, std::move(positions), std::move(ids));
  return packed;
}

std::vector<std::span<const Example>> parts_of(std::span<const Example> examples, std::int64_t part_tokens) {
  std::vector<std::span<const Example>> parts;
  std::size_t begin = 0;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (part_tokens > 0 && i > begin && tokens + examples[i].tokens() > part_tokens) {
      parts.push_back(examples.subspan(begin, i - begin));
      begin = i;
      tokens = 0;
    }
    tokens += examples[i].tokens();
  }
  if (begin < examples.size()) parts.push_back(examples.subspan(begin));
  return parts;
}

void walk_back(Tape& tape, std::vector<std::pair<Tensor, Tensor>> outputs_and_cotangents, bool is_last,
               const LearnOptions& options, Gradients& gradients) {
  if (is_last && options.on_complete) {
    tape.backward(std::move(outputs_and_cotangents), gradients, options.on_complete);
  } else {
    tape.backward(std::move(outputs_and_cotangents), gradients);
  }
}

void Judgement::add(const Judgement& more) {
  losses.resize(std::max(losses.size(), more.losses.size()));
  counts.resize(losses.size());
  for (std::size_t i = 0; i < more.losses.size(); ++i) {
    losses[i] += more.losses[i];
    counts[i] += more.counts[i];
  }
  hits += more.hits;
  guesses += more.guesses;
  predicted.insert(predicted.end(), more.predicted.begin(), more.predicted.end());
  expected.insert(expected.end(), more.expected.begin(), more.expected.end());
}

ValidReport Objective::report(const Judgement& judgement) const {
  ValidReport report;
  for (std::size_t i = 0; i < judgement.losses.size(); ++i)
    if (judgement.counts[i] > 0) report.loss_nats += judgement.losses[i] / judgement.counts[i];
  if (judgement.guesses > 0) report.others.push_back({"valid_accuracy", judgement.hits / judgement.guesses});
  if (judgement.predicted.size() > 1) {
    report.others.push_back({"valid_pearson", pearson(judgement.predicted, judgement.expected)});
    report.others.push_back({"valid_spearman", spearman(judgement.predicted, judgement.expected)});
  }
  return report;
}

}  // namespace lyceum
