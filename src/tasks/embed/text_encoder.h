// What search and evaluation need of a model: texts in, vectors out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace lyceum {

enum class TextRole {
  kPlain,
  kQuery,
  kDocument
};  // models with prompts treat questions and passages differently

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  virtual std::int64_t width() const = 0;
  virtual std::int64_t max_tokens() const = 0;  // of one text, special tokens included; longer ones are cut
  virtual const Tokenizer& tokenizer() const = 0;
  virtual bool is_normalized() const = 0;  // every vector has length 1
  // Names the model and its content: two encoders with one identity give the same bits.
  virtual std::string identity() const = 0;
  // How it was loaded, as options_text() of embedder_options.h; empty: in no special way. An index keeps it.
  virtual std::string settings() const { return {}; }
  // Room for the tokens of a text itself, beside special ones and a prompt's.
  virtual std::int64_t text_tokens(TextRole) const {
    return max_tokens() - tokenizer().special_tokens_around_one();
  }
  // [texts, width], f32, in the order of the texts. Valid UTF-8 only.
  virtual Tensor encode(std::span<const std::string> texts, TextRole role = TextRole::kPlain) const = 0;
};

}  // namespace lyceum
