// BERT's own pipeline in one pass over the bytes: a word that was seen before costs one look.
#include "text/bert_scan.h"

#include "text/tokenizer_impl.h"
#include "text/word_cache.h"

namespace lyceum {

BertScan::BertScan(const BertNormalizerOptions& o) : options_(o) {
  for (unsigned c = 0; c < 128; ++c) {
    const std::uint16_t f = unicode::flags(c);
    if (o.clean_text && (f & unicode::kRemoved)) {
      ascii_[c] = 0;
    } else if (f & unicode::kSpace) {
      ascii_[c] = 1;
    } else if (f & unicode::kPunctuation) {
      ascii_[c] = 2;
    } else {
      ascii_[c] = static_cast<unsigned char>(o.lowercase && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
  }
}

namespace {

// One word while it is being read: its normalised bytes, and for each the place it came from.
struct Word {
  std::string bytes;
  std::vector<std::uint32_t> begins, ends;
  std::int64_t chars = 0;

  void clear() {
    bytes.clear();
    begins.clear();
    ends.clear();
    chars = 0;
  }
};

}  // namespace

// BertNormalizer, BertPreTokenizer and WordPiece in one pass. Returns false, with nothing appended, where
// BertScan does.
bool Tokenizer::Impl::scan_text(std::string_view text, std::uint32_t base, Sink& sink) const {
  static thread_local WordCache cache;
  static thread_local Word word;
  static thread_local std::vector<Piece> pieces;
  struct WordSink {
    const Impl& impl;
    Sink& sink;
    WordCache& seen;
    Word& text;
    std::vector<Piece>& parts;

    void put_byte(char byte, std::uint32_t begin, std::uint32_t end) {
      text.bytes.push_back(byte);
      if (sink.with_offsets) {
        text.begins.push_back(begin);
        text.ends.push_back(end);
      }
    }
    void end_character() { ++text.chars; }
    void put_piece(std::int32_t id, std::size_t begin, std::size_t end) {
      sink.put(id, sink.with_offsets ? text.begins[begin] : 0, sink.with_offsets ? text.ends[end - 1] : 0);
    }
    void end_word() {
      if (text.bytes.empty()) return;
      sink.begin_word();
      const std::size_t length = text.bytes.size();
      WordCache::Key key;
      WordCache::Entry* entry = nullptr;
      if (length <= WordCache::kWord) {
        key = WordCache::Key::of(text.bytes, length);
        entry = &seen.slot(impl.serial, key);
        if (entry->count > 0 && entry->key == key) {
          std::size_t begin = 0;
          for (std::size_t i = 0; i < entry->count; ++i) {
            put_piece(entry->ids[i], begin, entry->ends[i]);
            begin = entry->ends[i];
          }
          return text.clear();
        }
      }
      parts.clear();
      impl.model->split(text.bytes, text.chars, parts);
      for (const Piece& piece : parts) put_piece(piece.id, piece.begin, piece.end);
      if (entry != nullptr) entry->put(key, parts);
      text.clear();
    }
  };
  Encoding& out = sink.out;
  const std::size_t ids_before = out.ids.size(), offsets_before = out.offsets.size();
  word.clear();
  WordSink words{*this, sink, cache, word, pieces};
  if (scan->words(text, base, words)) return true;
  out.ids.resize(ids_before);
  out.offsets.resize(offsets_before);
  out.words.resize(offsets_before);
  return false;
}

}  // namespace lyceum
