// Pairs of texts that mean much the same, among many.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lyceum/embedding_model.h"

namespace lyceum {

struct MinedPair {
  float score = 0;                     // cosine
  std::int64_t first = 0, second = 0;  // indices of the texts
};

struct MineOptions {
  std::int64_t top = 100;           // of each text, how many of its nearest others are looked at
  std::int64_t max_pairs = 500000;  // the best that are kept
  double min_score = -1;            // pairs below are left out
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once. The references are
// sentence-transformers' paraphrase_mining and semantic_search.
class PairMiner {
 public:
  explicit PairMiner(EmbeddingModel model) : model_(std::move(model)) {}

  // Pairs {first < second} of which one text is among the `top` nearest of the other; each pair once, highest
  // score first, of equal ones the smaller `first`, then the smaller `second`. All pairs are compared, in
  // memory for the vectors and the pairs that are kept. Throws Errc::kUsage for options below 1 and for a
  // min_score that is no number.
  std::vector<MinedPair> mine(std::span<const std::string> texts, const MineOptions& options = {}) const;
  // Pairs of one text of each list: `second` is among the `top` of `others` that are nearest to `first`.
  std::vector<MinedPair> mine(std::span<const std::string> texts, std::span<const std::string> others,
                              const MineOptions& options = {}) const;

 private:
  EmbeddingModel model_;
};

}  // namespace lyceum
