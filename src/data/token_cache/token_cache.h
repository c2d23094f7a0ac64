// A token cache: the documents of a data set as token ids, or masked examples made of them, in one file that
// is mapped and not parsed.
//
// Layout, little-endian: the header (token_cache.cpp), the settings as text, the tokens of all documents one
// after another (2 or 4 bytes each), where each document begins, where the marks of each document begin, the
// marks. Each part begins at a multiple of 8 bytes, and the file ends with the last mark.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "data/records/record.h"

namespace lyceum {

class Tokenizer;

// SHA-256 over what a tokenizer makes of texts: its tokens by id, which of them are special, its pipeline's
// summary, and its answer to a text of many kinds of characters.
using TokenizerDigest = std::array<std::uint8_t, 32>;
TokenizerDigest tokenizer_digest(const Tokenizer& tokenizer);

enum class CacheKind : std::uint32_t {
  kDocuments,  // fields: input_ids, and sentences where there are marks: the token at which each begins
  kExamples,   // fields: input_ids, token_type_ids, labels (-100: not masked), next_sentence_label
};

struct CacheHeader {
  CacheKind kind = CacheKind::kDocuments;
  TokenizerDigest tokenizer{};
  std::int64_t vocabulary = 0;  // ids are below it
  std::string settings;         // how the tokens were made, for people and for a comparison by ==
};

class TokenCache {
 public:
  // Throws Errc::kFormat for a file that is none, is cut or whose tables do not rise or point outside;
  // Errc::kUnsupported for another version.
  static std::shared_ptr<const TokenCache> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return file_->path(); }
  const CacheHeader& header() const noexcept { return header_; }
  std::uint64_t documents() const noexcept { return documents_; }
  std::uint64_t tokens() const noexcept { return tokens_; }
  // Throws Errc::kData when the tokens are another tokenizer's.
  void expect_tokenizer(const Tokenizer& tokenizer) const;
  void expect_settings(const std::string& settings) const;  // Errc::kData likewise
  // What a record of this number has. Throws Errc::kFormat where it contradicts itself.
  std::map<std::string, RecordValue> fields(std::uint64_t document) const;

 private:
  TokenCache() = default;
  std::vector<std::int32_t> ids(std::uint64_t begin, std::uint64_t end) const;
  std::map<std::string, RecordValue> example_fields(std::uint64_t document,
                                                    std::span<const std::int32_t> stored) const;
  std::shared_ptr<const MappedFile> file_;
  CacheHeader header_;
  std::uint32_t token_bytes_ = 0;
  std::uint64_t documents_ = 0, tokens_ = 0;
  const std::byte* token_data_ = nullptr;
  std::span<const std::uint64_t> begins_, mark_begins_;  // documents + 1 each
  std::span<const std::uint32_t> marks_;
};

// An example as a cache keeps it.
struct CachedExample {
  std::span<const std::int32_t> ids;
  std::int64_t second = 0;  // the first token of type 1; ids.size(): none
  std::int64_t next_sentence = -100;
  std::vector<std::pair<std::int32_t, std::int32_t>> masked;  // position and the id that stood there
};

// Appears under its name when finish() is called, and not before. Memory: 16 bytes a document, 4 a mark.
class TokenCacheWriter {
 public:
  TokenCacheWriter(const std::filesystem::path& path, CacheHeader header);
  // Throws Errc::kData for an id outside of the vocabulary, Errc::kLimit for 2^32 tokens or more.
  void add(std::span<const std::int32_t> ids, std::span<const std::uint32_t> marks = {});
  void add(const CachedExample& example);
  void finish();
  std::uint64_t documents() const noexcept { return begins_.size() - 1; }
  std::uint64_t tokens() const noexcept { return begins_.back(); }

 private:
  void put(std::span<const std::int32_t> stored);
  void pad();
  AtomicFile file_;
  CacheHeader header_;
  std::uint32_t token_bytes_;
  std::uint64_t written_ = 0;
  std::vector<std::uint64_t> begins_{0}, mark_begins_{0};
  std::vector<std::uint32_t> marks_;
};

}  // namespace lyceum
