// Tokens that are cut out of a text before anything else looks at it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "text/normalizers.h"

namespace lyceum {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

// Finds tokens in characters: leftmost first, then longest.
class AddedTokens {
 public:
  // `normalizer` (may be null) is applied to the contents of tokens that are looked for in normalised text.
  AddedTokens() = default;
  AddedTokens(const std::vector<AddedToken>& tokens, bool normalized, const Normalizer* normalizer);
  bool empty() const noexcept { return tokens_.empty(); }
  // Whether a text can hold a token at all; it may say yes where it does not.
  bool may_occur(std::string_view text) const noexcept;

  struct Part {
    std::size_t begin, end;   // characters
    const AddedToken* token;  // null: text between tokens
  };
  std::vector<Part> cut(const Characters& text, bool parse_special) const;

 private:
  struct Entry {
    Characters content;
    AddedToken token;
  };
  std::vector<Entry> tokens_;  // by first character, then longest first
  std::vector<std::string> texts_;
  std::array<std::vector<std::uint32_t>, 256> by_first_byte_;  // into texts_
  bool holds_replacement_ = false;  // U+FFFD, which bytes that are no UTF-8 read as
};

}  // namespace lyceum
