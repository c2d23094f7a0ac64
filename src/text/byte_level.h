// GPT-2's printable characters for bytes: every byte stands as one character, so that any text is a string of
// known symbols. Source: Radford et al. 2019, encoder.py, bytes_to_unicode.
#pragma once

#include <string>
#include <string_view>

#include "text/characters.h"

namespace lyceum {

char32_t byte_character(
    unsigned char byte) noexcept;         // '!' to '~', U+00A1 to U+00FF without U+00AD; else U+0100 on
int character_byte(char32_t c) noexcept;  // -1: stands for no byte

// Each character's bytes as characters; all keep its place.
void to_byte_level(Characters& text);
// Appends the bytes that the characters of a token stand for; a token with any other character as it is.
void append_bytes_of(std::string_view token, std::string& out);
// The bytes of a token, or false where one of its characters stands for none.
bool bytes_of(std::string_view token, std::string& out);

}  // namespace lyceum
