// From the scores of where answers begin and end to answers: no model is needed for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lyceum/question_answerer.h"
#include "text/tokenizer.h"

namespace lyceum {

struct TokenRange {
  std::size_t first = 0, last = 0;  // of the window's tokens, both included
  float score = 0;                  // p_begin(first) p_end(last)
};

// The `count` best ranges of a window, best first; of equal scores the one that begins, then ends, earlier.
// begins, ends [tokens]: the head's scores. Probabilities are a softmax over the tokens of the context and
// those that are `classification` (the window's first one stands for "no answer": its product, as a range of
// one token, lowers null_score when can_be_impossible says so, and it is never part of a range); ranges are
// of tokens of the context and at most max_tokens long. Ranges of probability 0 are left out. R
// select_starts_ends, decode_spans.
std::vector<TokenRange> best_ranges(const Encoding& window, std::span<const float> begins,
                                    std::span<const float> ends, std::int32_t classification,
                                    std::size_t count, std::size_t max_tokens, bool can_be_impossible,
                                    double& null_score);

// The bytes of the context that a range stands for; whole words when align_to_words says so (as far as the
// window shows them).
TokenSpan place_of(const Encoding& window, TokenRange range, bool align_to_words);

// Answers of all windows. Ranges whose texts are equal but for case are one answer, where the first one
// stands.
class AnswerList {
 public:
  explicit AnswerList(std::string_view context) : context_(context) {}
  void add(TokenSpan place, double score);
  // The best `top`, or one without text of score 0 where there are none. With a null score (below 1e6), "no
  // answer" is among them.
  std::vector<Answer> best(std::int64_t top, double null_score) &&;

 private:
  std::string_view context_;
  std::vector<Answer> answers_;
  std::vector<std::string> lowered_;
};

constexpr double kNoNullScore = 1e6;

}  // namespace lyceum
