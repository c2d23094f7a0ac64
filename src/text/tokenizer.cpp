#include "text/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "text/tokenizer_impl.h"

namespace lyceum {

Tokenizer::Tokenizer() : impl_(std::make_unique<Impl>()) {}
Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> TokenizerBuilder::build(
    const std::map<std::int32_t, std::string>& vocabulary, const std::string& what) {
  static std::atomic<std::uint64_t> serial{0};
  Tokenizer::Impl& p = parts();
  p.serial = ++serial;
  std::int32_t most = vocabulary.empty() ? -1 : vocabulary.rbegin()->first;
  for (const AddedToken& token : p.added) most = std::max(most, token.id);
  // ids may have holes, but a hostile file must not make the table large
  if (static_cast<std::size_t>(most) + 1 > 4 * (vocabulary.size() + p.added.size()) + 65536)
    fail(Errc::kFormat, "{}: found the id {} among {} tokens, expected ids without large holes", what, most,
         vocabulary.size());
  const auto size = static_cast<std::size_t>(most + 1);
  p.tokens.resize(size);
  p.known.assign(size, 0);
  p.special.assign(size, 0);
  p.by_text.reserve(vocabulary.size());
  const auto enter = [&](std::int32_t id, const std::string& text) {
    p.tokens[static_cast<std::size_t>(id)] = text;
    p.known[static_cast<std::size_t>(id)] = 1;
    p.by_text.insert(text, id);
  };
  for (const AddedToken& token : p.added) {
    enter(token.id, token.content);
    p.special[static_cast<std::size_t>(token.id)] = token.special;
    if (token.normalized && p.normalizer) {  // its id reads as what it is looked for as (tokenizers 0.23)
      Characters content = to_characters(token.content);
      p.normalizer->apply(content);
      std::string& text = p.tokens[static_cast<std::size_t>(token.id)];
      text.clear();
      for (const unicode::Char& c : content) append_utf8(text, c.code);
    }
  }
  for (const auto& [id, text] : vocabulary)
    if (!p.known[static_cast<std::size_t>(id)]) enter(id, text);
  p.raw = AddedTokens(p.added, false, nullptr);
  p.normalized = AddedTokens(p.added, true, p.normalizer.get());
  for (const auto* pieces : {&p.post_processor.single, &p.post_processor.pair})
    for (const TemplatePiece& piece : *pieces)
      for (const std::int32_t id : piece.ids)
        if (id < 0 || id > most || !p.known[static_cast<std::size_t>(id)])
          fail(Errc::kFormat, "{}: 'post_processor' names the id {}, which is not in the vocabulary", what,
               id);
  return tokenizer_;
}

namespace {

// Words seen before on this thread, with their pieces: prose repeats itself.
class WordCache {
 public:
  struct Entry {
    std::uint64_t hash = 0;
    std::uint8_t length = 0, count = 0;
    char bytes[24] = {};
    std::uint8_t ends[6] = {};
    std::int32_t ids[6] = {};
  };
  // The slot where a word of that hash belongs, emptied when another tokenizer filled the cache.
  Entry& slot(std::uint64_t owner, std::uint64_t hash) {
    if (owner != owner_) {
      entries_.assign(kEntries, {});
      owner_ = owner;
    }
    return entries_[hash & (kEntries - 1)];
  }

