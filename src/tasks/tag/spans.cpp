#include "tasks/tag/spans.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/utf8.h"

namespace lyceum {
namespace {

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(static_cast<std::size_t>(decode_utf8(text).bytes));
  return count;
}

std::size_t best_label(std::span<const float> scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

// What a label says: whether a span begins here, and of which kind. Without B- or I- it goes on.
struct Tag {
  bool begins;
  std::string_view kind;
};
Tag tag_of(std::string_view label) {
  if (label.starts_with("B-")) return {true, label.substr(2)};
  if (label.starts_with("I-")) return {false, label.substr(2)};
  return {false, label};
}

TaggedSpan word_span(const Tokenizer& tokenizer, std::span<const std::string> labels,
                     std::span<const ScoredToken> word, Aggregation aggregation) {
  std::vector<float> mean;
  std::span<const float> scores = word[0].scores;
  if (aggregation == Aggregation::kMax) {
    const auto most = [](const ScoredToken& token) { return token.scores[best_label(token.scores)]; };
    for (const ScoredToken& token : word)
      if (most(token) > scores[best_label(scores)]) scores = token.scores;
  } else if (aggregation == Aggregation::kAverage) {
    for (std::size_t label = 0; label < labels.size(); ++label) {
      float sum = 0;
      for (const ScoredToken& token : word) sum += token.scores[label];
      mean.push_back(sum / static_cast<float>(word.size()));
    }
    scores = mean;
  }
  std::vector<std::string> words;
  for (const ScoredToken& token : word) words.push_back(token.word);
  const std::size_t best = best_label(scores);
  return {labels[best], scores[best], tokenizer.join(std::move(words)), word.front().begin, word.back().end};
}

TaggedSpan joined(const Tokenizer& tokenizer, std::span<const TaggedSpan> group) {
  const std::string& label = group[0].label;
  const std::size_t dash = label.find('-');
  double sum = 0;
  std::vector<std::string> words;
  for (const TaggedSpan& span : group) {
    sum += span.score;
    words.push_back(span.word);
  }
  return {dash == std::string::npos ? label : label.substr(dash + 1),
          static_cast<float>(sum / static_cast<double>(group.size())), tokenizer.join(std::move(words)),
          group.front().begin, group.back().end};
}

}  // namespace

std::vector<ScoredToken> scored_tokens(const Tokenizer& tokenizer, std::int32_t unknown, const Encoding& e,
                                       std::string_view text, std::span<const float> scores) {
  std::vector<ScoredToken> out;
  const std::size_t labels = e.ids.empty() ? 0 : scores.size() / e.ids.size();
  for (std::size_t t = 0; t < e.ids.size(); ++t) {
    if (e.special[t]) continue;
    const TokenSpan at = e.offsets[t];
    const std::string_view own = text.substr(at.begin, at.end - at.begin);
    ScoredToken token{*tokenizer.token(e.ids[t]), scores.subspan(t * labels, labels), at.begin, at.end,
                      static_cast<std::int64_t>(t)};
    if (e.ids[t] == unknown) {
      token.word = own;
      repair_utf8(token.word);
    } else if (tokenizer.marks_continuations()) {
      token.is_subword = characters(token.word) != characters(own);
    } else {
      token.is_subword = at.begin > 0 && text.substr(at.begin - 1, 2).find(' ') == std::string_view::npos;
    }
    out.push_back(std::move(token));
  }
  return out;
}

std::vector<TaggedSpan> aggregate(const Tokenizer& tokenizer, std::span<const std::string> labels,
                                  std::span<const ScoredToken> tokens, Aggregation aggregation) {
  std::vector<TaggedSpan> spans;
  if (aggregation == Aggregation::kNone || aggregation == Aggregation::kSimple) {
    for (const ScoredToken& token : tokens) {
      const std::size_t best = best_label(token.scores);
      spans.push_back({labels[best], token.scores[best], token.word, token.begin, token.end, token.place});
    }
    if (aggregation == Aggregation::kNone) return spans;
  } else {
    for (std::size_t begin = 0, end = 0; begin < tokens.size(); begin = end) {
      for (end = begin + 1; end < tokens.size() && tokens[end].is_subword;) ++end;
      spans.push_back(word_span(tokenizer, labels, tokens.subspan(begin, end - begin), aggregation));
    }
  }
  std::vector<TaggedSpan> groups;
  for (std::size_t begin = 0, end = 0; begin < spans.size(); begin = end) {
    const std::string_view kind = tag_of(spans[begin].label).kind;
    for (end = begin + 1; end < spans.size(); ++end)
      if (const Tag next = tag_of(spans[end].label); next.begins || next.kind != kind) break;
    groups.push_back(joined(tokenizer, std::span(spans).subspan(begin, end - begin)));
  }
  return groups;
}

std::vector<TaggedSpan> without_overlaps(std::vector<TaggedSpan> spans, std::string_view text) {
  std::stable_sort(spans.begin(), spans.end(),
                   [](const TaggedSpan& a, const TaggedSpan& b) { return a.begin < b.begin; });
  const auto length_of = [&](const TaggedSpan& span) {
    return characters(text.substr(span.begin, span.end - span.begin));
  };
  std::vector<TaggedSpan> out;
  for (TaggedSpan& span : spans) {
    if (out.empty() || span.begin >= out.back().end || span.begin < out.back().begin) {
      out.push_back(std::move(span));
      continue;
    }
    const std::size_t length = length_of(span), before = length_of(out.back());
    if (length > before || (length == before && span.score > out.back().score)) out.back() = std::move(span);
  }
  return out;
}

}  // namespace lyceum
