// The parts of a tokenizer, as the loader puts them together and encode() uses them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoders.h"
#include "text/normalizers.h"
#include "text/post_processor.h"
#include "text/pre_tokenizers.h"
#include "text/tokenizer.h"
#include "text/word_piece.h"

namespace lyceum {

// What the scanner for BERT's own pipeline needs: it joins cleaning, lower-casing, splitting and WordPiece in
// one pass.
struct BertScan {
  BertNormalizerOptions options;
};

struct Tokenizer::Impl {
  std::vector<AddedToken> added;
  AddedTokens raw, normalized;    // looked for before and after the normaliser
  NormalizerPtr normalizer;       // may be null
  PreTokenizerPtr pre_tokenizer;  // may be null
  TokenModelPtr model;
  PostProcessor post_processor;
  DecoderPtr decoder;                        // may be null: tokens joined by spaces
  bool clean_up_spaces = false;              // of the decoded text, as tokenizer_config.json may ask for
  std::vector<std::string> tokens;           // by id
  std::vector<std::uint8_t> known, special;  // by id
  TokenTable by_text;
  std::optional<BertScan> scan;  // set when the pipeline is BERT's
  std::uint64_t serial = 0;      // tells the tokenizers of a process apart, for caches
  std::string description;

  // One text without special tokens: ids, and offsets when they are wanted.
  void encode_text(std::string_view text, const EncodeOptions& options, bool plainly, Encoding& out) const;
  void encode_words(const Characters& text, bool with_offsets, Encoding& out) const;
  bool scan_text(std::string_view text, std::uint32_t base, bool with_offsets, Encoding& out) const;
  void finish(const Encoding& first, const Encoding* second, const EncodeOptions& options,
              Encoding& out) const;
};

// Puts a tokenizer together and checks what belongs to all kinds.
class TokenizerBuilder {
 public:
  TokenizerBuilder() : tokenizer_(new Tokenizer) {}
  Tokenizer::Impl& parts() { return *tokenizer_->impl_; }
  std::shared_ptr<const Tokenizer> build(const std::map<std::int32_t, std::string>& vocabulary,
                                         const std::string& what);

 private:
  std::shared_ptr<Tokenizer> tokenizer_;
};

}  // namespace lyceum