 private:
  static constexpr std::size_t kEntries = 1 << 14;
  std::vector<Entry> entries_;
  std::uint64_t owner_ = 0;
};

// One word while it is being read: its normalised bytes, and for each the place it came from.
struct Word {
  std::string bytes;
  std::vector<std::uint32_t> begins, ends;
  std::int64_t chars = 0;
  std::uint64_t hash = TokenTable::kSeed;
};

// The number of the word that comes next.
std::int32_t next_word(const Encoding& out) { return out.words.empty() ? 0 : out.words.back() + 1; }

void append_piece(std::int32_t id, std::uint32_t begin, std::uint32_t end, std::int32_t word_index,
                  bool with_offsets, Encoding& out) {
  out.ids.push_back(id);
  if (!with_offsets) return;
  out.offsets.push_back({begin, end});
  out.words.push_back(word_index);
}

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
bool Tokenizer::Impl::scan_text(std::string_view text, std::uint32_t base, bool with_offsets,
                                Encoding& out) const {
  static thread_local WordCache cache;
  static thread_local Word word;
  static thread_local std::vector<Piece> pieces;
  const BertNormalizerOptions& o = scan->options;
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
    word.hash = TokenTable::kSeed;
  };
  const auto flush = [&] {
    if (word.bytes.empty()) return;
    const std::size_t length = word.bytes.size();
    const bool cached = length <= sizeof(WordCache::Entry::bytes);
    const std::int32_t word_index = next_word(out);
    WordCache::Entry* entry = cached ? &cache.slot(serial, word.hash) : nullptr;
    if (entry != nullptr && entry->hash == word.hash && entry->length == length &&
        std::memcmp(entry->bytes, word.bytes.data(), length) == 0) {
      std::size_t begin = 0;
      for (std::size_t i = 0; i < entry->count; ++i) {
        append_piece(entry->ids[i], with_offsets ? word.begins[begin] : 0,
                     with_offsets ? word.ends[entry->ends[i] - 1u] : 0, word_index, with_offsets, out);
        begin = entry->ends[i];
      }
      reset();
      return;
    }
    pieces.clear();
    model->split(word.bytes, word.chars, pieces);
    for (const Piece& piece : pieces)
      append_piece(piece.id, with_offsets ? word.begins[piece.begin] : 0,
                   with_offsets ? word.ends[piece.end - 1] : 0, word_index, with_offsets, out);
    if (entry != nullptr && pieces.size() <= std::size(entry->ids)) {
      entry->hash = word.hash;
      entry->length = static_cast<std::uint8_t>(length);
      entry->count = static_cast<std::uint8_t>(pieces.size());
      std::memcpy(entry->bytes, word.bytes.data(), length);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        entry->ids[i] = pieces[i].id;
        entry->ends[i] = static_cast<std::uint8_t>(pieces[i].end);
      }
    }
    reset();
  };
  const auto put_byte = [&](char byte, std::uint32_t begin, std::uint32_t end) {
    word.bytes.push_back(byte);
    word.hash = TokenTable::step(word.hash, byte);
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

// The plain road: normalised characters to words to ids.
void Tokenizer::Impl::encode_words(const Characters& text, bool with_offsets, Encoding& out) const {
  std::vector<Characters> pieces;
  if (!text.empty()) pieces.push_back(text);
  if (pre_tokenizer) pre_tokenizer->split(pieces);
  std::string bytes;
  std::vector<std::size_t> char_of;  // of each byte
  std::vector<Piece> parts;
  for (const Characters& piece : pieces) {
    bytes.clear();
    char_of.clear();
    for (std::size_t i = 0; i < piece.size(); ++i) {
      append_utf8(bytes, piece[i].code);
      char_of.resize(bytes.size(), i);
    }
    parts.clear();
    model->split(bytes, static_cast<std::int64_t>(piece.size()), parts);
    const std::int32_t word_index = next_word(out);
    for (const Piece& part : parts)
      append_piece(part.id, piece[char_of[part.begin]].begin, piece[char_of[part.end - 1]].end, word_index,
                   with_offsets, out);
  }
}

void Tokenizer::Impl::encode_text(std::string_view text, const EncodeOptions& options, bool plainly,
                                  Encoding& out) const {
  if (text.size() > 0xFFFFFFFFu)
    fail(Errc::kLimit, "tokenizer: found a text of {} bytes, expected at most 4 GiB", text.size());
  out.ids.reserve(out.ids.size() + text.size() / 4 + 2);
  const auto append_token = [&](const AddedToken& token, const Characters& from, std::size_t begin,
                                std::size_t end) {
    append_piece(token.id, from[begin].begin, from[end - 1].end, next_word(out), options.with_offsets, out);
  };
  // Text without added tokens, from `begin` on in the original.
  const auto encode_between = [&](std::string_view part, std::uint32_t base) {
    if (!plainly && scan && normalized.empty() && scan_text(part, base, options.with_offsets, out)) return;
    Characters chars = to_characters(part);
    for (unicode::Char& c : chars) c.begin += base, c.end += base;
    if (normalizer) normalizer->apply(chars);
    if (normalized.empty()) return encode_words(chars, options.with_offsets, out);
    for (const AddedTokens::Part& cut : normalized.cut(chars, options.parse_special)) {
      if (cut.token != nullptr) {
        append_token(*cut.token, chars, cut.begin, cut.end);
      } else {
        encode_words(Characters(chars.begin() + static_cast<std::ptrdiff_t>(cut.begin),
                                chars.begin() + static_cast<std::ptrdiff_t>(cut.end)),
                     options.with_offsets, out);
      }
    }
  };
  if (!raw.may_occur(text)) return encode_between(text, 0);
  const Characters chars = to_characters(text);
  for (const AddedTokens::Part& cut : raw.cut(chars, options.parse_special)) {
    if (cut.token != nullptr) {
      append_token(*cut.token, chars, cut.begin, cut.end);
    } else {
      const std::uint32_t begin = chars[cut.begin].begin, end = chars[cut.end - 1].end;
      encode_between(text.substr(begin, end - begin), begin);
    }
  }
}

namespace {

// How many tokens of each text are kept.
struct Kept {
  std::size_t first, second;
};

Kept kept_within(std::size_t room, std::size_t first, std::size_t second, bool is_pair,
                 Truncation truncation) {
  const std::size_t total = first + second;
  if (total <= room) return {first, second};
  if (!is_pair) return {room, 0};
  if (truncation == Truncation::kLongestFirst) {
    // the shorter one keeps what it has as long as it is no longer than half
    std::size_t shorter = std::min(first, second), longer = std::max(first, second);
    longer = shorter > room ? shorter : std::max(shorter, room - shorter);
    if (shorter + longer > room) shorter = room / 2, longer = shorter + room % 2;
    return first > second ? Kept{longer, shorter} : Kept{shorter, longer};
  }
  const std::size_t cut = truncation == Truncation::kOnlyFirst ? first : second, excess = total - room;
  if (cut <= excess)
    fail(Errc::kData, "tokenizer: the text to be cut has {} tokens, and {} are too many", cut, excess);
  return truncation == Truncation::kOnlyFirst ? Kept{first - excess, second} : Kept{first, second - excess};
}

template <class T>
void append_first(std::vector<T>& to, const std::vector<T>& from, std::size_t count) {
  to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

// Truncates, then puts the template's special tokens around.
void Tokenizer::Impl::finish(const Encoding& first, const Encoding* second, const EncodeOptions& options,
                             Encoding& out) const {
  Kept kept{first.ids.size(), second ? second->ids.size() : 0};
  if (options.max_tokens > 0) {
    const std::int64_t around = options.add_special ? post_processor.added(second != nullptr) : 0;
    if (options.max_tokens < around)
      fail(Errc::kUsage, "tokenizer: found a limit of {} tokens, expected at least the {} special ones",
           options.max_tokens, around);
    kept = kept_within(static_cast<std::size_t>(options.max_tokens - around), kept.first, kept.second,
                       second != nullptr, options.truncation);
  }
  out.truncated = kept.first < first.ids.size() || (second && kept.second < second->ids.size());
  for (const TemplatePiece& piece : second ? post_processor.pair : post_processor.single) {
    if (piece.sequence < 0) {
      if (!options.add_special) continue;
      for (const std::int32_t id : piece.ids) {
        out.ids.push_back(id);
        out.type_ids.push_back(piece.type_id);
        if (!options.with_offsets) continue;
        out.offsets.push_back({0, 0});
        out.special.push_back(1);
        out.words.push_back(-1);
        out.sequences.push_back(-1);
      }
      continue;
    }
    const Encoding& from = piece.sequence == 0 ? first : *second;
    const std::size_t count = piece.sequence == 0 ? kept.first : kept.second;
    append_first(out.ids, from.ids, count);
    out.type_ids.resize(out.ids.size(), piece.type_id);
    if (!options.with_offsets) continue;
    append_first(out.offsets, from.offsets, count);
    append_first(out.words, from.words, count);
    out.special.resize(out.ids.size(), 0);
    out.sequences.resize(out.ids.size(), static_cast<std::int8_t>(piece.sequence));
  }
}

namespace {
thread_local Encoding t_first, t_second;  // keep their memory between texts
}  // namespace

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Encoding out;
  t_first.clear();
  impl_->encode_text(text, options, false, t_first);
  impl_->finish(t_first, nullptr, options, out);
  return out;
}

Encoding Tokenizer::post_process(const Encoding& text, const EncodeOptions& options) const {
  Encoding out;
  impl_->finish(text, nullptr, options, out);
  return out;
}

Encoding Tokenizer::post_process(const Encoding& first, const Encoding& second,
                                 const EncodeOptions& options) const {
  Encoding out;
  impl_->finish(first, &second, options, out);
  return out;
}

Encoding Tokenizer::encode_plainly(std::string_view text, const EncodeOptions& options) const {
  Encoding first, out;
  impl_->encode_text(text, options, true, first);
  impl_->finish(first, nullptr, options, out);
  return out;
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second,
                                const EncodeOptions& options) const {
  Encoding out;
  t_first.clear();
  t_second.clear();
  impl_->encode_text(first, options, false, t_first);
  impl_->encode_text(second, options, false, t_second);
  impl_->finish(t_first, &t_second, options, out);
  return out;
}

std::vector<Encoding> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                              const EncodeOptions& options) const {
  std::vector<Encoding> out(texts.size());
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  // blocks of about 16 KiB of text
  const std::int64_t grain = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(texts.size() * 16384 / std::max<std::size_t>(1, bytes)));
  parallel_for(static_cast<std::int64_t>(texts.size()), grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      out[i] = encode(texts[i], options);
  });
  return out;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  for (const std::int32_t id : ids) {
    const std::string* text = token(id);
    if (text == nullptr) fail(Errc::kData, "detokenize: found the id {}, expected 0 to {}", id, size() - 1);
    if (!(skip_special && is_special(id))) tokens.push_back(*text);
  }
  std::string out = join(std::move(tokens));
  if (impl_->clean_up_spaces) clean_up_spaces(out);
  return out;
}

