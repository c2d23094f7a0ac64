#include "tasks/cluster/communities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parallel.h"
#include "check/scattered_vectors.h"
#include "tasks/common/nearest.h"

namespace lyceum {
namespace {

Tensor directions(std::int64_t count) {
  Tensor vectors = check::scattered_vectors(count, 0.9);
  normalize_rows(vectors);
  return vectors;
}

std::vector<std::vector<std::int64_t>> indices_of(const std::vector<TextCluster>& clusters) {
  std::vector<std::vector<std::int64_t>> out;
  for (const TextCluster& cluster : clusters) {
    out.emplace_back();
    for (const ClusteredText& member : cluster.members) out.back().push_back(member.index);
  }
  return out;
}

// sentence-transformers, common/golden/make_vectors.py
TEST(Communities, EqualThoseOfSentenceTransformersMemberByMember) {
  const Json golden = read_json(LYCEUM_SOURCE_DIR "/src/tasks/common/golden/vectors.json");
  const Tensor vectors = directions(300);
  ASSERT_EQ(golden.at("communities").size(), 8u);
  for (const Json& c : golden.at("communities"))
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      const auto found = communities(vectors, {.threshold = c.at("threshold").get<double>(),
                                               .min_size = c.at("min_size").get<std::int64_t>()});
      EXPECT_EQ(Json(indices_of(found)), c.at("members")) << c.at("threshold") << " " << c.at("min_size");
      for (const TextCluster& cluster : found)
        for (std::size_t i = 0; i < cluster.members.size(); ++i) {
          EXPECT_GE(cluster.members[i].score, c.at("threshold").get<float>());
          if (i > 0) {
            EXPECT_LE(cluster.members[i].score, cluster.members[i - 1].score);
          }
        }
    }
  set_thread_count(0);
}

// What community_detection says, with all scores at once.
std::vector<std::vector<std::int64_t>> by_definition(const Tensor& vectors, float threshold,
                                                     std::size_t least) {
  const std::int64_t count = vectors.rows();
  std::vector<std::vector<std::int64_t>> sets, out;
  for (std::int64_t q = 0; q < count; ++q) {
    std::vector<std::pair<float, std::int64_t>> near;
    const float* const a = vectors.row<float>(q);
    for (std::int64_t v = 0; v < count; ++v) {
      const float* const b = vectors.row<float>(v);
      float score = 0;
      for (std::int64_t c = 0; c < vectors.cols(); ++c) score = std::fma(a[c], b[c], score);
      if (score >= threshold) near.emplace_back(-score, v);
    }
    std::sort(near.begin(), near.end());
    if (near.size() < least) continue;
    sets.emplace_back();
    for (const auto& [score, v] : near) sets.back().push_back(v);
  }
  const auto larger = [](const auto& a, const auto& b) { return a.size() > b.size(); };
  std::stable_sort(sets.begin(), sets.end(), larger);
  std::vector<bool> taken(static_cast<std::size_t>(count));
  for (auto& set : sets) {
    std::erase_if(set, [&](std::int64_t v) { return taken[static_cast<std::size_t>(v)]; });
    if (set.size() < least) continue;
    for (const std::int64_t v : set) taken[static_cast<std::size_t>(v)] = true;
    out.push_back(set);
  }
  std::stable_sort(out.begin(), out.end(), larger);
  return out;
}

TEST(Communities, ManyTilesAndEqualVectorsFollowTheDefinition) {
  Tensor vectors = directions(2100);  // three tiles, and more centers than are looked at at once
  for (std::int64_t copy = 0; copy < 40; ++copy)
    std::copy_n(vectors.row<float>(copy % 3), vectors.cols(), vectors.mutable_row<float>(1000 + copy * 7));
  for (const double threshold : {0.5, 0.7, 0.999})
    EXPECT_EQ(indices_of(communities(vectors, {.threshold = threshold, .min_size = 4})),
              by_definition(vectors, static_cast<float>(threshold), 4));
}

TEST(Communities, OptionsWithoutSenseAreRefusedAndAnInterruptStops) {
  const Tensor vectors = directions(5);
  EXPECT_THROW(communities(vectors, {.threshold = 1.1}), Error);
  EXPECT_THROW(communities(vectors, {.threshold = std::nan("")}), Error);
  EXPECT_THROW(communities(vectors, {.min_size = 0}), Error);
  EXPECT_TRUE(communities(Tensor::empty({0, 4}), {}).empty());
  request_interrupt();
  EXPECT_THROW(communities(vectors, {}), Error);
  clear_interrupt();
}

}  // namespace
}  // namespace lyceum
