// Blocks of tokens whose labels are the next tokens.
#pragma once

#include <memory>
#include <vector>

#include "data/examples/document_cursor.h"

namespace lyceum {

struct CausalOptions {
  std::int64_t context_tokens = 256;         // of each block; its labels reach one token further
  std::vector<std::int32_t> before, behind;  // tokens around every document: none, <s>, <|endoftext|>
  // false: documents packed into one block do not see each other: each is a sequence of its own, and the
  // first token of none is the label of another's last
  bool cross_document = true;
  bool keep_last = false;  // the tokens at the end of an epoch that do not fill a block: left out, or a block
  DocumentOptions document;
};

// The documents one after another as one stream of tokens, cut in consecutive pieces: each block's labels are
// its tokens moved on by one, and the next block begins with the last label. So every token but the first is
// one block's label exactly once. DataPosition::piece counts the tokens of the document.
class CausalBlocks final : public ExampleBuilder {
 public:
  CausalBlocks(const ExampleInput& input, std::shared_ptr<const Tokenizer> tokenizer,
               const CausalOptions& options);
  bool next(Example& example) override;
  DataPosition position() const override { return cursor_.position(); }
  void seek(const DataPosition& position) override { cursor_.seek(position); }
  const DataCounts& counts() const override { return cursor_.counts(); }

 private:
  void add_crossing(Example& example);
  void add_apart(Example& example);

  CausalOptions options_;
  DocumentCursor cursor_;
};

}  // namespace lyceum
