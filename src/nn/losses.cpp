#include "nn/losses.h"

#include <algorithm>

#include "base/error.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"

namespace lyceum {

namespace {

void check_labels_of_tokens(const Tensor& labels, const PackedTokens& tokens, const std::string& name) {
  if (labels.shape() != Shape{tokens.rows, tokens.row_tokens})
    fail(Errc::kData, "{} is {}, expected [{}, {}] as input_ids", name, labels.shape().text(), tokens.rows,
         tokens.row_tokens);
  if (labels.dtype() != DType::kI64)
    fail(Errc::kData, "{}: found {}, expected I64", name, dtype_name(labels.dtype()));
}

}  // namespace

std::vector<std::int64_t> packed_labels(const Tensor& labels, const PackedTokens& tokens,
                                        const std::string& name) {
  check_labels_of_tokens(labels, tokens, name);
  const std::int64_t* from = labels.data<std::int64_t>();
  std::vector<std::int64_t> out;
  out.reserve(tokens.places.size());
  for (const std::int64_t place : tokens.places) out.push_back(from[place]);
  return out;
}

std::vector<std::int64_t> next_token_labels(const Tensor& labels, const PackedTokens& tokens,
                                            const std::string& name) {
  check_labels_of_tokens(labels, tokens, name);
  const std::int64_t* from = labels.data<std::int64_t>();
  std::vector<std::int64_t> out;
  out.reserve(tokens.places.size());
  for (const std::int64_t place : tokens.places)
    out.push_back((place + 1) % tokens.row_tokens == 0 ? CrossEntropyOptions().ignore_index
                                                       : from[place + 1]);
  return out;
}

std::vector<std::int64_t> row_labels(const Tensor& labels, const PackedTokens& tokens,
                                     const std::string& name) {
  if (labels.elements() != tokens.rows || labels.dtype() != DType::kI64)
    fail(Errc::kData, "{}: found {} {}, expected I64 [{}]", name, dtype_name(labels.dtype()),
         labels.shape().text(), tokens.rows);
  std::vector<std::int64_t> out = labels.contiguous().values<std::int64_t>();
  for (std::int64_t b = 0; b < tokens.rows; ++b)
    if (tokens.layout.length(b) == 0) out[static_cast<std::size_t>(b)] = CrossEntropyOptions().ignore_index;
  return out;
}

Tensor classification_loss(const Tensor& logits, const Tensor& labels, const PackedTokens& tokens,
                           const std::string& problem_type) {
  const std::int64_t rows = logits.dim(0), classes = logits.dim(1);
  std::string kind = problem_type;
  if (kind.empty())
    kind = classes == 1                    ? "regression"
           : labels.dtype() == DType::kI64 ? "single_label_classification"
                                           : "multi_label_classification";
  if (kind == "single_label_classification")
    return cross_entropy(logits, row_labels(labels, tokens, "labels"));
  if (labels.elements() != rows * classes)
    fail(Errc::kData, "labels: found {}, expected [{}, {}]", labels.shape().text(), rows, classes);
  std::vector<std::int64_t> present;
  for (std::int64_t b = 0; b < rows; ++b)
    if (tokens.layout.length(b) > 0) present.push_back(b);
  const Tensor scores = embedding(logits, present);  // the rows that are there
  Tensor targets = Tensor::empty(scores.shape());
  const Tensor given = labels.contiguous();
  for (std::int64_t i = 0; i < targets.elements(); ++i) {
    const std::int64_t from = present[static_cast<std::size_t>(i / classes)] * classes + i % classes;
    targets.mutable_data<float>()[i] = given.dtype() == DType::kI64
                                           ? static_cast<float>(given.data<std::int64_t>()[from])
                                           : given.data<float>()[from];
  }
  return kind == "regression" ? mean_squared_error(scores, targets)
                              : binary_cross_entropy_with_logits(scores, targets);
}

Tensor choice_loss(const Tensor& scores, const Tensor& labels, const PackedTokens& tokens) {
  const std::int64_t examples = tokens.rows / tokens.choices;
  if (labels.elements() != examples || labels.dtype() != DType::kI64)
    fail(Errc::kData, "labels: found {} {}, expected I64 [{}]", dtype_name(labels.dtype()),
         labels.shape().text(), examples);
  std::vector<std::int64_t> right = labels.contiguous().values<std::int64_t>();
  for (std::size_t b = 0; b < right.size(); ++b) {
    if (right[b] != CrossEntropyOptions().ignore_index && (right[b] < 0 || right[b] >= tokens.choices))
      fail(Errc::kData, "labels[{}] is {}, expected 0 to {}, or -100 to leave the example out", b, right[b],
           tokens.choices - 1);
    right[b] = std::max<std::int64_t>(right[b], -1);
  }
  const std::vector<std::int64_t> groups(static_cast<std::size_t>(examples), tokens.choices);
  return segment_cross_entropy(scores, SequenceLayout::from_lengths(groups), right);
}

std::vector<std::int64_t> span_targets(const Tensor& positions, const PackedTokens& tokens,
                                       const std::string& name) {
  if (positions.elements() != tokens.rows || positions.dtype() != DType::kI64)
    fail(Errc::kData, "{}: found {}, expected I64 [{}]", name, positions.shape().text(), tokens.rows);
  const auto values = positions.values<std::int64_t>();
  std::vector<std::int64_t> targets;
  for (std::int64_t b = 0; b < tokens.rows; ++b) {
    if (tokens.layout.length(b) == 0) {  // an absent row
      targets.push_back(-1);
      continue;
    }
    const std::int64_t place = std::max<std::int64_t>(0, values[static_cast<std::size_t>(b)]);
    std::int64_t target = -1;
    for (std::int64_t t = tokens.layout.begin(b); t < tokens.layout.end(b); ++t)
      if (tokens.places[static_cast<std::size_t>(t)] == b * tokens.row_tokens + place)
        target = t - tokens.layout.begin(b);
    if (target < 0 && place < tokens.row_tokens)
      fail(Errc::kData, "{}[{}] is {}, a token whose attention_mask is 0", name, b, place);
    targets.push_back(target);
  }
  return targets;
}

}  // namespace lyceum
