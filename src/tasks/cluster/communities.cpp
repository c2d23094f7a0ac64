#include "tasks/cluster/communities.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "ops/rows/rows.h"
#include "tasks/cluster/seeding.h"
#include "tasks/common/score_rows.h"

namespace lyceum {
namespace {

constexpr std::int64_t kTile = 1024;  // rows whose scores are held at once
constexpr std::size_t kAtOnce = 48;   // rows whose neighbours are held at once

// use(query, index of the neighbour, score) for all scores that reach the threshold, in the order of the
// indices for each query.
template <class Use>
void for_each_neighbour(const Tensor& queries, const Tensor& vectors, float threshold, Use use) {
  for (std::int64_t first = 0; first < vectors.rows(); first += kTile) {
    check_interrupt();
    const Tensor tile = vectors.row_range(first, std::min(vectors.rows(), first + kTile));
    for_each_score_row(queries, tile, [&](std::int64_t query, std::span<const float> scores) {
      for (std::size_t v = 0; v < scores.size(); ++v)
        if (scores[v] >= threshold) use(query, first + static_cast<std::int64_t>(v), scores[v]);
    });
  }
}

// Rows with at least `least` neighbours, those with the most first.
std::vector<std::int64_t> centers_in_order(const Tensor& vectors, float threshold, std::int64_t least,
                                           const std::function<void(std::int64_t)>& progress) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vectors.rows()));
  for (std::int64_t first = 0; first < vectors.rows(); first += kTile) {
    const std::int64_t last = std::min(vectors.rows(), first + kTile);
    for_each_neighbour(
        vectors.row_range(first, last), vectors, threshold,
        [&](std::int64_t query, std::int64_t, float) { ++counts[static_cast<std::size_t>(first + query)]; });
    if (progress) progress(last);
  }
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] >= least) order.push_back(static_cast<std::int64_t>(i));
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace

std::vector<TextCluster> communities(const Tensor& vectors, const CommunityOptions& options,
                                     const std::function<void(std::int64_t done)>& progress) {
  if (!(options.threshold >= -1 && options.threshold <= 1))
    fail(Errc::kUsage, "threshold: found {}, expected a cosine, from -1 to 1", options.threshold);
  if (options.min_size < 1) fail(Errc::kUsage, "min_size: found {}, expected 1 or more", options.min_size);
  const auto threshold = static_cast<float>(options.threshold);
  const std::int64_t least = std::min(options.min_size, vectors.rows());
  const std::vector<std::int64_t> centers = centers_in_order(vectors, threshold, least, progress);
  std::vector<TextCluster> out;
  std::vector<std::uint8_t> is_taken(static_cast<std::size_t>(vectors.rows()));
  for (std::size_t first = 0; first < centers.size(); first += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, centers.size() - first);
    std::vector<std::vector<ClusteredText>> near(count);
    for_each_neighbour(gather_rows(vectors, std::span(centers).subspan(first, count)), vectors, threshold,
                       [&](std::int64_t query, std::int64_t index, float score) {
                         near[static_cast<std::size_t>(query)].push_back({index, score});
                       });
    for (std::vector<ClusteredText>& members : near) {
      std::erase_if(members, [&](const auto& m) { return is_taken[static_cast<std::size_t>(m.index)] != 0; });
      if (static_cast<std::int64_t>(members.size()) < least) continue;
      std::stable_sort(members.begin(), members.end(),
                       [](const ClusteredText& a, const ClusteredText& b) { return a.score > b.score; });
      for (const ClusteredText& m : members) is_taken[static_cast<std::size_t>(m.index)] = 1;
      out.push_back({std::move(members)});
    }
  }
  // what was taken away may have changed their order
  std::stable_sort(out.begin(), out.end(), [](const TextCluster& a, const TextCluster& b) {
    return a.members.size() > b.members.size();
  });
  return out;
}

}  // namespace lyceum
