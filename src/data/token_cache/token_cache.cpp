#include "data/token_cache/token_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/digest.h"
#include "base/error.h"
#include "text/tokenizer.h"

namespace lyceum {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are read where they lie");

constexpr std::uint32_t kVersion = 1;
constexpr char kMagic[8] = {'L', 'Y', 'T', 'O', 'K', 'E', 'N', 'S'};
constexpr std::uint64_t kMaxSettings = 1 << 16;
constexpr std::int64_t kIgnored = -100;
constexpr std::size_t kChunk = 1 << 14;  // tokens narrowed at a time

struct Header {
  char magic[8];
  std::uint32_t version, token_bytes, kind, reserved;
  std::uint8_t tokenizer[32];
  std::uint64_t vocabulary, settings_bytes, documents, marks, tokens;
};
static_assert(sizeof(Header) == 96);

constexpr std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

// A masked example among the tokens: how many are masked, the first token of type 1, the label of the pair
// plus 1 (0: none), then positions and ids of what was masked, then the ids.
constexpr std::size_t kExampleFields = 3;

template <class T>
std::span<const T> table(const std::byte* data, std::uint64_t count) {
  return {reinterpret_cast<const T*>(data), static_cast<std::size_t>(count)};
}

void check_table(const std::string& path, const char* what, std::span<const std::uint64_t> begins,
                 std::uint64_t all) {
  if (begins.front() != 0 || begins.back() != all || !std::is_sorted(begins.begin(), begins.end()))
    fail(Errc::kFormat,
         "{}: the beginnings of {} do not rise from 0 to {}. Fix: the file is damaged; prepare it again",
         path, what, all);
}

}  // namespace

TokenizerDigest tokenizer_digest(const Tokenizer& tokenizer) {
  Digest digest(Digest::Kind::kSha256);
  const auto add = [&](std::string_view text) {
    const std::uint64_t size = text.size();
    digest.update(&size, sizeof size);
    digest.update(text.data(), text.size());
  };
  for (std::int64_t i = 0; i < tokenizer.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    const std::string* token = tokenizer.token(id);
    add(token != nullptr ? *token : std::string_view());
    add(tokenizer.is_special(id) ? "special" : token != nullptr ? "plain" : "none");
  }
  add(tokenizer.summary());
  const Encoding probe = tokenizer.encode_pair(
      "The Quick brown fox's 12345 na\u00efve caf\u00e9s: \u4e2d\u6587\u3002  \u00c5ngstr\u00f6m\t\u0130 "
      "e\u0301!?",
      " jumps\n\nover \U0001f600 don't (un)believable\u2026");
  digest.update(probe.ids.data(), probe.ids.size() * sizeof(std::int32_t));
  return digest.bytes();
}

std::shared_ptr<const TokenCache> TokenCache::open(const std::filesystem::path& path) {
  std::shared_ptr<TokenCache> out(new TokenCache);
  out->file_ = MappedFile::open(path);
  const std::span<const std::byte> bytes = out->file_->bytes();
  Header h;
  if (bytes.size() < sizeof h || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    fail(Errc::kFormat, "{}: found no token cache, expected what `lyceum prepare` writes", path.string());
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.version != kVersion)
    fail(Errc::kUnsupported, "{}: found version {} of the token cache, expected {}. Fix: prepare it again",
         path.string(), h.version, kVersion);
  constexpr std::uint64_t most = std::uint64_t{1} << 56;  // sums of a few stay far from overflowing
  if ((h.token_bytes != 2 && h.token_bytes != 4) || h.kind > 1 || h.settings_bytes > kMaxSettings ||
      h.documents > most || h.marks > most || h.tokens > most || h.vocabulary > (std::uint64_t{1} << 31))
    fail(Errc::kFormat, "{}: the header contradicts itself. Fix: the file is damaged; prepare it again",
         path.string());
  const std::uint64_t settings = sizeof h, tokens = settings + padded(h.settings_bytes),
                      begins = tokens + padded(h.tokens * h.token_bytes),
                      mark_begins = begins + (h.documents + 1) * 8,
                      marks = mark_begins + (h.documents + 1) * 8, end = marks + h.marks * 4;
  if (end != bytes.size())
    fail(Errc::kFormat, "{}: found {} bytes, expected {}. Fix: the file is cut short; prepare it again",
         path.string(), bytes.size(), end);
  out->header_.kind = static_cast<CacheKind>(h.kind);
  std::copy(std::begin(h.tokenizer), std::end(h.tokenizer), out->header_.tokenizer.begin());
  out->header_.vocabulary = static_cast<std::int64_t>(h.vocabulary);
  out->header_.settings.assign(reinterpret_cast<const char*>(bytes.data() + settings), h.settings_bytes);
  out->token_bytes_ = h.token_bytes;
  out->documents_ = h.documents;
  out->tokens_ = h.tokens;
  out->token_data_ = bytes.data() + tokens;
  out->begins_ = table<std::uint64_t>(bytes.data() + begins, h.documents + 1);
  out->mark_begins_ = table<std::uint64_t>(bytes.data() + mark_begins, h.documents + 1);
  out->marks_ = table<std::uint32_t>(bytes.data() + marks, h.marks);
  check_table(path.string(), "documents", out->begins_, h.tokens);
  check_table(path.string(), "marks", out->mark_begins_, h.marks);
  return out;
}

