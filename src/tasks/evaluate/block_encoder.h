// Texts to vectors in blocks: what the three forms of tasks share.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tasks/evaluate/evaluate.h"

namespace lyceum {

// The most texts and bytes of them that a block holds.
inline constexpr std::size_t kBlockTexts = 1024, kBlockBytes = std::size_t{1} << 22;

class BlockEncoder {
 public:
  // total: the texts that will be asked for, for the progress only.
  BlockEncoder(const TextEncoder& encoder, const EvaluateOptions& options, std::int64_t total)
      : encoder_(encoder), options_(options), total_(total) {}

  // [texts, width]. Throws Errc::kData with the text when a value is not finite, Errc::kInterrupted between
  // two blocks.
  Tensor encode(std::span<const std::string> texts, TextRole role = TextRole::kPlain);

 private:
  const TextEncoder& encoder_;
  const EvaluateOptions& options_;
  std::int64_t total_, done_ = 0;
};

// One for each form.
std::vector<Score> evaluate_similarity(const TaskFiles& task, const TextEncoder& encoder,
                                       const EvaluateOptions& options);
std::vector<Score> evaluate_classification(const TaskFiles& task, const TextEncoder& encoder,
                                           const EvaluateOptions& options);
std::vector<Score> evaluate_retrieval(const TaskFiles& task, const TextEncoder& encoder,
                                      const EvaluateOptions& options);

}  // namespace lyceum
