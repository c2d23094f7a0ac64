// Losses over a padded batch, as the reference's classes compute them from the labels that a caller gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/model.h"

namespace lyceum {

// labels I64 [B, T] at the packed tokens' places.
std::vector<std::int64_t> packed_labels(const Tensor& labels, const PackedTokens& tokens,
                                        const std::string& name);

// The same for heads that predict the next token (R: ForCausalLMLoss): the label of the place behind each
// token, ignored for the last place of a row.
std::vector<std::int64_t> next_token_labels(const Tensor& labels, const PackedTokens& tokens,
                                            const std::string& name);

// One label a row, I64 [B]. A row without any token is absent, and its label is ignored.
std::vector<std::int64_t> row_labels(const Tensor& labels, const PackedTokens& tokens,
                                     const std::string& name);

// logits [B, labels]: squared error, cross-entropy or binary cross-entropy, as problem_type says, or else the
// number of labels and their type (R: BertForSequenceClassification). Throws Errc::kData for labels of
// another shape.
Tensor classification_loss(const Tensor& logits, const Tensor& labels, const PackedTokens& tokens,
                           const std::string& problem_type);

// scores [B C, 1] of tokens.choices = C rows an example; labels I64 [B], the right one of each, -100 ignored.
// Throws Errc::kData for others.
Tensor choice_loss(const Tensor& scores, const Tensor& labels, const PackedTokens& tokens);

// Where in its sequence each row's target stands; -1 where it lies outside of the row (ignored, as the
// reference does).
std::vector<std::int64_t> span_targets(const Tensor& positions, const PackedTokens& tokens,
                                       const std::string& name);

}  // namespace lyceum
