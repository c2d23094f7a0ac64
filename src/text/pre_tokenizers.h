// The pre-tokenizers of a tokenizer.json: from a text to words.
#pragma once

#include <memory>
#include <vector>

#include "text/normalizers.h"

namespace lyceum {

enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Replaces each piece by its parts. Empty parts do not occur.
  virtual void split(std::vector<Characters>& pieces) const = 0;
};
using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

PreTokenizerPtr bert_pre_tokenizer();        // white space goes, punctuation stands alone
PreTokenizerPtr whitespace_pre_tokenizer();  // \w+|[^\w\s]+
PreTokenizerPtr whitespace_split_pre_tokenizer();
PreTokenizerPtr punctuation_pre_tokenizer(SplitBehavior behavior);
PreTokenizerPtr digits_pre_tokenizer(bool individual);
PreTokenizerPtr delimiter_pre_tokenizer(char32_t delimiter);
PreTokenizerPtr pre_tokenizer_sequence(std::vector<PreTokenizerPtr> parts);

}  // namespace lyceum
