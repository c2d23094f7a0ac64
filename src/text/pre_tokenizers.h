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
PreTokenizerPtr split_pre_tokenizer(TextPattern pattern, SplitBehavior behavior, bool invert);
// Bytes as characters; before that a space in front of every piece without one, and GPT-2's pattern, where
// asked for.
struct ByteLevelOptions {
  bool add_prefix_space = true, use_regex = true;
};
PreTokenizerPtr byte_level_pre_tokenizer(const ByteLevelOptions& options);
// Spaces become `replacement`; it is put in front of every piece, of the one at the text's beginning, or of
// none; and pieces may begin at each.
enum class PrependScheme { kAlways, kFirst, kNever };
PreTokenizerPtr metaspace_pre_tokenizer(char32_t replacement, PrependScheme scheme, bool split);
PreTokenizerPtr unicode_scripts_pre_tokenizer();
PreTokenizerPtr fixed_length_pre_tokenizer(std::size_t length);  // characters, at least 1
PreTokenizerPtr delimiter_pre_tokenizer(char32_t delimiter);
PreTokenizerPtr pre_tokenizer_sequence(std::vector<PreTokenizerPtr> parts);

}  // namespace lyceum
