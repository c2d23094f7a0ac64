// From text to ids and back, exactly as the reference tokenizers do it.
//
// The pipeline of a tokenizer.json: added tokens are cut out of the text, the rest is normalised, split into
// words (pre-tokenizer), words become pieces (model), and the post-processor puts the special tokens around
// them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum {

class ModelFolder;

struct TokenSpan {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const TokenSpan&) const = default;
};

struct Encoding {
  std::vector<std::int32_t> ids, type_ids;
  std::vector<TokenSpan>
      offsets;  // bytes of the text (of its own text for each part of a pair); only on request
  // With offsets only: 1 for tokens that the post-processor added; the word of its text that a token is part
  // of, counted from 0 (an added token of the text is a word); the text of a pair that it is of, 0 or 1. The
  // last two are -1 for what the post-processor added.
  std::vector<std::uint8_t> special;
  std::vector<std::int32_t> words;
  std::vector<std::int8_t> sequences;
  bool truncated = false;
  void clear() {
    ids.clear(), type_ids.clear(), offsets.clear(), special.clear(), words.clear(), sequences.clear();
    truncated = false;
  }
};

enum class Truncation { kLongestFirst, kOnlyFirst, kOnlySecond };

struct EncodeOptions {
  bool add_special = true;  // [CLS], [SEP] as the post-processor says
  bool with_offsets = false;
  bool parse_special = true;    // special tokens written in the text are recognised as such
  std::int64_t max_tokens = 0;  // special tokens included; 0: no limit
  Truncation truncation = Truncation::kLongestFirst;
};

// Safe to use from several threads at once.
class Tokenizer {
 public:
  // tokenizer.json, else vocab.json with merges.txt, else vocab.txt; truncation and padding written there are
  // ignored. As the reference does it: where tokenizer_config.json (else config.json) names a class that
  // builds its pipeline anew (BERT's, MPNet's, RoBERTa's, GPT-2's, GPT-NeoX's), the options and special
  // tokens of tokenizer_config.json, or the class's defaults, stand over what tokenizer.json says; only its
  // vocabulary, merges, added tokens and (for GPT-2) post-processor count. Throws Errc::kIo when none of the
  // files is there, Errc::kUnsupported for parts that this build lacks, Errc::kFormat for bad files.
  static std::shared_ptr<const Tokenizer> from_folder(const ModelFolder& folder);
  static std::shared_ptr<const Tokenizer> from_json(std::string_view text, const std::string& what);
  struct VocabularyOptions {
    bool lowercase = true, chinese_chars = true;
    std::optional<bool> strip_accents;  // not given: as lowercase
    std::string unknown = "[UNK]", separator = "[SEP]", padding = "[PAD]", classification = "[CLS]",
                mask = "[MASK]";
  };
  // A vocab.txt of BERT: one piece a line, the line's number is the id; of two equal lines the later one
  // counts, and white space at the end of a line does not.
  static std::shared_ptr<const Tokenizer> from_vocabulary(std::string_view text, const std::string& what,
                                                          const VocabularyOptions& options);
  static std::shared_ptr<const Tokenizer> from_vocabulary(std::string_view text, const std::string& what) {
    return from_vocabulary(text, what, {});
  }
  ~Tokenizer();

  // Valid UTF-8 (invalid bytes are read as U+FFFD, but by a vocabulary of bytes as they are). Throws
  // Errc::kUsage when max_tokens leaves no room for the special tokens, Errc::kLimit when a pattern or a
  // replacement of the file gets out of hand on this text, Errc::kFormat when the file's unknown token is
  // needed and missing.
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode_pair(std::string_view first, std::string_view second,
                       const EncodeOptions& options = {}) const;
  // Many texts on all threads.
  std::vector<Encoding> encode_batch(std::span<const std::string_view> texts,
                                     const EncodeOptions& options = {}) const;

  // Throws Errc::kData for an id outside the vocabulary.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = true) const;

  std::int64_t size() const noexcept;                        // ids in use: 1 + the largest
  const std::string* token(std::int32_t id) const noexcept;  // null: no such id
  std::optional<std::int32_t> id(std::string_view token) const;
  bool is_special(std::int32_t id) const noexcept;
  // How many the post-processor adds to a single text, and to a pair.
  std::int64_t special_tokens_around_one() const noexcept;
  std::int64_t special_tokens_around_two() const noexcept;
  std::string summary() const;  // one line for people

  // What encode() and encode_pair() make of texts that were encoded without special tokens and not cut (their
  // offsets are kept where options.with_offsets says so): cut, special tokens around. For texts that stand in
  // many pairs, and for windows of long ones.
  Encoding post_process(const Encoding& text, const EncodeOptions& options = {}) const;
  Encoding post_process(const Encoding& first, const Encoding& second,
                        const EncodeOptions& options = {}) const;
  // Tokens as text, by the decoder alone.
  std::string join(std::vector<std::string> tokens) const;
  // Whether a piece inside a word begins with a mark, as WordPiece's "##", so that a token tells by itself.
  bool marks_continuations() const noexcept;

  // The slow and plain road through the same pipeline, for tests.
  Encoding encode_plainly(std::string_view text, const EncodeOptions& options = {}) const;

 private:
  friend class TokenizerBuilder;
  Tokenizer();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lyceum
