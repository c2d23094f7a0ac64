// Unicode as the reference tokenizers know it (tables.inc; made by make_tables.py).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum::unicode {

enum Flag : std::uint16_t {
  kRemoved = 1,        // the BERT cleaner drops it: controls, formats, private use, NUL, U+FFFD
  kSpace = 2,          // white space (some of it is removed by the cleaner all the same)
  kPunctuation = 4,    // ASCII punctuation or category P
  kCjk = 8,            // an ideograph that BERT surrounds with spaces
  kMark = 16,          // category Mn, dropped with accents
  kWord = 32,          // a word character of a regular expression
  kNumeric = 64,       // categories Nd, Nl, No
  kMoves = 128,        // not a mark, but canonical order may move it
  kSpacingMark = 256,  // the other marks (Mc, Me): StripAccents drops them, BERT's own stripping does not
  kExtends = 512,      // joins the grapheme cluster of the character before it
  kPrepends = 1024,    // joins the grapheme cluster of the character behind it
  kPictographic = 2048,
  kBreaks = 4096,    // a control: nothing joins its grapheme cluster
  kComposed = 8192,  // NFC may change it or join it to what stands before
};
std::uint16_t flags(char32_t c) noexcept;
inline bool has(char32_t c, int any_of) noexcept { return (flags(c) & any_of) != 0; }

// General categories, in the order of make_tables.py.
enum class Category : std::uint8_t {
  kCn,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCo,
  kCs
};
Category category(char32_t c) noexcept;
// One byte a character: its category, and whether it is alphabetic, lower case, upper case.
enum ClassBit : std::uint8_t { kCategoryMask = 31, kAlphabetic = 32, kLowercase = 64, kUppercase = 128 };
std::uint8_t class_of(char32_t c) noexcept;
// A number for each script as the pre-tokenizer UnicodeScripts tells them apart; 0 goes with every script.
int script(char32_t c) noexcept;

// The characters that c becomes; empty where it stays as it is. Hangul syllables are decomposed by rule
// elsewhere.
std::span<const std::uint32_t> lower(char32_t c) noexcept;
// Every character of a text.
std::string lower(std::string_view text);
int combining_class(char32_t c) noexcept;

enum class Form { kNfd, kNfkd, kNfc, kNfkc };
// A character with the place in a text that it came from.
struct Char {
  char32_t code;
  std::uint32_t begin, end;  // bytes
};
// Each character's decomposition, marks in canonical order, then composed for the C forms. The parts of a
// character keep its place; a composed one keeps its first part's, as the reference has it.
std::vector<Char> normalize(std::span<const Char> text, Form form);

}  // namespace lyceum::unicode
