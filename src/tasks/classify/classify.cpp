#include "tasks/classify/classify.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "tasks/common/scores.h"
#include "tasks/common/sequence_scores.h"
#include "text/unicode/unicode.h"

namespace lyceum {
namespace {

ScoreFunction default_function(const Model& model) {
  const std::string kind = model.problem_type();
  if (kind == "regression") return ScoreFunction::kNone;
  if (kind == "multi_label_classification" || model.labels().size() == 1) return ScoreFunction::kSigmoid;
  return ScoreFunction::kSoftmax;
}

void apply(ScoreFunction function, std::span<float> scores) {
  if (function == ScoreFunction::kSoftmax) softmax_in_place(scores);
  if (function == ScoreFunction::kSigmoid)
    for (float& score : scores) score = sigmoid(score);
}

std::vector<LabelScore> best_labels(std::span<const std::string> labels, std::span<const float> scores,
                                    std::int64_t top) {
  std::vector<LabelScore> out;
  for (const std::size_t place : best_places(scores, top > 0 ? static_cast<std::size_t>(top) : labels.size()))
    out.push_back({labels[place], scores[place]});
  return out;
}

template <class Encode>
std::vector<Encoding> encode_each(std::size_t count, Encode encode) {
  std::vector<Encoding> out(count);
  parallel_for(static_cast<std::int64_t>(count), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) out[i] = encode(i);
  });
  return out;
}

}  // namespace

std::shared_ptr<const ClassifyTask> ClassifyTask::load(const std::string& model,
                                                       std::optional<Compute> compute) {
  return load(ModelFolder::find(model), compute);
}

std::shared_ptr<const ClassifyTask> ClassifyTask::load(const ModelFolder& folder,
                                                       std::optional<Compute> compute) {
  return std::make_shared<const ClassifyTask>(TaskModel::load(folder, Head::kSequence, compute));
}

std::vector<Classification> ClassifyTask::classify(std::span<const std::string> texts,
                                                   const ClassifyOptions& options) const {
  return classify(encode_each(texts.size(),
                              [&](std::size_t i) {
                                return m_.tokenizer->encode(texts[i], {.max_tokens = m_.max_tokens});
                              }),
                  options);
}

std::vector<Classification> ClassifyTask::classify(std::span<const std::pair<std::string, std::string>> pairs,
                                                   const ClassifyOptions& options) const {
  return classify(encode_each(pairs.size(),
                              [&](std::size_t i) {
                                const auto& [first, second] = pairs[i];
                                const EncodeOptions whole{.max_tokens = m_.max_tokens};
                                // R: an empty second text is none
                                return second.empty() ? m_.tokenizer->encode(first, whole)
                                                      : m_.tokenizer->encode_pair(first, second, whole);
                              }),
                  options);
}

std::vector<Classification> ClassifyTask::classify(std::span<const Encoding> encodings,
                                                   const ClassifyOptions& options) const {
  const ScoreFunction function =
      options.function == ScoreFunction::kDefault ? default_function(*m_.model) : options.function;
  const std::vector<std::string>& labels = m_.model->labels();
  Tensor scores = sequence_scores(*m_.model, encodings);
  std::vector<Classification> out(encodings.size());
  for (std::size_t i = 0; i < encodings.size(); ++i) {
    const std::span<float> row(scores.mutable_data<float>() + i * labels.size(), labels.size());
    apply(function, row);
    out[i] = {best_labels(labels, row, options.top), encodings[i].truncated};
  }
  return out;
}

std::vector<Classification> ClassifyTask::zero_shot(std::span<const std::string> texts,
                                                    const ZeroShotOptions& options) const {
  const std::size_t count = options.labels.size();
  if (count == 0) fail(Errc::kUsage, "labels: found none, expected at least one");
  std::vector<Encoding> hypotheses;
  for (const std::string& label : options.labels)
    hypotheses.push_back(
        m_.tokenizer->encode(hypothesis(options.hypothesis_template, label), {.add_special = false}));
  const std::vector<Encoding> premises = encode_each(
      texts.size(), [&](std::size_t i) { return m_.tokenizer->encode(texts[i], {.add_special = false}); });
  const std::vector<Encoding> encodings = encode_each(texts.size() * count, [&](std::size_t i) {
    return m_.tokenizer->post_process(premises[i / count], hypotheses[i % count],
                                      {.max_tokens = m_.max_tokens, .truncation = Truncation::kOnlyFirst});
  });
  const Tensor scores = sequence_scores(*m_.model, encodings);
  const std::int64_t outputs = scores.cols(), found = entailment_label(m_.model->labels());
  if (found < 0)
    log(LogLevel::kWarning, "the model has no label that begins with 'entail'; its last one, '{}', is taken",
        m_.model->labels().back());
  // R: the contradiction is label 0, or the last one where entailment is 0
  const std::int64_t entailment = found < 0 ? outputs - 1 : found;
  const std::int64_t contradiction = found == 0 ? outputs - 1 : 0;
  std::vector<Classification> out(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<float> entailed(count);
    for (std::size_t j = 0; j < count; ++j) {
      const float* row = scores.row<float>(static_cast<std::int64_t>(i * count + j));
      entailed[j] = row[entailment];
      if (options.multi_label || count == 1) {
        float both[2] = {row[contradiction], row[entailment]};
        softmax_in_place(both);
        entailed[j] = both[1];
      }
      out[i].truncated |= encodings[i * count + j].truncated;
    }
    if (!options.multi_label && count > 1) softmax_in_place(entailed);
    out[i].labels = best_labels(options.labels, entailed, options.top);
  }
  return out;
}

std::string hypothesis(std::string_view hypothesis_template, std::string_view label) {
  std::string out;
  bool placed = false;
  for (std::size_t i = 0; i < hypothesis_template.size(); ++i) {
    const char c = hypothesis_template[i];
    const char next = i + 1 < hypothesis_template.size() ? hypothesis_template[i + 1] : '\0';
    if (c != '{' && c != '}') {
      out += c;
    } else if (next == c) {
      out += c;
      ++i;
    } else if (c == '{' && next == '}' && !placed) {
      out += label;
      placed = true;
      ++i;
    } else {
      fail(Errc::kUsage,
           "hypothesis template '{}': found a brace at byte {}, expected one {{}} for the label and double "
           "braces elsewhere",
           hypothesis_template, i);
    }
  }
  if (!placed)
    fail(Errc::kUsage, "hypothesis template '{}': found no {{}}, expected a place for the label",
         hypothesis_template);
  return out;
}

std::int64_t entailment_label(std::span<const std::string> labels) {
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (unicode::lower(labels[i]).starts_with("entail")) return static_cast<std::int64_t>(i);
  return -1;
}

}  // namespace lyceum
