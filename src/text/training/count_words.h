// From texts to distinct words and how often each was seen: what a tokenizer's normalizer and pre-tokenizer
// make of the texts, on all threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "text/training/text_blocks.h"
#include "text/training/word_counts.h"

namespace lyceum {

struct WordOptions {
  bool is_bytes = true;  // GPT-2's pattern over bytes; else BERT's normalizer and splitting, over characters
  bool lowercase = false;                             // and, for BERT's, without accents
  std::string field = "text";                         // of .jsonl files
  std::uint64_t most_bytes = 1 << 28;                 // of distinct words
  std::function<void(std::uint64_t bytes)> progress;  // of text so far; from any thread, one call at a time
};

struct CountedWords {
  std::vector<WordCounts> parts;  // no word stands in two
  std::uint64_t words = 0, distinct = 0, word_bytes = 0, text_bytes = 0, repaired = 0;

  template <class F>
  void for_each(F f) const {
    for (const WordCounts& part : parts) part.for_each(f);
  }
};

// `read` gives the blocks, one call at a time from any thread. Throws what it throws, Errc::kLimit when the
// distinct words have more than most_bytes, Errc::kInterrupted between two blocks.
CountedWords count_words(FunctionRef<bool(TextBlock&)> read, const WordOptions& options);

}  // namespace lyceum
