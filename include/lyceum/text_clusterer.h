// Texts that mean much the same, found by their vectors: k-means, or all that lie closer than a threshold.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lyceum/embedding_model.h"

namespace lyceum {

struct ClusteredText {
  std::int64_t index = 0;  // of the text among those given
  float score = 0;         // cosine to the cluster's centre
};

struct TextCluster {
  std::vector<ClusteredText> members;  // closest to the centre first; of equal ones the earlier text first
};

struct KMeansOptions {
  std::int64_t clusters = 8;
  std::uint64_t seed = 0;     // the same seed gives the same clusters, whatever the number of threads
  std::int64_t restarts = 3;  // runs, each with starting points of its own; the tightest result counts
};

struct CommunityOptions {
  double threshold = 0.75;     // cosine, in f32; a text belongs to a community where it is this close
  std::int64_t min_size = 10;  // smaller communities are left out, and so are their texts
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once.
class TextClusterer {
 public:
  explicit TextClusterer(EmbeddingModel model) : model_(std::move(model)) {}

  // Every text is in one cluster, that of the nearest mean in Euclidean distance of the vectors as the model
  // gives them (Lloyd's algorithm, greedy k-means++). Largest cluster first; none is empty, so there are
  // fewer than asked for where texts repeat. Throws Errc::kUsage for fewer than one cluster, or more than
  // texts.
  std::vector<TextCluster> k_means(std::span<const std::string> texts, const KMeansOptions& options) const;

  // As sentence-transformers' community_detection: each text with all that are close to it, the largest such
  // set first, without what an earlier one has taken. The first member is the centre. A text may be in none.
  // Throws Errc::kUsage for a threshold outside [-1, 1] and a size below 1.
  std::vector<TextCluster> communities(std::span<const std::string> texts,
                                       const CommunityOptions& options = {}) const;

 private:
  EmbeddingModel model_;
};

}  // namespace lyceum
