// Long texts in pieces that overlap.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace lyceum {

// [begin, end) of each window of at most `room` tokens over `tokens`; neighbours share `overlap`, and the
// last one ends with the text. One window where all fits, an empty one for no tokens. Source: tokenizers,
// Encoding::truncate. Needs overlap < room.
std::vector<std::pair<std::size_t, std::size_t>> windows(std::size_t tokens, std::size_t room,
                                                         std::size_t overlap);

// Tokens [begin, end) of a text that was encoded without special tokens.
Encoding slice(const Encoding& text, std::size_t begin, std::size_t end);

}  // namespace lyceum
