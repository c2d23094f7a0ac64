// From counted words to a vocabulary: special tokens, the alphabet, then what is joined of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "text/training/count_words.h"

namespace lyceum {

inline constexpr const char* kContinuationPrefix = "##";  // Devlin et al. 2018 (code)

struct VocabularyRequest {
  bool is_bytes = true;                // symbols are the 256 bytes; else characters, and ##c inside a word
  std::size_t size = 0;                // of the vocabulary, all included
  std::uint64_t min_frequency = 2;     // of a pair that is joined
  std::size_t most_characters = 1000;  // of an alphabet of characters: the most frequent ones
  std::vector<std::string> special;    // the first ids, in this order
  std::function<void(std::size_t tokens)> progress;
};

struct LearnedVocabulary {
  std::vector<std::string> tokens;  // by id
  // The first is applied first.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> merges;
  std::size_t alphabet = 0, left_out_characters = 0;
};

// Ids: the special tokens; the alphabet in the order of code points (bytes: of the characters that stand for
// them); for characters, ##c of each that stands inside a word, in the same order; what is joined, in the
// order in which it was. The result depends on the words and their counts alone.
// Where the reference (tokenizers 0.23) draws lots, by the order of a hash table that is another in every
// run, this is the order here: the ids of ##c (and so which of two equally frequent pairs is joined first),
// and which of the equally rare characters at the border of most_characters stays (the smaller code point).
// Throws Errc::kUsage when special tokens and alphabet have no room in `size`, Errc::kLimit when the text of
// all tokens has more bytes than a tokenizer.json may, Errc::kInterrupted.
LearnedVocabulary learn_vocabulary(const CountedWords& words, const VocabularyRequest& request);

}  // namespace lyceum
