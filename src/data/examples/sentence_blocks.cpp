#include "data/examples/sentence_blocks.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace lyceum {

SentenceBlocks::SentenceBlocks(const ExampleInput& input, std::shared_ptr<const Tokenizer> tokenizer,
                               const SentenceBlockOptions& options)
    : tokenizer_(std::move(tokenizer)),
      options_(options),
      cursor_(input, [tokenizer = tokenizer_, options](const RecordFields& record, TokenDocument& out) {
        out = token_document(record, *tokenizer, options.document);
      }) {
  expect_documents(*input.files, *tokenizer_, options.document);
  const std::int64_t around = tokenizer_->special_tokens_around_one();
  if (options_.max_tokens <= around)
    fail(Errc::kUsage, "sentence blocks: found max_tokens {}, expected more than the {} special ones",
         options_.max_tokens, around);
  if (options_.document.sentences == SentenceRule::kNone)
    fail(Errc::kUsage, "sentence blocks: found no rule for sentences, expected lines or marks");
  room_ = static_cast<std::size_t>(options_.max_tokens - around);
  const Encoding none = tokenizer_->post_process(Encoding{});
  if (!none.ids.empty()) separator_ = none.ids.back();
}

// The next sentence, or its first piece; false where it must wait for the next block.
bool SentenceBlocks::add_sentence(Example& example) {
  const TokenDocument& document = cursor_.document();
  const std::size_t offset = cursor_.offset();
  const auto next = std::upper_bound(document.sentences.begin(), document.sentences.end(), offset);
  const std::size_t end = next == document.sentences.end() ? document.ids.size() : *next;
  const bool is_first = example.ids.empty(), is_apart = !is_first && offset == 0 && separator_;
  std::size_t count = end - offset;
  if (example.ids.size() + is_apart + count > room_) {
    if (!is_first) return false;
    count = room_;
  }
  if (is_first) cursor_.begin(example);
  if (is_apart) example.ids.push_back(*separator_);
  const auto from = document.ids.begin() + static_cast<std::ptrdiff_t>(offset);
  example.ids.insert(example.ids.end(), from, from + static_cast<std::ptrdiff_t>(count));
  cursor_.advance(count);
  return true;
}

bool SentenceBlocks::next(Example& example) {
  example = Example{};
  while (cursor_.find_token() && add_sentence(example))
    if (!options_.cross_document && !cursor_.is_inside()) break;
  if (example.ids.empty()) {
    cursor_.end_epoch();
    return false;
  }
  Encoding content;
  content.ids = std::move(example.ids);
  example.ids = tokenizer_->post_process(content).ids;
  ++cursor_.counts().examples;
  return true;
}

}  // namespace lyceum
