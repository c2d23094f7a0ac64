#include "data/examples/causal_blocks.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace lyceum {

CausalBlocks::CausalBlocks(const ExampleInput& input, std::shared_ptr<const Tokenizer> tokenizer,
                           const CausalOptions& options)
    : options_(options), cursor_(input, [tokenizer, options](const RecordFields& record, TokenDocument& out) {
        out = token_document(record, *tokenizer, options.document);
        out.ids.insert(out.ids.begin(), options.before.begin(), options.before.end());
        out.ids.insert(out.ids.end(), options.behind.begin(), options.behind.end());
      }) {
  expect_documents(*input.files, *tokenizer, options.document);
  if (options_.context_tokens < 1)
    fail(Errc::kUsage, "causal blocks: found context_tokens {}, expected 1 or more", options_.context_tokens);
  for (const auto* tokens : {&options_.before, &options_.behind})
    for (const std::int32_t id : *tokens)
      if (tokenizer->token(id) == nullptr)
        fail(Errc::kUsage, "causal blocks: found the token id {} around documents, expected 0 to {}", id,
             tokenizer->size() - 1);
}

// Labels go on into the next document.
void CausalBlocks::add_crossing(Example& example) {
  const std::vector<std::int32_t>& ids = cursor_.document().ids;
  const auto room = static_cast<std::size_t>(options_.context_tokens);
  const std::size_t offset = cursor_.offset();
  if (example.labels.size() < example.ids.size()) example.labels.push_back(ids[offset]);
  if (example.labels.size() == room) return;
  if (example.ids.empty()) cursor_.begin(example);
  const std::size_t end = std::min(ids.size(), offset + room - example.ids.size());
  const auto at = [&](std::size_t i) { return ids.begin() + static_cast<std::ptrdiff_t>(i); };
  example.ids.insert(example.ids.end(), at(offset), at(end));
  example.labels.insert(example.labels.end(), at(offset + 1), at(std::min(end + 1, ids.size())));
  cursor_.advance(end - offset);
}

// The last token of a document is a label only.
void CausalBlocks::add_apart(Example& example) {
  const std::vector<std::int32_t>& ids = cursor_.document().ids;
  const std::size_t left = ids.size() - 1 - cursor_.offset(),
                    count = std::min(static_cast<std::size_t>(options_.context_tokens) - example.ids.size(),
                                     left);
  if (count > 0) {
    if (example.ids.empty())
      cursor_.begin(example);
    else
      example.begins.push_back(example.tokens());
    const auto from = ids.begin() + static_cast<std::ptrdiff_t>(cursor_.offset()),
               to = from + static_cast<std::ptrdiff_t>(count);
    example.ids.insert(example.ids.end(), from, to);
    example.labels.insert(example.labels.end(), from + 1, to + 1);
  }
  cursor_.advance(count == left ? count + 1 : count);
}

bool CausalBlocks::next(Example& example) {
  example = Example{};
  example.has_token_labels = true;
  const auto room = static_cast<std::size_t>(options_.context_tokens);
  while (example.labels.size() < room) {
    if (!cursor_.find_token()) {
      example.ids.resize(example.labels.size());  // the very last token is no input
      if (options_.keep_last && !example.ids.empty()) break;
      cursor_.end_epoch();
      return false;
    }
    if (options_.cross_document)
      add_crossing(example);
    else
      add_apart(example);
  }
  ++cursor_.counts().examples;
  return true;
}

}  // namespace lyceum