std::string Tokenizer::join(std::vector<std::string> tokens) const {
  if (impl_->decoder) impl_->decoder->apply(tokens);
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) out += (impl_->decoder || i == 0 ? "" : " ") + tokens[i];
  return out;
}

bool Tokenizer::marks_continuations() const noexcept { return impl_->model->marks_continuations(); }

std::int64_t Tokenizer::size() const noexcept { return static_cast<std::int64_t>(impl_->tokens.size()); }

const std::string* Tokenizer::token(std::int32_t id) const noexcept {
  const auto i = static_cast<std::size_t>(id);
  return id >= 0 && i < impl_->tokens.size() && impl_->known[i] ? &impl_->tokens[i] : nullptr;
}

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
  const std::int32_t found = impl_->by_text.find(token);
  return found < 0 ? std::nullopt : std::optional(found);
}

bool Tokenizer::is_special(std::int32_t id) const noexcept {
  return id >= 0 && static_cast<std::size_t>(id) < impl_->special.size() &&
         impl_->special[static_cast<std::size_t>(id)] != 0;
}

std::int64_t Tokenizer::special_tokens_around_one() const noexcept {
  return impl_->post_processor.added(false);
}
std::int64_t Tokenizer::special_tokens_around_two() const noexcept {
  return impl_->post_processor.added(true);
}

std::string Tokenizer::summary() const { return impl_->description; }

}  // namespace lyceum
