#include "text/characters.h"

#include "base/utf8.h"

namespace lyceum {

Characters to_characters(std::string_view text) {
  Characters out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text.substr(i));
    const auto bytes = static_cast<std::size_t>(c.bytes);
    out.push_back({c.code, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + bytes)});
    i += bytes;
  }
  return out;
}

FlatText::FlatText(const Characters& text) {
  bytes.reserve(text.size());
  char_of.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    append_utf8(bytes, text[i].code);
    char_of.resize(bytes.size(), static_cast<std::uint32_t>(i));
  }
}

}  // namespace lyceum
