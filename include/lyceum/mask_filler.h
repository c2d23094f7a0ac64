// Words for the masks of a text (Devlin et al. 2018, section 3.1, task 1).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class FillTask;  // of the library's inside

struct Filling {
  std::int32_t id = 0;
  float score = 0;    // probability among all words of the vocabulary
  std::string token;  // as text
  std::string text;   // the whole text with it in place
};

struct FilledText {
  std::vector<std::vector<Filling>> masks;  // of each mask, best first; of equal scores the smaller id first
  bool truncated = false;
};

struct FillOptions {
  std::int64_t top = 5;
  // Only these words; one that is not in the vocabulary stands for its first piece. Empty: all.
  std::vector<std::string> targets;
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once. The reference is
// transformers' FillMaskPipeline.
class MaskFiller {
 public:
  static MaskFiller load(const std::string& model,
                         const LoadOptions& options = {});  // as EmbeddingModel::load

  std::string mask() const;         // what stands for a missing word: "[MASK]"
  std::int64_t max_tokens() const;  // of a text, special tokens included; longer texts are cut

  // Throws Errc::kData for a text without a mask (in what is left of it), kUsage for options without sense.
  std::vector<FilledText> fill(std::span<const std::string> texts, const FillOptions& options = {}) const;
  FilledText fill(const std::string& text, const FillOptions& options = {}) const;

 private:
  explicit MaskFiller(std::shared_ptr<const FillTask> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const FillTask> inside_;
};

}  // namespace lyceum
