#include "text/pre_tokenizers.h"

#include <utility>

namespace lyceum {
namespace {

using unicode::Char;

bool has(char32_t c, int flags) { return (unicode::flags(c) & flags) != 0; }

// The parts of one piece, characters that match standing apart as the behaviour says.
template <class Match>
void split_piece(const Characters& piece, SplitBehavior behavior, Match match, std::vector<Characters>& out) {
  bool previous = false,
       open = false;  // whether the last character matched; whether the last part may still grow
  for (const Char& c : piece) {
    const bool matched = match(c.code);
    bool joins = open && matched == previous && (!matched || behavior == SplitBehavior::kContiguous);
    if (behavior == SplitBehavior::kMergedWithPrevious) joins = open && !previous;
    if (behavior == SplitBehavior::kMergedWithNext)
      joins = open && (previous || !matched) && !(previous && matched);
    previous = matched;
    if (matched && behavior == SplitBehavior::kRemoved) {
      open = false;
      continue;
    }
    if (!joins) out.emplace_back();
    out.back().push_back(c);
    open = true;
  }
}

template <class F>
class Function final : public PreTokenizer {
 public:
  explicit Function(F f) : f_(std::move(f)) {}
  void split(std::vector<Characters>& pieces) const override {
    std::vector<Characters> out;
    for (const Characters& piece : pieces) f_(piece, out);
    pieces = std::move(out);
  }

 private:
  F f_;
};
template <class F>
PreTokenizerPtr make(F f) {
  return std::make_unique<Function<F>>(std::move(f));
}

template <class Match>
PreTokenizerPtr split_on(SplitBehavior behavior, Match match) {
  return make([behavior, match](const Characters& piece, std::vector<Characters>& out) {
    split_piece(piece, behavior, match, out);
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
  return split_on(SplitBehavior::kRemoved, [](char32_t c) { return has(c, unicode::kSpace); });
}

PreTokenizerPtr punctuation_pre_tokenizer(SplitBehavior behavior) {
  return split_on(behavior, [](char32_t c) { return has(c, unicode::kPunctuation); });
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
  parts.push_back(split_on(SplitBehavior::kContiguous, [](char32_t c) { return has(c, unicode::kWord); }));
  return pre_tokenizer_sequence(std::move(parts));
}

PreTokenizerPtr digits_pre_tokenizer(bool individual) {
  return split_on(individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
                  [](char32_t c) { return has(c, unicode::kNumeric); });
}

PreTokenizerPtr delimiter_pre_tokenizer(char32_t delimiter) {
  return split_on(SplitBehavior::kRemoved, [delimiter](char32_t c) { return c == delimiter; });
}

PreTokenizerPtr pre_tokenizer_sequence(std::vector<PreTokenizerPtr> parts) {
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace lyceum
