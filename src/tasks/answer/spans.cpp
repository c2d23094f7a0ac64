#include "tasks/answer/spans.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "tasks/common/scores.h"
#include "text/unicode/unicode.h"

namespace lyceum {
namespace {

// R: what the reference gives tokens that cannot be in an answer, before the softmax.
constexpr float kMasked = -10000.0f;

}  // namespace

std::vector<TokenRange> best_ranges(const Encoding& window, std::span<const float> begins,
                                    std::span<const float> ends, std::int32_t classification,
                                    std::size_t count, std::size_t max_tokens, bool can_be_impossible,
                                    double& null_score) {
  const std::size_t tokens = window.ids.size();
  std::vector<float> p(tokens, kMasked), q(tokens, kMasked);
  for (std::size_t t = 0; t < tokens; ++t)
    if (window.sequences[t] == 1 || window.ids[t] == classification) p[t] = begins[t], q[t] = ends[t];
  softmax_in_place(p);
  softmax_in_place(q);
  if (can_be_impossible && tokens > 0) null_score = std::min(null_score, static_cast<double>(p[0] * q[0]));
  std::vector<TokenRange> ranges;
  for (std::size_t first = 1; first < tokens; ++first) {
    if (window.sequences[first] != 1) continue;
    for (std::size_t last = first; last < std::min(tokens, first + max_tokens); ++last)
      if (const float score = p[first] * q[last]; window.sequences[last] == 1 && score > 0)
        ranges.push_back({first, last, score});
  }
  count = std::min(count, ranges.size());
  std::partial_sort(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(count), ranges.end(),
                    [](const TokenRange& a, const TokenRange& b) {
                      if (a.score != b.score) return a.score > b.score;
                      return a.first != b.first ? a.first < b.first : a.last < b.last;
                    });
  ranges.resize(count);
  return ranges;
}

TokenSpan place_of(const Encoding& window, TokenRange range, bool align_to_words) {
  const auto same_word = [&](std::size_t a, std::size_t b) {
    return window.sequences[a] == window.sequences[b] && window.words[a] == window.words[b];
  };
  if (align_to_words) {
    while (range.first > 0 && same_word(range.first - 1, range.first)) --range.first;
    while (range.last + 1 < window.ids.size() && same_word(range.last + 1, range.last)) ++range.last;
  }
  return {window.offsets[range.first].begin, window.offsets[range.last].end};
}

void AnswerList::add(TokenSpan place, double score) {
  std::string text(context_.substr(place.begin, place.end - place.begin));
  repair_utf8(text);
  std::string lowered = unicode::lower(text);
  const auto it = std::find(lowered_.begin(), lowered_.end(), lowered);
  if (it != lowered_.end()) {
    answers_[static_cast<std::size_t>(it - lowered_.begin())].score += score;
    return;
  }
  answers_.push_back({std::move(text), place.begin, place.end, score});
  lowered_.push_back(std::move(lowered));
}

std::vector<Answer> AnswerList::best(std::int64_t top, double null_score) && {
  if (null_score < kNoNullScore) answers_.push_back({"", 0, 0, null_score});
  std::stable_sort(answers_.begin(), answers_.end(),
                   [](const Answer& a, const Answer& b) { return a.score > b.score; });
  if (answers_.size() > static_cast<std::size_t>(top)) answers_.resize(static_cast<std::size_t>(top));
  if (answers_.empty()) answers_.emplace_back();
  return std::move(answers_);
}

}  // namespace lyceum
