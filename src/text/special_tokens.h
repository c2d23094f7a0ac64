// Which tokens of a vocabulary play the parts that tasks ask for.
#pragma once

#include <cstdint>

#include "text/tokenizer.h"

namespace lyceum {

// -1: the tokenizer has none.
struct SpecialTokens {
  std::int32_t unknown = -1, padding = -1, classification = -1, mask = -1;
};

// As tokenizer_config.json says, else special_tokens_map.json, else the names that BERT or RoBERTa gave them
// where the vocabulary has these. Throws Errc::kFormat for bad files.
SpecialTokens special_tokens(const ModelFolder& folder, const Tokenizer& tokenizer);

}  // namespace lyceum
