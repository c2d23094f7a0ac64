#include "text/scanner.h"

#include <array>
#include <utility>

#include "text/unicode/unicode.h"

namespace lyceum {
namespace {

enum Kind : unsigned char { kLetter, kNumber, kSpace, kOther };

Kind kind_of(char32_t c) noexcept {
  using unicode::Category;
  if (unicode::flags(c) & unicode::kSpace) return kSpace;
  const Category category = unicode::category(c);
  if (category >= Category::kLu && category <= Category::kLo) return kLetter;
  return category >= Category::kNd && category <= Category::kNo ? kNumber : kOther;
}

constexpr std::array<Kind, 128> kAscii = [] {
  std::array<Kind, 128> kinds{};
  for (unsigned c = 0; c < 128; ++c)
    kinds[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? kLetter
               : c >= '0' && c <= '9'                           ? kNumber
               : c == ' ' || (c >= 9 && c <= 13)                ? kSpace
                                                                : kOther;
  return kinds;
}();

struct Seen {
  Kind kind;
  std::size_t end;
};

// Of UTF-8, without checks.
char32_t code_at(std::string_view text, std::size_t at, std::size_t bytes) noexcept {
  char32_t c = static_cast<unsigned char>(text[at]);
  if (bytes == 1) return c;
  c &= 0x7Fu >> bytes;
  for (std::size_t i = 1; i < bytes; ++i) c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
  return c;
}

Seen see(std::string_view text, std::size_t at) noexcept {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {kAscii[byte], at + 1};
  const std::size_t end = char_end(text, at);
  return {kind_of(code_at(text, at, end - at)), end};
}

// Where the run of a kind ends.
std::size_t run(std::string_view text, std::size_t at, Kind kind) noexcept {
  while (at < text.size()) {
    const Seen c = see(text, at);
    if (c.kind != kind) break;
    at = c.end;
  }
  return at;
}

// \s+(?!\S)|\s+: all of the white space at the end of the text, else all but its last character, else that
// one.
std::size_t white_space(std::string_view text, std::size_t at, std::size_t end) noexcept {
  if (end == text.size()) return end;
  std::size_t last = end - 1;
  while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return last > at ? last : end;
}

// The length of 're and its like; 0: none stands here.
std::size_t short_form(std::string_view text, std::size_t at, bool any_case) noexcept {
  if (at + 1 >= text.size()) return 0;
  const auto lower = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char first = lower(at + 1), second = lower(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return 3;
  return any_case && text.substr(at + 1).starts_with("\xC5\xBF") ? 3 : 0;  // the long s is an s
}

}  // namespace

std::size_t char_end(std::string_view text, std::size_t at) noexcept {
  const auto byte = static_cast<unsigned char>(text[at]);
  return at + (byte < 0x80 ? 1u : byte < 0xE0 ? 2u : byte < 0xF0 ? 3u : 4u);
}

bool is_digit_at(std::string_view text, std::size_t at) noexcept {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return byte >= '0' && byte <= '9';
  return (unicode::flags(code_at(text, at, char_end(text, at) - at)) & unicode::kNumeric) != 0;
}

std::optional<Scanner> Scanner::find(std::string_view pattern) {
  static constexpr std::pair<std::string_view, int> kKnown[] = {
      {kGpt2Pattern, 0},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       3},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       1}};
  for (const auto& [known, digits] : kKnown)
    if (pattern == known) return Scanner(digits);
  return std::nullopt;
}

std::size_t Scanner::next_gpt2(std::string_view text, std::size_t at) const noexcept {
  if (text[at] == '\'')
    if (const std::size_t length = short_form(text, at, false)) return at + length;
  const Seen first = see(text, at);
  if (first.kind != kSpace) return run(text, first.end, first.kind);
  if (text[at] == ' ' && first.end < text.size()) {
    const Seen second = see(text, first.end);
    if (second.kind != kSpace) return run(text, second.end, second.kind);
  }
  return white_space(text, at, run(text, first.end, kSpace));
}

std::size_t Scanner::next_cl100k(std::string_view text, std::size_t at) const noexcept {
  if (text[at] == '\'')
    if (const std::size_t length = short_form(text, at, true)) return at + length;
  const Seen first = see(text, at);
  if (first.kind == kLetter) return run(text, first.end, kLetter);
  if (first.kind == kNumber) {
    std::size_t end = first.end;
    for (int i = 1; i < digits_ && end < text.size(); ++i) {
      const Seen c = see(text, end);
      if (c.kind != kNumber) break;
      end = c.end;
    }
    return end;
  }
  const auto is_newline = [&](std::size_t i) { return text[i] == '\n' || text[i] == '\r'; };
  const auto others = [&](std::size_t end) {
    end = run(text, end, kOther);
    while (end < text.size() && is_newline(end)) ++end;
    return end;
  };
  if (first.end < text.size() && !is_newline(at)) {
    const Seen second = see(text, first.end);
    if (second.kind == kLetter) return run(text, second.end, kLetter);
    if (text[at] == ' ' && second.kind == kOther) return others(second.end);
  }
  if (first.kind == kOther) return others(first.end);
  const std::size_t end = run(text, first.end, kSpace);
  for (std::size_t i = end; i > at; --i)
    if (is_newline(i - 1)) return i;
  return white_space(text, at, end);
}

}  // namespace lyceum
