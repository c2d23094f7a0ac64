#include "text/pre_tokenizers.h"

#include <algorithm>
#include <utility>

#include "text/byte_level.h"
#include "text/scanner.h"

namespace lyceum {
namespace {

using unicode::Char;

// The parts of one piece whose ranges match or not, standing apart as the behaviour says.
void split_ranges(const Characters& piece, std::vector<MatchRange> ranges, SplitBehavior behavior,
                  std::vector<Characters>& out) {
  std::vector<MatchRange> parts;
  bool previous = false;  // whether the last range matched
  const bool backwards = behavior == SplitBehavior::kMergedWithNext;
  if (backwards) std::reverse(ranges.begin(), ranges.end());
  for (const MatchRange& range : ranges) {
    bool joins = false;
    if (behavior == SplitBehavior::kContiguous) joins = range.matched == previous;
    if (behavior == SplitBehavior::kMergedWithPrevious || backwards) joins = range.matched && !previous;
    previous = range.matched;
    if (behavior == SplitBehavior::kRemoved && range.matched) continue;
    if (joins && !parts.empty()) {
      parts.back().begin = std::min(parts.back().begin, range.begin);
      parts.back().end = std::max(parts.back().end, range.end);
    } else {
      parts.push_back(range);
    }
  }
  if (backwards) std::reverse(parts.begin(), parts.end());
  for (const MatchRange& part : parts)
    if (part.begin < part.end)
      out.emplace_back(piece.begin() + static_cast<std::ptrdiff_t>(part.begin),
                       piece.begin() + static_cast<std::ptrdiff_t>(part.end));
}

// Every character that matches is a range, as is every run of others.
template <class Match>
std::vector<MatchRange> ranges_of(const Characters& piece, Match match) {
  std::vector<MatchRange> out;
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const bool matched = match(piece[i].code);
    if (!matched && !out.empty() && !out.back().matched)
      ++out.back().end;
    else
      out.push_back({i, i + 1, matched});
  }
  return out;
}

template <class F>
class SplitStep final : public PreTokenizer {
 public:
  explicit SplitStep(F f) : f_(std::move(f)) {}
  void split(std::vector<Characters>& pieces) const override {
    std::vector<Characters> out;
    for (const Characters& piece : pieces) f_(piece, out);
    pieces = std::move(out);
  }

 private:
  F f_;
};
template <class F>
PreTokenizerPtr make_pre_tokenizer(F f) {
  return std::make_unique<SplitStep<F>>(std::move(f));
}

template <class Match>
PreTokenizerPtr split_on(SplitBehavior behavior, Match match) {
  return make_pre_tokenizer([behavior, match](const Characters& piece, std::vector<Characters>& out) {
    split_ranges(piece, ranges_of(piece, match), behavior, out);
  });
}

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<PreTokenizerPtr> parts) : parts_(std::move(parts)) {}
  void split(std::vector<Characters>& pieces) const override {
    for (const PreTokenizerPtr& part : parts_) part->split(pieces);
  }

 private:
  std::vector<PreTokenizerPtr> parts_;
};

}  // namespace

PreTokenizerPtr whitespace_split_pre_tokenizer() {
  return split_on(SplitBehavior::kRemoved, [](char32_t c) { return unicode::has(c, unicode::kSpace); });
}

PreTokenizerPtr punctuation_pre_tokenizer(SplitBehavior behavior) {
  return split_on(behavior, [](char32_t c) { return unicode::has(c, unicode::kPunctuation); });
}

PreTokenizerPtr bert_pre_tokenizer() {
  std::vector<PreTokenizerPtr> parts;
  parts.push_back(whitespace_split_pre_tokenizer());
  parts.push_back(punctuation_pre_tokenizer(SplitBehavior::kIsolated));
  return pre_tokenizer_sequence(std::move(parts));
}

