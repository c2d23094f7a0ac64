// Documents as tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/examples/sentences.h"
#include "data/records/record_files.h"
#include "text/tokenizer.h"

namespace lyceum {

struct DocumentOptions {
  std::string field = "text";
  SentenceRule sentences = SentenceRule::kNone;
  bool parse_special = false;  // special tokens written in the text are text
};

struct TokenDocument {
  std::vector<std::int32_t> ids;  // without special tokens around
  std::vector<std::uint32_t>
      sentences;  // the token at which each begins, the first at 0; none without a rule
};

// kLines: every line is tokenised by itself, as BERT's data; otherwise the document is, and a sentence begins
// with the first token that lies in it. A sentence without tokens is none. A record that has `input_ids` (a
// token cache, or a .jsonl) keeps them and its `sentences`. Throws Errc::kData for a record without the
// field.
TokenDocument token_document(const RecordFields& record, const Tokenizer& tokenizer,
                             const DocumentOptions& options);

// What of the options is in the tokens: a cache keeps it as its settings.
std::string document_settings(const DocumentOptions& options);

// Refuses token caches among the files that hold something else than these documents. Throws Errc::kData.
void expect_documents(const RecordFiles& files, const Tokenizer& tokenizer, const DocumentOptions& options);

}  // namespace lyceum
