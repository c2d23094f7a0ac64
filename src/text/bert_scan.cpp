// BERT's own pipeline in one pass over the bytes.
#include "base/utf8.h"
#include "text/tokenizer_impl.h"
#include "text/word_cache.h"

namespace lyceum {
namespace {

// One word while it is being read: its normalised bytes, and for each the place it came from.
struct Word {
  std::string bytes;
  std::vector<std::uint32_t> begins, ends;
  std::int64_t chars = 0;
};

struct AsciiTable {
  // 0: dropped, 1: white space, 2: punctuation, else the character it becomes
  unsigned char to[128];
};
AsciiTable ascii_table(const BertNormalizerOptions& o) {
  AsciiTable table{};
  for (unsigned c = 0; c < 128; ++c) {
    const std::uint16_t f = unicode::flags(c);
    if (o.clean_text && (f & unicode::kRemoved)) {
      table.to[c] = 0;
    } else if (f & unicode::kSpace) {
      table.to[c] = 1;
    } else if (f & unicode::kPunctuation) {
      table.to[c] = 2;
    } else {
      table.to[c] = static_cast<unsigned char>(o.lowercase && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
  }
  return table;
}

}  // namespace

// BertNormalizer, BertPreTokenizer and WordPiece in one pass over the bytes. Returns false, with nothing
// appended, when the text holds what only the plain road gets right: characters that canonical order may
// move, or controls kept as characters.
bool Tokenizer::Impl::scan_text(std::string_view text, std::uint32_t base, Sink& sink) const {
  static thread_local WordCache cache;
  static thread_local Word word;
  static thread_local std::vector<Piece> pieces;
  const BertNormalizerOptions& o = scan->options;
  const bool with_offsets = sink.with_offsets;
  Encoding& out = sink.out;
  const AsciiTable ascii = ascii_table(o);
  if (!o.clean_text)
    for (const char c : text)
      if (c >= 0 && c < 3) return false;  // the table's codes are these characters
  const std::size_t ids_before = out.ids.size(), offsets_before = out.offsets.size();
  const auto reset = [&] {
    word.bytes.clear();
    word.begins.clear();
    word.ends.clear();
    word.chars = 0;
  };
  const auto flush = [&] {
    if (word.bytes.empty()) return;
    sink.begin_word();
    const std::size_t length = word.bytes.size();
    const auto put = [&](std::int32_t id, std::size_t begin, std::size_t end) {
      sink.put(id, with_offsets ? word.begins[begin] : 0, with_offsets ? word.ends[end - 1] : 0);
    };
    WordCache::Key key;
    WordCache::Entry* entry = nullptr;
    if (length <= WordCache::kWord) {
      key = WordCache::Key::of(word.bytes, length);
      entry = &cache.slot(serial, key);
      if (entry->count > 0 && entry->key == key) {
        std::size_t begin = 0;
        for (std::size_t i = 0; i < entry->count; ++i) {
          put(entry->ids[i], begin, entry->ends[i]);
          begin = entry->ends[i];
        }
        return reset();
      }
    }
    pieces.clear();
    model->split(word.bytes, word.chars, pieces);
    for (const Piece& piece : pieces) put(piece.id, piece.begin, piece.end);
    if (entry != nullptr) entry->put(key, pieces);
    reset();
  };
  const auto put_byte = [&](char byte, std::uint32_t begin, std::uint32_t end) {
    word.bytes.push_back(byte);
    if (with_offsets) {
      word.begins.push_back(begin);
      word.ends.push_back(end);
    }
  };
  // A character after normalisation.
  const auto put = [&](char32_t c, std::uint32_t begin, std::uint32_t end) {
    const std::uint16_t f = unicode::flags(c);
    if (f & unicode::kSpace) return flush();
    const bool alone = (f & unicode::kPunctuation) != 0;
    if (alone) flush();
    std::string bytes;
    append_utf8(bytes, c);
    for (const char byte : bytes) put_byte(byte, begin, end);
    ++word.chars;
    if (alone) flush();
  };
  const auto lowered = [&](char32_t c, std::uint32_t begin, std::uint32_t end) {
    const auto lower = o.lowercase ? unicode::lower(c) : std::span<const std::uint32_t>();
    if (lower.empty()) return put(c, begin, end);
    for (const std::uint32_t part : lower) put(part, begin, end);
  };
  reset();
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::uint32_t begin = base + static_cast<std::uint32_t>(i);
    if (byte < 0x80) {
      ++i;
      const unsigned char to = ascii.to[byte];
      if (to > 2) {
        put_byte(static_cast<char>(to), begin, begin + 1);
        ++word.chars;
      } else if (to == 1) {
        flush();
      } else if (to == 2) {
        flush();
        put_byte(static_cast<char>(byte), begin, begin + 1);
        ++word.chars;
        flush();
      }
      continue;
    }
    const Utf8Char c = decode_utf8(text.substr(i));
    i += static_cast<std::size_t>(c.bytes);
    const std::uint32_t end = base + static_cast<std::uint32_t>(i);
    const std::uint16_t f = unicode::flags(c.code);
    if (o.clean_text && (f & unicode::kRemoved)) continue;
    if (o.strip_accents && (f & unicode::kMoves)) {
      out.ids.resize(ids_before);
      out.offsets.resize(offsets_before);
      out.words.resize(offsets_before);
      reset();
      return false;
    }
    const bool ideograph = o.handle_chinese_chars && (f & unicode::kCjk);
    if (ideograph) flush();
    if (o.strip_accents) {
      const unicode::Char one{c.code, begin, end};
      for (const unicode::Char& part : unicode::normalize({&one, 1}, unicode::Form::kNfd))
        if (!(unicode::flags(part.code) & unicode::kMark)) lowered(part.code, begin, end);
    } else {
      lowered(c.code, begin, end);
    }
    if (ideograph) flush();
  }
  flush();
  return true;
}

}  // namespace lyceum
