// A document cut into passages of so many tokens, at the ends of sentences where that is possible.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace lyceum {

struct ChunkOptions {
  std::int64_t tokens = 200;  // the most in a passage, without special tokens
  std::int64_t overlap = 40;  // tokens of whole sentences that two neighbours share
};

struct Chunk {
  std::size_t begin = 0, end = 0;  // bytes of the document, white space at both ends left out
  std::int64_t line = 1;           // of its first byte, counted from 1
};

// Passages in order; every character that is not white space lies in at least one. No passage has more than
// options.tokens tokens. A heading of Markdown begins a passage, unless what stands before it would be a
// passage of less than an eighth of that. A sentence longer than a passage is cut before a word or, where
// there is none, between tokens. Time and memory grow with the text, however it is written. Throws
// Errc::kUsage for fewer than 8 tokens or an overlap of half a passage and more.
std::vector<Chunk> chunk_text(std::string_view text, const Tokenizer& tokenizer, const ChunkOptions& options);

}  // namespace lyceum