PreTokenizerPtr whitespace_pre_tokenizer() {
  std::vector<PreTokenizerPtr> parts;
  parts.push_back(whitespace_split_pre_tokenizer());
  parts.push_back(
      split_on(SplitBehavior::kContiguous, [](char32_t c) { return unicode::has(c, unicode::kWord); }));
  return pre_tokenizer_sequence(std::move(parts));
}

PreTokenizerPtr digits_pre_tokenizer(bool individual) {
  return split_on(individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
                  [](char32_t c) { return unicode::has(c, unicode::kNumeric); });
}

PreTokenizerPtr delimiter_pre_tokenizer(char32_t delimiter) {
  return split_on(SplitBehavior::kRemoved, [delimiter](char32_t c) { return c == delimiter; });
}

PreTokenizerPtr split_pre_tokenizer(TextPattern pattern, SplitBehavior behavior, bool invert) {
  return make_pre_tokenizer([pattern = std::move(pattern), behavior, invert](const Characters& piece,
                                                                             std::vector<Characters>& out) {
    std::vector<MatchRange> ranges = pattern.find_all(piece);
    if (invert)
      for (MatchRange& range : ranges) range.matched = !range.matched;
    split_ranges(piece, std::move(ranges), behavior, out);
  });
}

PreTokenizerPtr byte_level_pre_tokenizer(const ByteLevelOptions& o) {
  std::vector<PreTokenizerPtr> parts;
  if (o.add_prefix_space)
    parts.push_back(make_pre_tokenizer([](const Characters& piece, std::vector<Characters>& out) {
      out.push_back(piece);
      if (piece[0].code != ' ') out.back().insert(out.back().begin(), {' ', piece[0].begin, piece[0].end});
    }));
  if (o.use_regex)
    parts.push_back(
        split_pre_tokenizer(TextPattern::regex(kGpt2Pattern, "ByteLevel"), SplitBehavior::kIsolated, false));
  parts.push_back(make_pre_tokenizer([](const Characters& piece, std::vector<Characters>& out) {
    out.push_back(piece);
    to_byte_level(out.back());
  }));
  return pre_tokenizer_sequence(std::move(parts));
}

PreTokenizerPtr metaspace_pre_tokenizer(char32_t replacement, PrependScheme scheme, bool split) {
  return make_pre_tokenizer(
      [replacement, scheme, split](const Characters& piece, std::vector<Characters>& out) {
        Characters text = piece;
        for (Char& c : text)
          if (c.code == ' ') c.code = replacement;
        const bool wanted =
            scheme == PrependScheme::kAlways || (scheme == PrependScheme::kFirst && piece[0].begin == 0);
        if (wanted && text[0].code != replacement)
          text.insert(text.begin(), {replacement, text[0].begin, text[0].end});
        if (!split) return out.push_back(std::move(text));
        split_ranges(text, ranges_of(text, [&](char32_t c) { return c == replacement; }),
                     SplitBehavior::kMergedWithNext, out);
      });
}

PreTokenizerPtr unicode_scripts_pre_tokenizer() {
  return make_pre_tokenizer([](const Characters& piece, std::vector<Characters>& out) {
    int last = -1;  // R: what stands before the first character of a script is lost
    for (const Char& c : piece) {
      const int script = c.code == ' ' ? 0 : unicode::script(c.code);
      if (script != 0 && script != last) {
        out.emplace_back();
        last = script;
      }
      if (last >= 0) out.back().push_back(c);
    }
  });
}

PreTokenizerPtr fixed_length_pre_tokenizer(std::size_t length) {
  return make_pre_tokenizer([length](const Characters& piece, std::vector<Characters>& out) {
    for (std::size_t i = 0; i < piece.size(); i += std::min(length, piece.size() - i))
      out.emplace_back(piece.begin() + static_cast<std::ptrdiff_t>(i),
                       piece.begin() + static_cast<std::ptrdiff_t>(i + std::min(length, piece.size() - i)));
  });
}

PreTokenizerPtr pre_tokenizer_sequence(std::vector<PreTokenizerPtr> parts) {
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace lyceum
