// A learned vocabulary as the files that Hugging Face's libraries read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/training/learn_vocabulary.h"
#include "text/training/train_tokenizer.h"

namespace lyceum {

// Everything about a tokenizer but its vocabulary.
struct TokenizerPlan {
  VocabularyKind kind = VocabularyKind::kBpe;
  TextTemplate around = TextTemplate::kNone;
  bool lowercase = false;
  std::vector<std::string> special;  // ids from 0 on
  std::int64_t model_max_length = 512;
};

std::vector<std::string> default_special(VocabularyKind kind, TextTemplate around);
// Those that the model and the template cannot do without.
std::vector<std::string> needed_tokens(const TokenizerPlan& plan);

// Byte for byte what the reference's save() writes for the same parts.
std::string tokenizer_json(const TokenizerPlan& plan, const LearnedVocabulary& vocabulary);
// The general class, which takes tokenizer.json as it stands; the parts that the special tokens play.
std::string tokenizer_config_json(const TokenizerPlan& plan);

}  // namespace lyceum
