#include "text/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "text/byte_level.h"
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
  if (!p.trims.empty()) p.count_spaces();
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

// White space as byte-level characters have it: U+0120 stands for a space.
Tokenizer::Impl::Spaces Tokenizer::Impl::spaces_of(std::string_view token) {
  const Characters chars = to_characters(token);
  const auto solid = [](const unicode::Char& c) {
    return c.code != byte_character(' ') && !(unicode::flags(c.code) & unicode::kSpace);
  };
  const auto counted = [](auto count) {
    return static_cast<std::uint16_t>(std::min<std::ptrdiff_t>(count, 0xFFFF));
  };
  return {counted(std::find_if(chars.begin(), chars.end(), solid) - chars.begin()),
          counted(std::find_if(chars.rbegin(), chars.rend(), solid) - chars.rbegin())};
}

void Tokenizer::Impl::count_spaces() {
  for (const std::string& token : tokens) spaces.push_back(spaces_of(token));
}

// The bytes of the character that ends at `end`. What is no UTF-8 is cut as in reading forwards: bytes that
// continue nothing stand alone, a broken sequence is as long as it can be.
static std::uint32_t bytes_before(std::string_view text, std::uint32_t end) {
  for (std::uint32_t length = std::min(4u, end); length > 1; --length)
    if (static_cast<std::uint32_t>(decode_utf8(text.substr(end - length)).bytes) == length) return length;
  return 1;
}

// R: process_offsets of pre_tokenizers/byte_level.rs, which counts characters
void Tokenizer::Impl::Sink::put_trimmed(TokenSpan span, Spaces counted) {
  for (const TrimOffsets& trim : impl.trims) {
    std::uint32_t before = counted.before, behind = counted.behind;
    // R: one space there was added and takes no place; of several none was
    if (before == 1 && trim.add_prefix_space && (out.offsets.empty() || span.begin == 0)) before = 0;
    for (; before > 0 && span.begin < span.end; --before)
      span.begin += static_cast<std::uint32_t>(decode_utf8(whole.substr(span.begin)).bytes);
    span.begin = std::min(span.begin, span.end);
    std::uint32_t end = span.end;
    for (; behind > 0 && end > 0; --behind) end -= bytes_before(whole, end);
    if (behind == 0) span.end = std::max(end, span.begin);
  }
  out.offsets.push_back(span);
}

// The plain road: normalised characters to words to ids.
void Tokenizer::Impl::encode_words(const Characters& text, Sink& sink) const {
  std::vector<Characters> pieces;
  if (!text.empty()) pieces.push_back(text);
  if (pre_tokenizer) pre_tokenizer->split(pieces);
  std::vector<Piece> parts;
  for (const Characters& piece : pieces) {
    const FlatText flat(piece);
    parts.clear();
    sink.begin_word();
    model->split(flat.bytes, static_cast<std::int64_t>(piece.size()), parts);
    const std::size_t last =
        flat.char_of.size() - 1;  // a model's places may run past a word (symbols with a suffix)
    for (const Piece& part : parts)
      sink.put(part.id, piece[flat.char_of[std::min<std::size_t>(part.begin, last)]].begin,
               piece[flat.char_of[std::min<std::size_t>(part.end - 1, last)]].end);
  }
}

void Tokenizer::Impl::encode_text(std::string_view text, const EncodeOptions& options, bool plainly,
                                  Encoding& out) const {
  if (text.size() > 0xFFFFFFFFu)
    fail(Errc::kLimit, "tokenizer: found a text of {} bytes, expected at most 4 GiB", text.size());
  if (is_bytes) return encode_bytes(text, options.with_offsets, out);
  out.ids.reserve(out.ids.size() + text.size() / 4 + 2);
  Sink sink{*this, text, options.with_offsets, out};
  const auto put_token = [&](const AddedToken& token, const Characters& from, std::size_t begin,
                             std::size_t end) {
    if (options.with_offsets) {
      sink.begin_word();
      out.words.push_back(sink.word);
      const TokenSpan span{from[begin].begin, from[end - 1].end};
      if (trims.empty()) {
        out.offsets.push_back(span);
      } else {  // R: its text is what was cut out, with the white space that it takes along
        std::string content;
        for (std::size_t i = begin; i < end; ++i) append_utf8(content, from[i].code);
        sink.put_trimmed(span, spaces_of(content));
      }
    }
    out.ids.push_back(token.id);
  };
  const auto part_of = [](const Characters& chars, const AddedTokens::Part& cut) {
    return Characters(chars.begin() + static_cast<std::ptrdiff_t>(cut.begin),
                      chars.begin() + static_cast<std::ptrdiff_t>(cut.end));
  };
  const auto scanned = [&](std::string_view part, std::uint32_t base) {
    if (plainly) return false;
    return scan ? scan_text(part, base, sink) : byte_scan && scan_bytes(part, base, sink);
  };
  // Text without added tokens that are looked for before normalising, from `begin` on in the original.
  const auto encode_between = [&](std::string_view part, std::uint32_t base) {
    const bool none_normalized = normalized.empty() || (!normalizer && !normalized.may_occur(part));
    if (none_normalized && scanned(part, base)) return;
    Characters chars = to_characters(part);
    for (unicode::Char& c : chars) c.begin += base, c.end += base;
    if (normalizer) normalizer->apply(chars);
    if (none_normalized) return encode_words(chars, sink);
    for (const AddedTokens::Part& cut : normalized.cut(chars, options.parse_special)) {
      const std::uint32_t begin = chars[cut.begin].begin, end = chars[cut.end - 1].end;
      if (cut.token != nullptr)
        put_token(*cut.token, chars, cut.begin, cut.end);
      else if (normalizer || !scanned(text.substr(begin, end - begin), begin))
        encode_words(part_of(chars, cut), sink);
    }
  };
  if (!raw.may_occur(text)) return encode_between(text, 0);
  const Characters chars = to_characters(text);
  for (const AddedTokens::Part& cut : raw.cut(chars, options.parse_special)) {
    if (cut.token != nullptr) {
      put_token(*cut.token, chars, cut.begin, cut.end);
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
