#include "text/unicode/unicode.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace lyceum::unicode {
namespace {

struct MappingEntry {
  std::uint32_t code;
  std::uint32_t first;
  std::uint8_t count;
};
struct ClassEntry {
  std::uint32_t code;
  std::uint8_t value;
};
struct CompositionEntry {
  std::uint32_t first, second, composed;
};
#include "text/unicode/tables.inc"

template <std::size_t N>
std::span<const std::uint32_t> look_up(const MappingEntry (&table)[N], char32_t c) noexcept {
  const auto it = std::lower_bound(std::begin(table), std::end(table), c,
                                   [](const MappingEntry& e, char32_t v) { return e.code < v; });
  if (it == std::end(table) || it->code != c) return {};
  return {kPool + it->first, it->count};
}

// The Unicode Standard, section 3.12: Hangul syllables are composed by arithmetic.
constexpr char32_t kS = 0xAC00, kL = 0x1100, kV = 0x1161, kT = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28;

char32_t compose(char32_t a, char32_t b) noexcept {
  if (a >= kL && a < kL + kLCount && b >= kV && b < kV + kVCount)
    return kS + ((a - kL) * kVCount + (b - kV)) * kTCount;
  if (a >= kS && a < kS + kLCount * kVCount * kTCount && (a - kS) % kTCount == 0 && b > kT &&
      b < kT + kTCount)
    return a + (b - kT);
  const auto key = std::pair(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
  const auto it = std::lower_bound(
      std::begin(kCompositions), std::end(kCompositions), key,
      [](const CompositionEntry& e, const auto& k) { return std::pair(e.first, e.second) < k; });
  return it != std::end(kCompositions) && it->first == a && it->second == b ? it->composed : 0;
}

}  // namespace

std::uint16_t flags(char32_t c) noexcept {
  return c > 0x10FFFF ? std::uint16_t{kRemoved} : kFlagBlocks[kFlagIndex[c / 128] * 128u + c % 128];
}

std::uint8_t class_of(char32_t c) noexcept {
  return c > 0x10FFFF ? std::uint8_t{0} : kClassBlocks[kClassIndex[c / 128] * 128u + c % 128];
}

Category category(char32_t c) noexcept { return static_cast<Category>(class_of(c) & kCategoryMask); }

int script(char32_t c) noexcept {
  return c > 0x10FFFF ? 0 : kScriptBlocks[kScriptIndex[c / 128] * 128u + c % 128];
}

std::span<const std::uint32_t> lower(char32_t c) noexcept { return look_up(kLower, c); }

int combining_class(char32_t c) noexcept {
  const auto it = std::lower_bound(std::begin(kClasses), std::end(kClasses), c,
                                   [](const ClassEntry& e, char32_t v) { return e.code < v; });
  return it != std::end(kClasses) && it->code == c ? it->value : 0;
}

std::string lower(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const auto to = lower(c.code);
    if (to.empty()) append_utf8(out, c.code);
    for (const std::uint32_t code : to) append_utf8(out, code);
    text.remove_prefix(static_cast<std::size_t>(c.bytes));
  }
  return out;
}

std::vector<Char> normalize(std::span<const Char> text, Form form) {
  struct Part {
    Char c;
    bool further;  // not the first part of its character
  };
  std::vector<Part> parts;
  parts.reserve(text.size());
  const bool compatible = form == Form::kNfkd || form == Form::kNfkc;
  for (const Char& c : text) {
    const auto put = [&](char32_t code, bool further) { parts.push_back({{code, c.begin, c.end}, further}); };
    if (c.code >= kS && c.code < kS + kLCount * kVCount * kTCount) {
      const char32_t index = c.code - kS;
      put(kL + index / (kVCount * kTCount), false);
      put(kV + index % (kVCount * kTCount) / kTCount, true);
      if (index % kTCount != 0) put(kT + index % kTCount, true);
      continue;
    }
    std::span<const std::uint32_t> codes;
    if (compatible) codes = look_up(kCompatibility, c.code);
    if (codes.empty()) codes = look_up(kDecompositions, c.code);
    if (codes.empty()) put(c.code, false);
    for (std::size_t i = 0; i < codes.size(); ++i) put(codes[i], i > 0);
  }
  // Canonical order within each run of marks. Places stay in the order of the text, as the reference has it:
  // the n-th character behind the sort stands for the n-th before it.
  for (std::size_t i = 0; i < parts.size();) {
    std::size_t end = i;
    while (end < parts.size() && combining_class(parts[end].c.code) != 0) ++end;
    if (end > i + 1) {
      std::vector<Char> places;
      for (std::size_t j = i; j < end; ++j)
        if (!parts[j].further) places.push_back(parts[j].c);
      std::stable_sort(
          parts.begin() + static_cast<std::ptrdiff_t>(i), parts.begin() + static_cast<std::ptrdiff_t>(end),
          [](const Part& x, const Part& y) { return combining_class(x.c.code) < combining_class(y.c.code); });
      for (std::size_t j = i, next = 0; j < end; ++j) {
        if (parts[j].further && j == 0) continue;
        const Char& place = parts[j].further ? parts[j - 1].c : places[next++];
        parts[j].c.begin = place.begin;
        parts[j].c.end = place.end;
      }
    }
    i = end == i ? i + 1 : end;
  }
  std::vector<Char> out;
  out.reserve(parts.size());
  for (const Part& part : parts) out.push_back(part.c);
  if (form == Form::kNfd || form == Form::kNfkd) return out;
  std::size_t kept = 0, starter = out.size();
  bool starter_further = false;
  int last_class = -1;  // of what stands between the starter and here; -1: nothing
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int own = combining_class(out[i].code);
    if (starter < out.size() && last_class < own) {
      if (const char32_t joined = compose(out[starter].code, out[i].code)) {
        out[starter].code = joined;
        // places stay in order: those between move up to the place that falls free, where one does; a starter
        // that has no place of its own takes part
        const std::size_t low = starter_further ? starter : starter + 1;
        for (std::size_t j = kept; !parts[i].further && j > low; --j) {
          std::swap(out[j - 1].begin, out[i].begin);
          std::swap(out[j - 1].end, out[i].end);
        }
        starter_further = starter_further && parts[i].further;
        continue;
      }
    }
    if (own == 0) {
      starter = kept;
      starter_further = parts[i].further;
      last_class = -1;
    } else {
      last_class = own;
    }
    out[kept++] = out[i];
  }
  out.resize(kept);
  return out;
}

}  // namespace lyceum::unicode
