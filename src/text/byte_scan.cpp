// Byte-level BPE in one pass over the bytes: a piece that was seen before costs one look.
#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizer_impl.h"
#include "text/word_cache.h"

namespace lyceum {
namespace {

bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Whether NFC leaves a text of UTF-8 as it is; it may say no where it does.
bool is_composed(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const Utf8Char c = decode_utf8(text.substr(i));
    if (unicode::flags(c.code) & unicode::kComposed || (c.code >= 0x1100 && c.code < 0x1200)) return false;
    i += static_cast<std::size_t>(c.bytes);
  }
  return true;
}

}  // namespace

// Returns false, with nothing put, for text that is no UTF-8 or that the normalizer may change.
bool Tokenizer::Impl::scan_bytes(std::string_view text, std::uint32_t base, Sink& sink) const {
  static thread_local WordCache cache;
  static thread_local std::vector<Piece> pieces;
  static thread_local std::string prefixed;
  const ByteScan& how = *byte_scan;
  if (text.empty()) return true;
  const bool ascii = is_ascii(text);
  if (!ascii && (!is_utf8(text) || (how.composes && !is_composed(text)))) return false;
  const std::size_t first_end = char_end(text, 0);
  const std::size_t shift = how.add_prefix_space && text[0] != ' ' ? 1 : 0;
  if (shift != 0) {
    prefixed.assign(1, ' ').append(text);
    text = prefixed;
  }
  // A place in the text to one in the whole; the space that was added stands where the first character does.
  const auto put = [&](std::int32_t id, std::size_t begin, std::size_t end) {
    if (sink.with_offsets) {
      if (!ascii) {
        while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
      }
      if (shift != 0) {
        end = end == 1 ? first_end : end - 1;
        begin = begin == 0 ? 0 : begin - 1;
      }
    }
    sink.put(id, base + static_cast<std::uint32_t>(begin), base + static_cast<std::uint32_t>(end));
  };
  const auto piece_at = [&](std::size_t begin, std::size_t end) {
    const std::string_view word = text.substr(begin, end - begin);
    sink.begin_word();
    WordCache::Key key;
    WordCache::Entry* entry = nullptr;
    if (word.size() <= WordCache::kWord) {
      key = WordCache::Key::of(word, text.size() - begin);
      entry = &cache.slot(serial, key);
      if (entry->count > 0 && entry->key == key) {
        std::size_t from = begin;
        for (std::size_t i = 0; i < entry->count; ++i) {
          put(entry->ids[i], from, begin + entry->ends[i]);
          from = begin + entry->ends[i];
        }
        return;
      }
    }
    pieces.clear();
    how.model->split_bytes(word, pieces);
    for (const Piece& p : pieces) put(p.id, begin + p.begin, begin + p.end);
    if (entry != nullptr) entry->put(key, pieces);
  };
  const auto scan_part = [&](std::size_t begin, std::size_t end) {
    const std::string_view part = text.substr(0, end);
    while (begin < end) {
      const std::size_t next = how.scanner.next(part, begin);
      piece_at(begin, next);
      begin = next;
    }
  };
  if (!how.digits_apart) {
    scan_part(0, text.size());
    return true;
  }
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = char_end(text, at);
    if (is_digit_at(text, at)) {
      scan_part(begin, at);
      scan_part(at, end);
      begin = end;
    }
    at = end;
  }
  scan_part(begin, text.size());
  return true;
}

}  // namespace lyceum
