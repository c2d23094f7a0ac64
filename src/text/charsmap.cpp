#include "text/charsmap.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

using unicode::Char;

std::string from_base64(std::string_view text, const std::string& where) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (value < 0) fail(Errc::kFormat, "{}: 'precompiled_charsmap': found text that is not base64", where);
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) out.push_back(static_cast<char>(bits >> (count -= 8) & 0xFF));
  }
  return out;
}

// Where the grapheme cluster that begins at `at` ends. Clusters of more than 5 bytes may come out in parts:
// they are not looked up as a whole.
std::size_t cluster_end(const Characters& text, std::size_t at) {
  std::size_t end = at + 1;
  if (text[at].code == '\r') return end < text.size() && text[end].code == '\n' ? end + 1 : end;
  const auto is_break = [&](std::size_t i) { return unicode::has(text[i].code, unicode::kBreaks); };
  if (is_break(at)) return end;
  while (end < text.size() && !is_break(end) && unicode::has(text[end - 1].code, unicode::kPrepends)) ++end;
  const std::size_t base = end - 1;
  while (end < text.size() && unicode::has(text[end].code, unicode::kExtends)) ++end;
  if (end < text.size() && text[end - 1].code == 0x200D &&
      unicode::has(text[base].code, unicode::kPictographic) &&
      unicode::has(text[end].code, unicode::kPictographic))
    ++end;
  return end;
}

}  // namespace

Charsmap::Charsmap(std::string_view base64, const std::string& where) {
  const std::string bytes = from_base64(base64, where);
  std::uint32_t size = 0;
  if (bytes.size() >= 4)
    for (int i = 3; i >= 0; --i)
      size = size << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  if (bytes.size() < 4 || size > bytes.size() - 4 || size % 4 != 0 || size == 0)
    fail(Errc::kFormat, "{}: 'precompiled_charsmap': found {} bytes that tell of a trie of {}", where,
         bytes.size(), size);
  for (std::size_t i = 4; i < 4 + std::size_t{size}; i += 4) {
    std::uint32_t unit = 0;
    for (std::size_t j = 4; j-- > 0;) unit = unit << 8 | static_cast<unsigned char>(bytes[i + j]);
    units_.push_back(unit);
  }
  texts_ = bytes.substr(4 + std::size_t{size});
  if (!is_utf8(texts_)) fail(Errc::kFormat, "{}: 'precompiled_charsmap': its texts are not UTF-8", where);
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const noexcept {
  const auto offset = [](std::uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); };
  std::size_t at = offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size()) return std::nullopt;
    const std::uint32_t unit = units_[at];
    if ((unit & (1u << 31 | 0xFF)) != byte) return std::nullopt;
    at ^= offset(unit);
    if (unit >> 8 & 1) {
      if (at >= units_.size()) return std::nullopt;
      const std::size_t begin = units_[at] & 0x7FFFFFFF;
      if (begin > texts_.size()) return std::nullopt;
      const std::string_view rest = std::string_view(texts_).substr(begin);
      if (!rest.empty() && (static_cast<unsigned char>(rest[0]) & 0xC0) == 0x80) return std::nullopt;
      return rest.substr(0, rest.find('\0'));
    }
  }
  return std::nullopt;
}

void Charsmap::apply(Characters& text) const {
  // R: a new character and how many characters it adds (1) or takes away besides its own (below 0)
  std::vector<std::pair<char32_t, std::ptrdiff_t>> changes;
  changes.reserve(text.size());
  std::string bytes;
  bool changed = false;
  const auto replace = [&](std::size_t count, std::string_view with) {
    changed = true;
    const Characters parts = to_characters(with);
    for (std::size_t i = 0; i < parts.size(); ++i) changes.emplace_back(parts[i].code, i >= count ? 1 : 0);
    if (parts.size() < count && !changes.empty())
      changes.back().second += static_cast<std::ptrdiff_t>(parts.size()) - static_cast<std::ptrdiff_t>(count);
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = cluster_end(text, at);
    bytes.clear();
    for (std::size_t i = at; i < end && bytes.size() < 6; ++i) append_utf8(bytes, text[i].code);
    if (bytes.size() < 6)
      if (const auto whole = find(bytes)) {
        replace(end - at, *whole);
        at = end;
        continue;
      }
    for (; at < end; ++at) {
      bytes.clear();
      append_utf8(bytes, text[at].code);
      if (const auto one = find(bytes))
        replace(1, *one);
      else
        changes.emplace_back(text[at].code, 0);
    }
  }
  if (!changed) return;
  Characters out;
  out.reserve(changes.size());
  std::size_t from = 0;
  for (const auto& [code, change] : changes) {
    const std::size_t place = change > 0 ? from - std::min<std::size_t>(1, from) : from;
    const Char& c = text[std::min(place, text.size() - 1)];
    out.push_back({code, c.begin, c.end});
    if (change <= 0) from += 1 + static_cast<std::size_t>(-change);
  }
  text = std::move(out);
}

}  // namespace lyceum
