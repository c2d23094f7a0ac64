// An encoder whose texts the processes of one run share.
#pragma once

#include "ranks/ranks.h"
#include "tasks/embed/embedder.h"

namespace lyceum {

class SharedEncoder final : public TextEncoder {
 public:
  // On rank 0; both live longer. The others are in serve(), with the same model.
  SharedEncoder(const Embedder& embedder, Ranks& ranks) : embedder_(embedder), ranks_(ranks) {}
  // On the others: returns when rank 0 has ended the run.
  static void serve(const Embedder& embedder, Ranks& ranks);

  std::int64_t width() const override { return embedder_.width(); }
  std::int64_t max_tokens() const override { return embedder_.max_tokens(); }
  const Tokenizer& tokenizer() const override { return embedder_.tokenizer(); }
  bool is_normalized() const override { return embedder_.is_normalized(); }
  std::string identity() const override { return embedder_.identity(); }
  std::string settings() const override { return embedder_.settings(); }
  std::int64_t text_tokens(TextRole role) const override { return embedder_.text_tokens(role); }
  // The bits of Embedder::encode. Throws what it throws, and what share_work throws.
  Tensor encode(std::span<const std::string> texts, TextRole role = TextRole::kPlain) const override;

 private:
  const Embedder& embedder_;
  Ranks& ranks_;
};

}  // namespace lyceum
