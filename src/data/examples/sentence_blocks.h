// Blocks of whole sentences, as RoBERTa is trained on. Source: Liu et al. 2019, section 4.2.
#pragma once

#include <memory>
#include <optional>

#include "data/examples/document_cursor.h"

namespace lyceum {

struct SentenceBlockOptions {
  std::int64_t max_tokens = 512;  // P, special ones included
  // true: FULL-SENTENCES, a block goes on into the next document, with a separator between. false:
  // DOC-SENTENCES, it ends with its document and may be short.
  bool cross_document = true;
  DocumentOptions document{.sentences = SentenceRule::kLines};
};

// As many whole sentences as fit, with the tokenizer's special tokens around all of them (<s> ... </s>); the
// separator is the last of those. A sentence that is too long by itself is cut into pieces. The end of an
// epoch makes a block of what is left. No labels: see MaskedExamples. DataPosition::piece counts the tokens
// of the document.
class SentenceBlocks final : public ExampleBuilder {
 public:
  // Throws Errc::kUsage where the special tokens leave no room, or the rule gives no sentences.
  SentenceBlocks(const ExampleInput& input, std::shared_ptr<const Tokenizer> tokenizer,
                 const SentenceBlockOptions& options);
  bool next(Example& example) override;
  DataPosition position() const override { return cursor_.position(); }
  void seek(const DataPosition& position) override { cursor_.seek(position); }
  const DataCounts& counts() const override { return cursor_.counts(); }

 private:
  bool add_sentence(Example& example);

  std::shared_ptr<const Tokenizer> tokenizer_;
  SentenceBlockOptions options_;
  std::size_t room_ = 0;  // tokens of a block without the special ones
  std::optional<std::int32_t> separator_;
  DocumentCursor cursor_;
};

}  // namespace lyceum
