// How well passages answer a query: a cross-encoder reads both at once (Nogueira and Cho 2019).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class RerankTask;  // of the library's inside

struct RankedPassage {
  std::int64_t index = 0;  // of the passage among those given
  float score = 0;
};

struct RerankOptions {
  bool raw = false;      // the head's own scores, without the model's activation
  std::int64_t top = 0;  // 0: all
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once. The reference is
// sentence-transformers' CrossEncoder.
class Reranker {
 public:
  // As EmbeddingModel::load; Errc::kUnsupported for a model with several labels, as the library refuses it.
  static Reranker load(const std::string& model, const LoadOptions& options = {});

  std::int64_t max_tokens() const;  // of a pair, special tokens included; the longer text is cut

  // One score a passage, in their order.
  std::vector<float> scores(const std::string& query, std::span<const std::string> passages,
                            bool raw = false) const;
  // Best first; of equal scores the earlier passage first.
  std::vector<RankedPassage> rank(const std::string& query, std::span<const std::string> passages,
                                  const RerankOptions& options = {}) const;

 private:
  explicit Reranker(std::shared_ptr<const RerankTask> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const RerankTask> inside_;
};

}  // namespace lyceum
