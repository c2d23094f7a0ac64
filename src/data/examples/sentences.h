// Sentences of a document, by rules that need no model.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace lyceum {

enum class SentenceRule {
  kNone,   // the whole document is one
  kLines,  // a line is a sentence, as BERT's pre-training text has it
  kMarks,  // one ends with . ! ? or their full-width forms, closing quotes and brackets behind them, and,
           // after the ASCII ones, white space and no small letter; a blank line ends one too
};

// [begin, end) in bytes, without white space at the ends; empty ones are left out.
std::vector<std::pair<std::size_t, std::size_t>> sentence_spans(std::string_view text, SentenceRule rule);

}  // namespace lyceum
