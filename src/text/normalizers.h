// The normalizers of a tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/charsmap.h"
#include "text/text_pattern.h"
#include "text/unicode/unicode.h"

namespace lyceum {

// A tokenizer.json may replace letters by words, again and again. Errc::kLimit when `size` is more than text
// of so many characters can grow to in earnest: 64 times, and a million beside.
void check_growth(std::size_t before, std::size_t size);

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(Characters& text) const = 0;
};
using NormalizerPtr = std::unique_ptr<const Normalizer>;

// Source: the BERT code's BasicTokenizer.
struct BertNormalizerOptions {
  bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;
};
NormalizerPtr bert_normalizer(const BertNormalizerOptions& options);
NormalizerPtr unicode_normalizer(unicode::Form form);
NormalizerPtr lowercase_normalizer();
NormalizerPtr strip_accents_normalizer();  // drops marks; does not decompose
NormalizerPtr strip_normalizer(bool left, bool right);
NormalizerPtr replace_normalizer(TextPattern pattern, std::string content);
NormalizerPtr nmt_normalizer();         // controls go, odd white space becomes a space
NormalizerPtr byte_level_normalizer();  // each byte a character
NormalizerPtr precompiled_normalizer(std::shared_ptr<const Charsmap> charsmap);
NormalizerPtr prepend_normalizer(std::string prefix);
NormalizerPtr normalizer_sequence(std::vector<NormalizerPtr> parts);

}  // namespace lyceum
