// A place in a stream of tokenised documents, for builders that cut it into blocks.
#pragma once

#include <memory>
#include <vector>

#include "data/examples/example.h"
#include "data/examples/record_pipeline.h"
#include "data/examples/token_document.h"

namespace lyceum {

class DocumentCursor {
 public:
  using Make = RecordPipeline<TokenDocument>::Make;
  DocumentCursor(const ExampleInput& input, Make make) : documents_(input, std::move(make)) {}

  // Whether there is a token to go on with: of this document or, if it is over, of the next one that has any.
  // False at the end of an epoch, until end_epoch() is called.
  bool find_token();
  void end_epoch() noexcept { current_.ends_epoch = false; }

  const TokenDocument& document() const noexcept { return current_.out; }
  std::size_t offset() const noexcept { return offset_; }  // of the next token in the document
  bool is_inside() const noexcept { return offset_ < current_.out.ids.size(); }
  void advance(std::size_t tokens) noexcept { offset_ += tokens; }
  // The example begins here.
  void begin(Example& example) const;

  // Of the next token, or of the document behind this one; DataPosition::piece counts tokens.
  DataPosition position() const noexcept;
  void seek(const DataPosition& position);
  DataCounts& counts() noexcept { return documents_.counts; }
  const DataCounts& counts() const noexcept { return documents_.counts; }

 private:
  RecordPipeline<TokenDocument> documents_;
  RecordPipeline<TokenDocument>::Item current_;
  std::size_t offset_ = 0;
  std::size_t wanted_ = 0;  // the offset to begin at in the next document, after a seek
};

}  // namespace lyceum
