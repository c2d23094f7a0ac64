#include "base/utf8.h"

#include <cstring>

namespace lyceum {

// Well-formed sequences: The Unicode Standard, table 3-7.
Utf8Char decode_utf8(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return {lead, 1, true};
  int length = 0;
  unsigned low = 0x80, high = 0xBF;  // range of the second byte
  char32_t code = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    code = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    code = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    code = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {};
  }
  for (int i = 1; i < length; ++i) {
    const std::size_t index = static_cast<std::size_t>(i);
    if (index >= text.size() || at(index) < low || at(index) > high) return {0xFFFD, i, false};
    code = (code << 6) | (at(index) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {code, length, true};
}

void append_utf8(std::string& out, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = 0xFFFD;
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

namespace {
// The first index at or after `begin` that is not inside a valid prefix; text.size() when all is valid.
std::size_t first_invalid(std::string_view text, std::size_t begin) noexcept {
  std::size_t i = begin;
  while (i < text.size()) {
    std::uint64_t eight;
    if (i + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + i, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    const Utf8Char c = decode_utf8(text.substr(i));
    if (!c.valid) return i;
    i += static_cast<std::size_t>(c.bytes);
  }
  return text.size();
}
}  // namespace

bool is_utf8(std::string_view text) noexcept { return first_invalid(text, 0) == text.size(); }

std::size_t repair_utf8(std::string& text) {
  std::size_t bad = first_invalid(text, 0);
  if (bad == text.size()) return 0;
  std::string out(text, 0, bad);
  std::size_t count = 0;
  while (bad < text.size()) {
    out += "\xEF\xBF\xBD";
    ++count;
    const std::size_t from =
        bad + static_cast<std::size_t>(decode_utf8(std::string_view(text).substr(bad)).bytes);
    bad = first_invalid(text, from);
    out.append(text, from, bad - from);
  }
  text = std::move(out);
  return count;
}

}  // namespace lyceum
