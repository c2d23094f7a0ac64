// A charsmap of SentencePiece: texts and what they become, as a double-array trie and a list of texts.
// Source: SentencePiece's builder and Darts-clone; how it is applied follows the reference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/characters.h"

namespace lyceum {

class Charsmap {
 public:
  // The bytes that 'precompiled_charsmap' holds in base64. Throws Errc::kFormat with `where` when they are
  // none.
  Charsmap(std::string_view base64, const std::string& where);
  // What stands for the shortest beginning of the text that the map knows; nothing when it knows none.
  std::optional<std::string_view> find(std::string_view text) const noexcept;
  // Grapheme clusters of at most 5 bytes are looked up as a whole, then every character by itself.
  void apply(Characters& text) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace lyceum
