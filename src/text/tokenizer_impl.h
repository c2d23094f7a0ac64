// The parts of a tokenizer, as the loader puts them together and encode() uses them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/bert_scan.h"
#include "text/bpe.h"
#include "text/decoders.h"
#include "text/normalizers.h"
#include "text/post_processor.h"
#include "text/pre_tokenizers.h"
#include "text/scanner.h"
#include "text/tokenizer.h"
#include "text/word_piece.h"

namespace lyceum {

// What the scanner for byte-level BPE needs: it joins splitting and BPE in one pass.
struct ByteScan {
  const Bpe* model = nullptr;
  Scanner scanner = Scanner::gpt2();
  bool add_prefix_space = false;
  bool digits_apart = false;  // every digit is a piece of its own, before anything else is split
  bool composes = false;      // NFC comes first; text that it may change takes the plain road
};

// What a post-processor does to places: white space at the ends of a token is no part of it.
struct TrimOffsets {
  bool add_prefix_space = true;  // the first token's space was added and took no place
};

struct Tokenizer::Impl {
  std::vector<AddedToken> added;
  AddedTokens raw, normalized;    // looked for before and after the normaliser
  NormalizerPtr normalizer;       // may be null
  PreTokenizerPtr pre_tokenizer;  // may be null
  TokenModelPtr model;
  PostProcessor post_processor;
  std::vector<TrimOffsets> trims;
  DecoderPtr decoder;                        // may be null: tokens joined by spaces
  bool clean_up_spaces = false;              // of the decoded text, as tokenizer_config.json may ask for
  std::vector<std::string> tokens;           // by id
  std::vector<std::uint8_t> known, special;  // by id
  TokenTable by_text;
  std::optional<BertScan> scan;       // set when the pipeline is BERT's, behind which WordPiece comes
  std::optional<ByteScan> byte_scan;  // set when it is byte-level BPE behind a pattern with a scanner
  bool is_bytes = false;              // every byte is its own id, and no part has any work (byte_tokenizer.h)
  std::uint64_t serial = 0;           // tells the tokenizers of a process apart, for caches
  std::string description;

  // White space at the ends of a token's text, as byte-level characters or plainly.
  struct Spaces {
    std::uint16_t before = 0, behind = 0;
  };
  std::vector<Spaces> spaces;  // by id; filled when places are trimmed
  void count_spaces();
  static Spaces spaces_of(std::string_view token);

  // Where the tokens of one text go.
  struct Sink {
    const Impl& impl;
    std::string_view whole;  // the text as it came
    bool with_offsets;
    Encoding& out;
    std::int32_t word = 0;  // of the text, that tokens are part of
    // A word that has no token has no number either.
    void begin_word() { word = out.words.empty() ? 0 : out.words.back() + 1; }
    // Places are bytes of the whole text.
    void put(std::int32_t id, std::uint32_t begin, std::uint32_t end) {
      if (with_offsets) {
        out.words.push_back(word);
        if (impl.trims.empty())
          out.offsets.push_back({begin, end});
        else
          put_trimmed({begin, end}, impl.spaces[static_cast<std::size_t>(id)]);
      }
      out.ids.push_back(id);
    }
    void put_trimmed(TokenSpan span, Spaces spaces);
  };

  // One text without special tokens: ids, and offsets when they are wanted.
  void encode_text(std::string_view text, const EncodeOptions& options, bool plainly, Encoding& out) const;
  void encode_words(const Characters& text, Sink& sink) const;
  static void encode_bytes(std::string_view text, bool with_offsets, Encoding& out);
  bool scan_text(std::string_view text, std::uint32_t base, Sink& sink) const;
  bool scan_bytes(std::string_view text, std::uint32_t base, Sink& sink) const;
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
