// UTF-8 as it arrives from outside: decoded with checks, repaired as the Unicode standard recommends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lyceum {

struct Utf8Char {
  char32_t code = 0xFFFD;  // U+FFFD where the bytes are not UTF-8
  int bytes = 1;           // bytes consumed: of an invalid sequence, its maximal subpart (Unicode 3.9, D93b)
  bool valid = false;
};

// Decodes the character that starts at text[0]. text must not be empty.
Utf8Char decode_utf8(std::string_view text) noexcept;

void append_utf8(std::string& out, char32_t code);  // surrogates and values above 10FFFF become U+FFFD

bool is_utf8(std::string_view text) noexcept;

// Replaces every maximal invalid subpart by U+FFFD and returns how many there were. Valid text is left as it
// is.
std::size_t repair_utf8(std::string& text);

}  // namespace lyceum
