// Reading the parts of a tokenizer.json: one function a stage. Heavy (JSON): include it in .cpp files only.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer_impl.h"

namespace lyceum {

constexpr std::int64_t kMostIds = 1 << 24;

// Errc::kUnsupported with the list of what is known.
[[noreturn]] void unknown_type(const JsonFields& f, const std::string& type, const char* expected);

BertNormalizerOptions bert_options(const JsonFields& f);
ByteLevelOptions byte_level_options(const JsonFields& f);
NormalizerPtr parse_normalizer(const JsonFields& f);
PreTokenizerPtr parse_pre_tokenizer(const JsonFields& f);
DecoderPtr parse_decoder(const JsonFields& f);
// Sets the template and adds the trimming of places that the processor asks for.
void parse_post_processor(const JsonFields& f, PostProcessor& processor, std::vector<TrimOffsets>& trims);

PostProcessor bert_processor(std::int32_t cls, std::int32_t sep);
PostProcessor roberta_processor(std::int32_t cls, std::int32_t sep);

}  // namespace lyceum
