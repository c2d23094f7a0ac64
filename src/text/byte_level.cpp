#include "text/byte_level.h"

#include <array>

#include "base/utf8.h"

namespace lyceum {
namespace {

struct Tables {
  std::array<char32_t, 256> character{};
  std::array<std::int16_t, 0x180> byte{};
};

Tables make_tables() {
  Tables t;
  t.byte.fill(-1);
  char32_t next = 0x100;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
    t.character[b] = printable ? b : next++;
    t.byte[t.character[b]] = static_cast<std::int16_t>(b);
  }
  return t;
}

const Tables& tables() {
  static const Tables t = make_tables();
  return t;
}

}  // namespace

char32_t byte_character(unsigned char byte) noexcept { return tables().character[byte]; }

int character_byte(char32_t c) noexcept { return c < tables().byte.size() ? tables().byte[c] : -1; }

void to_byte_level(Characters& text) {
  Characters out;
  out.reserve(text.size());
  std::string bytes;
  for (const unicode::Char& c : text) {
    bytes.clear();
    append_utf8(bytes, c.code);
    for (const char b : bytes) out.push_back({byte_character(static_cast<unsigned char>(b)), c.begin, c.end});
  }
  text = std::move(out);
}

bool bytes_of(std::string_view token, std::string& out) {
  const std::size_t before = out.size();
  while (!token.empty()) {
    const Utf8Char c = decode_utf8(token);
    const int byte = c.valid ? character_byte(c.code) : -1;
    if (byte < 0) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(byte));
    token.remove_prefix(static_cast<std::size_t>(c.bytes));
  }
  return true;
}

void append_bytes_of(std::string_view token, std::string& out) {
  if (!bytes_of(token, out)) out += token;
}

}  // namespace lyceum
