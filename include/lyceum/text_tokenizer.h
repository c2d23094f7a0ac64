// From text to ids and back, as the model's published tokenizer does it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class Tokenizer;  // of the library's inside

struct TokenizedText {
  std::vector<std::int32_t> ids, type_ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>>
      offsets;  // bytes of the text, [begin, end); {0, 0} for added tokens
};

struct VocabularyOptions {
  std::string kind = "wordpiece";    // as BERT, or "bpe": byte-level, as GPT-2 and RoBERTa
  std::int64_t vocabulary_size = 0;  // special tokens and alphabet included
  std::int64_t min_frequency = 2;    // how often a pair must stand to become a token
  std::string around;                // "bert", "roberta" or "none"; empty: bert for wordpiece, else none
  std::int64_t max_length = 512;     // tokens that the model will take
  std::string field = "text";        // of .jsonl files
};

// Cheap to copy, safe to use from several threads at once.
class TextTokenizer {
 public:
  // A model as EmbeddingModel::load takes it; a folder without weights is enough. Throws Errc::kUsage for
  // options.dtype.
  static TextTokenizer load(const std::string& model, const LoadOptions& options = {});

  // Learns a vocabulary from text files as `lyceum train-tokenizer` does, and writes the tokenizer's files
  // into `folder`, over those that may be there. Throws Errc::kUsage for options without sense, kData for
  // files without words, kIo.
  static void learn(std::span<const std::string> files, const std::string& folder,
                    const VocabularyOptions& options);

  TokenizedText encode(std::string_view text, bool add_special = true) const;
  std::string decode(std::span<const std::int32_t> ids,
                     bool skip_special = true) const;  // Errc::kData for unknown ids
  std::int64_t size() const;                           // 1 + the largest id
  std::string token(std::int32_t id) const;            // Errc::kData for an unknown id

 private:
  explicit TextTokenizer(std::shared_ptr<const Tokenizer> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Tokenizer> inside_;
};

}  // namespace lyceum
