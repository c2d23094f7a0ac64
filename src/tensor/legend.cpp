#include "tensor/legend.h"

#include <string>

#include "base/error.h"

namespace lyceum {
namespace {

struct Word {
  std::int64_t factor = 1;
  char letter = 0;  // 0: the number itself
};

// Takes the next word off the pattern.
Word next_word(std::string_view& pattern) {
  Word word;
  if (pattern[0] >= '0' && pattern[0] <= '9') {
    word.factor = 0;
    while (!pattern.empty() && pattern[0] >= '0' && pattern[0] <= '9') {
      word.factor = word.factor * 10 + (pattern[0] - '0');
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty() && pattern[0] != ' ') {
    word.letter = pattern[0];
    pattern.remove_prefix(1);
  }
  while (!pattern.empty() && pattern[0] == ' ') pattern.remove_prefix(1);
  return word;
}

}  // namespace

void Legend::set(char letter, std::int64_t size, std::string_view source) {
  slots_[static_cast<std::size_t>(letter & 31)] = {size, source};
}

void Legend::bind(std::string_view name, const Shape& shape, std::string_view pattern) {
  int dim = 0;
  std::string_view rest = pattern;
  while (!rest.empty()) {
    const Word word = next_word(rest);
    if (dim >= shape.dims()) reject(name, shape, pattern);
    const std::int64_t size = shape[dim++];
    if (word.letter == 0) {
      if (size != word.factor) reject(name, shape, pattern);
    } else if (const Slot& bound = slot(word.letter); bound.size >= 0) {
      if (size != word.factor * bound.size) reject(name, shape, pattern);
    } else {
      if (word.factor == 0 || size % word.factor != 0) reject(name, shape, pattern);
      set(word.letter, size / word.factor, name);
    }
  }
  if (dim != shape.dims()) reject(name, shape, pattern);
}

void Legend::reject(std::string_view name, const Shape& shape, std::string_view pattern) const {
  std::string expected = "[", bound;
  std::string_view rest = pattern;
  while (!rest.empty()) {
    const Word word = next_word(rest);
    if (expected.size() > 1) expected += ", ";
    if (word.letter == 0 || word.factor != 1) expected += std::to_string(word.factor);
    if (word.letter == 0) continue;
    expected += word.letter;
    if (const Slot& s = slot(word.letter); s.size >= 0 && s.source != name)
      bound += fmt::format("{} {} = {} as bound by {}", bound.empty() ? " with" : ",", word.letter, s.size,
                           s.source);
  }
  fail(Errc::kData, "{}: {} is {}, expected {}]{}", where_, name, shape.text(), expected, bound);
}

}  // namespace lyceum
