// The classes of the verbs cluster and mine.
#include "api/valid_texts.h"
#include "lyceum/pair_miner.h"
#include "lyceum/text_clusterer.h"
#include "tasks/cluster/communities.h"
#include "tasks/cluster/k_means.h"
#include "tasks/common/finite.h"
#include "tasks/common/nearest.h"
#include "tasks/embed/embedder.h"
#include "tasks/mine/mine.h"

namespace lyceum {
namespace {

Tensor vectors_of(std::span<const std::string> texts, const Embedder& embedder) {
  const std::vector<std::string> valid = valid_texts(texts);
  Tensor vectors = embedder.encode(valid);
  check_finite(vectors, valid);
  return vectors;
}

Tensor directions_of(std::span<const std::string> texts, const Embedder& embedder) {
  Tensor vectors = vectors_of(texts, embedder);
  normalize_rows(vectors);
  return vectors;
}

}  // namespace

std::vector<TextCluster> TextClusterer::k_means(std::span<const std::string> texts,
                                                const KMeansOptions& options) const {
  const Tensor vectors = vectors_of(texts, *model_.inside_);
  return clusters_of(lyceum::k_means(vectors, options), vectors);
}
std::vector<TextCluster> TextClusterer::communities(std::span<const std::string> texts,
                                                    const CommunityOptions& options) const {
  return lyceum::communities(directions_of(texts, *model_.inside_), options);
}

std::vector<MinedPair> PairMiner::mine(std::span<const std::string> texts, const MineOptions& options) const {
  return mine_pairs(directions_of(texts, *model_.inside_), options);
}
std::vector<MinedPair> PairMiner::mine(std::span<const std::string> texts,
                                       std::span<const std::string> others,
                                       const MineOptions& options) const {
  return mine_pairs(directions_of(texts, *model_.inside_), directions_of(others, *model_.inside_), options);
}

}  // namespace lyceum
