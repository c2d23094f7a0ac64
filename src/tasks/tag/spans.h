// From the scores of tokens to labelled spans: no model is needed for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lyceum/token_tagger.h"
#include "text/tokenizer.h"

namespace lyceum {

// A token of a text with the probabilities of its labels.
struct ScoredToken {
  std::string word;
  std::span<const float> scores;
  std::uint32_t begin = 0, end = 0;
  std::int64_t place = 0;
  bool is_subword = false;  // goes on with the word of the token before
};

// The tokens of an encoding with offsets, without those that the post-processor added. scores [tokens,
// labels]. Whether a token goes on with a word: where pieces inside words are marked, it differs from its own
// text in length (R gather_pre_entities); elsewhere no blank stands before it. An unknown token is shown as
// its text and begins a word.
std::vector<ScoredToken> scored_tokens(const Tokenizer& tokenizer, std::int32_t unknown, const Encoding& e,
                                       std::string_view text, std::span<const float> scores);

// Joined as `aggregation` says; no label is left out.
std::vector<TaggedSpan> aggregate(const Tokenizer& tokenizer, std::span<const std::string> labels,
                                  std::span<const ScoredToken> tokens, Aggregation aggregation);

// Spans of overlapping windows of `text`: of those that overlap the longer one stays (in characters, as the
// reference counts), of equal ones the surer, of equally sure ones the first. In the order of their
// beginnings.
std::vector<TaggedSpan> without_overlaps(std::vector<TaggedSpan> spans, std::string_view text);

}  // namespace lyceum
