// BERT's cleaning, lower-casing and splitting in one pass over the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/normalizers.h"

namespace lyceum {

// What BertNormalizer and BertPreTokenizer make of a text, word by word.
class BertScan {
 public:
  explicit BertScan(const BertNormalizerOptions& options);

  // Calls sink.put_byte(byte, begin, end) for each byte of a normalised word with the place in the text that
  // it came from (base added), sink.end_character() behind each of its characters, and sink.end_word() where
  // a word ends; also where none began. False, with part of the words given, for a text that holds what only
  // the plain road gets right: characters that canonical order may move, or controls kept as characters.
  template <class Sink>
  bool words(std::string_view text, std::uint32_t base, Sink& sink) const;

 private:
  template <class Sink>
  static void put(char32_t c, std::uint32_t begin, std::uint32_t end, Sink& sink);
  template <class Sink>
  void put_lowered(char32_t c, std::uint32_t begin, std::uint32_t end, Sink& sink) const;

  BertNormalizerOptions options_;
  // By ASCII character. 0: dropped, 1: white space, 2: punctuation, else the character it becomes.
  unsigned char ascii_[128] = {};
};

// A character after normalisation.
template <class Sink>
void BertScan::put(char32_t c, std::uint32_t begin, std::uint32_t end, Sink& sink) {
  const std::uint16_t f = unicode::flags(c);
  if (f & unicode::kSpace) return sink.end_word();
  const bool alone = (f & unicode::kPunctuation) != 0;
  if (alone) sink.end_word();
  std::string bytes;
  append_utf8(bytes, c);
  for (const char byte : bytes) sink.put_byte(byte, begin, end);
  sink.end_character();
  if (alone) sink.end_word();
}

template <class Sink>
void BertScan::put_lowered(char32_t c, std::uint32_t begin, std::uint32_t end, Sink& sink) const {
  const auto lower = options_.lowercase ? unicode::lower(c) : std::span<const std::uint32_t>();
  if (lower.empty()) return put(c, begin, end, sink);
  for (const std::uint32_t part : lower) put(part, begin, end, sink);
}

template <class Sink>
bool BertScan::words(std::string_view text, std::uint32_t base, Sink& sink) const {
  const BertNormalizerOptions& o = options_;
  if (!o.clean_text)
    for (const char c : text)
      if (c >= 0 && c < 3) return false;  // the table's codes are these characters
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::uint32_t begin = base + static_cast<std::uint32_t>(i);
    if (byte < 0x80) {
      ++i;
      const unsigned char to = ascii_[byte];
      if (to > 2) {
        sink.put_byte(static_cast<char>(to), begin, begin + 1);
        sink.end_character();
      } else if (to == 1) {
        sink.end_word();
      } else if (to == 2) {
        sink.end_word();
        sink.put_byte(static_cast<char>(byte), begin, begin + 1);
        sink.end_character();
        sink.end_word();
      }
      continue;
    }
    const Utf8Char c = decode_utf8(text.substr(i));
    i += static_cast<std::size_t>(c.bytes);
    const std::uint32_t end = base + static_cast<std::uint32_t>(i);
    const std::uint16_t f = unicode::flags(c.code);
    if (o.clean_text && (f & unicode::kRemoved)) continue;
    if (o.strip_accents && (f & unicode::kMoves)) return false;
    const bool ideograph = o.handle_chinese_chars && (f & unicode::kCjk);
    if (ideograph) sink.end_word();
    if (o.strip_accents) {
      const unicode::Char one{c.code, begin, end};
      for (const unicode::Char& part : unicode::normalize({&one, 1}, unicode::Form::kNfd))
        if (!(unicode::flags(part.code) & unicode::kMark)) put_lowered(part.code, begin, end, sink);
    } else {
      put_lowered(c.code, begin, end, sink);
    }
    if (ideograph) sink.end_word();
  }
  sink.end_word();
  return true;
}

}  // namespace lyceum