void TokenCache::expect_tokenizer(const Tokenizer& tokenizer) const {
  if (tokenizer_digest(tokenizer) != header_.tokenizer)
    fail(
        Errc::kData,
        "{}: found tokens of another tokenizer ({}), expected those of the model. Fix: prepare it again with "
        "the model's tokenizer",
        path().string(), header_.settings);
}

void TokenCache::expect_settings(const std::string& settings) const {
  if (settings != header_.settings)
    fail(Errc::kData, "{}: found tokens made with {}, expected {}. Fix: prepare it again", path().string(),
         header_.settings, settings);
}

std::vector<std::int32_t> TokenCache::ids(std::uint64_t begin, std::uint64_t end) const {
  const auto count = static_cast<std::size_t>(end - begin);
  const std::byte* from = token_data_ + begin * token_bytes_;
  if (token_bytes_ == 4) {
    const auto wide = table<std::int32_t>(from, count);
    return {wide.begin(), wide.end()};
  }
  const auto narrow = table<std::uint16_t>(from, count);
  return {narrow.begin(), narrow.end()};
}

std::map<std::string, RecordValue> TokenCache::fields(std::uint64_t document) const {
  const auto d = static_cast<std::size_t>(document);
  std::vector<std::int32_t> stored = ids(begins_[d], begins_[d + 1]);
  if (header_.kind == CacheKind::kExamples) return example_fields(document, stored);
  std::map<std::string, RecordValue> out;
  const auto marks = marks_.subspan(static_cast<std::size_t>(mark_begins_[d]),
                                    static_cast<std::size_t>(mark_begins_[d + 1] - mark_begins_[d]));
  if (!marks.empty()) {
    if (!std::is_sorted(marks.begin(), marks.end()) || marks.back() >= stored.size())
      fail(Errc::kFormat, "{}: record {}: the sentences do not rise within {} tokens", path().string(),
           document, stored.size());
    out["sentences"] = std::vector<std::int64_t>(marks.begin(), marks.end());
  }
  out["input_ids"] = std::move(stored);
  return out;
}

std::map<std::string, RecordValue> TokenCache::example_fields(std::uint64_t document,
                                                              std::span<const std::int32_t> stored) const {
  const auto broken = [&] {
    fail(Errc::kFormat, "{}: record {} contradicts itself. Fix: the file is damaged; prepare it again",
         path().string(), document);
  };
  if (stored.size() < kExampleFields) broken();
  const std::size_t masked = static_cast<std::uint32_t>(stored[0]),
                    second = static_cast<std::uint32_t>(stored[1]);
  const std::span<const std::int32_t> rest = stored.subspan(kExampleFields);
  if (masked > rest.size() / 2 || stored[2] < 0 || stored[2] > 2) broken();
  const std::span<const std::int32_t> ids = rest.subspan(2 * masked);
  if (second > ids.size()) broken();
  std::vector<std::int64_t> labels(ids.size(), kIgnored), types(ids.size(), 1);
  std::fill_n(types.begin(), second, 0);
  for (std::size_t i = 0; i < masked; ++i) {
    const std::size_t at = static_cast<std::uint32_t>(rest[2 * i]);
    if (at >= ids.size()) broken();
    labels[at] = rest[2 * i + 1];
  }
  std::map<std::string, RecordValue> out;
  out["input_ids"] = std::vector<std::int32_t>(ids.begin(), ids.end());
  out["token_type_ids"] = std::move(types);
  out["labels"] = std::move(labels);
  if (stored[2] > 0) out["next_sentence_label"] = std::int64_t{stored[2]} - 1;
  return out;
}

