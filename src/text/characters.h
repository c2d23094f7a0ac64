// A text being worked on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/unicode/unicode.h"

namespace lyceum {

// The characters of a text, each with the bytes of the original that it stands for.
using Characters = std::vector<unicode::Char>;
Characters to_characters(std::string_view text);

// Characters as UTF-8, and for each byte the character it is of.
struct FlatText {
  std::string bytes;
  std::vector<std::uint32_t> char_of;
  explicit FlatText(const Characters& text);
};

}  // namespace lyceum
