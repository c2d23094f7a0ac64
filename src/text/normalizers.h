// The normalizers of a tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode/unicode.h"

namespace lyceum {

// A text being worked on: its characters, each with the bytes of the original that it stands for.
using Characters = std::vector<unicode::Char>;
Characters to_characters(std::string_view text);

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
NormalizerPtr replace_normalizer(std::string pattern, std::string content);
NormalizerPtr prepend_normalizer(std::string prefix);
NormalizerPtr normalizer_sequence(std::vector<NormalizerPtr> parts);

}  // namespace lyceum