TokenCacheWriter::TokenCacheWriter(const std::filesystem::path& path, CacheHeader header)
    : file_(path), header_(std::move(header)), token_bytes_(header_.vocabulary <= 1 << 16 ? 2 : 4) {
  if (header_.settings.size() > kMaxSettings)
    fail(Errc::kLimit, "{}: found {} bytes of settings, expected at most {}", path.string(),
         header_.settings.size(), kMaxSettings);
  const Header blank{};
  file_.write(&blank, sizeof blank);  // written over at the end, when the counts are known
  file_.write(header_.settings);
  written_ = header_.settings.size();
  pad();
}

void TokenCacheWriter::pad() {
  constexpr char zeros[8] = {};
  file_.write(zeros, padded(written_) - written_);
  written_ = 0;
}

// The numbers of one document as they are stored.
void TokenCacheWriter::put(std::span<const std::int32_t> stored) {
  if (token_bytes_ == 4) {
    file_.write(stored.data(), stored.size_bytes());
  } else {
    std::vector<std::uint16_t> narrow;
    for (std::size_t at = 0; at < stored.size(); at += kChunk) {
      narrow.clear();
      for (const std::int32_t number : stored.subspan(at, std::min(kChunk, stored.size() - at)))
        narrow.push_back(static_cast<std::uint16_t>(number));
      file_.write(narrow.data(), narrow.size() * 2);
    }
  }
  written_ += stored.size() * token_bytes_;
  begins_.push_back(begins_.back() + stored.size());
}

void TokenCacheWriter::add(std::span<const std::int32_t> ids, std::span<const std::uint32_t> marks) {
  for (const std::int32_t id : ids)
    if (id < 0 || id >= header_.vocabulary)
      fail(Errc::kData, "token cache: found the id {}, expected 0 to {}", id, header_.vocabulary - 1);
  if (ids.size() > std::numeric_limits<std::uint32_t>::max())
    fail(Errc::kLimit, "token cache: found a document of {} tokens, expected fewer than 2^32", ids.size());
  put(ids);
  marks_.insert(marks_.end(), marks.begin(), marks.end());
  mark_begins_.push_back(marks_.size());
}

void TokenCacheWriter::add(const CachedExample& example) {
  const auto most = static_cast<std::size_t>(token_bytes_ == 2 ? std::numeric_limits<std::uint16_t>::max()
                                                               : std::numeric_limits<std::int32_t>::max());
  if (example.ids.size() > most)
    fail(Errc::kLimit, "token cache: found an example of {} tokens, expected at most {}", example.ids.size(),
         most);
  std::vector<std::int32_t> stored{
      static_cast<std::int32_t>(example.masked.size()), static_cast<std::int32_t>(example.second),
      example.next_sentence < 0 ? 0 : static_cast<std::int32_t>(example.next_sentence) + 1};
  for (const auto& [position, id] : example.masked) stored.push_back(position), stored.push_back(id);
  stored.insert(stored.end(), example.ids.begin(), example.ids.end());
  put(stored);
  mark_begins_.push_back(marks_.size());
}

void TokenCacheWriter::finish() {
  pad();
  file_.write(begins_.data(), begins_.size() * 8);
  file_.write(mark_begins_.data(), mark_begins_.size() * 8);
  file_.write(marks_.data(), marks_.size() * 4);
  Header h{.version = kVersion,
           .token_bytes = token_bytes_,
           .kind = static_cast<std::uint32_t>(header_.kind),
           .vocabulary = static_cast<std::uint64_t>(header_.vocabulary),
           .settings_bytes = header_.settings.size(),
           .documents = documents(),
           .marks = marks_.size(),
           .tokens = tokens()};
  std::copy(std::begin(kMagic), std::end(kMagic), h.magic);
  std::copy(header_.tokenizer.begin(), header_.tokenizer.end(), h.tokenizer);
  file_.write_at(0, &h, sizeof h);
  file_.commit();
}

}  // namespace lyceum
