#include "tasks/mine/mine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parallel.h"
#include "check/sanitized.h"
#include "check/scattered_vectors.h"
#include "tasks/common/nearest.h"

namespace lyceum {
namespace {

// Scores in f32 of 16 products of vectors of length 1, by two libraries.
constexpr double kScore = 1e-6;

using Triple = std::tuple<float, std::int64_t, std::int64_t>;

Tensor directions(std::int64_t count) {
  Tensor vectors = check::scattered_vectors(count, 0.9);
  normalize_rows(vectors);
  return vectors;
}

const Json& golden(const char* part) {
  static const Json all = read_json(LYCEUM_SOURCE_DIR "/src/tasks/common/golden/vectors.json");
  return all.at(part);
}

void expect_pair(const MinedPair& found, const Json& want) {
  EXPECT_NEAR(found.score, want[0].get<double>(), kScore);
  EXPECT_EQ(found.first, want[1].get<std::int64_t>());
  EXPECT_EQ(found.second, want[2].get<std::int64_t>());
}

// sentence-transformers' paraphrase_mining, common/golden/make_vectors.py
TEST(Mine, PairsOfOneListEqualSentenceTransformers) {
  for (const Json& c : golden("pairs")) {
    const auto found = mine_pairs(directions(80), {.top = c.at("top").get<std::int64_t>()});
    EXPECT_EQ(found.size(), c.at("count").get<std::size_t>()) << c.at("top");
    for (std::size_t i = 0; i < c.at("best").size(); ++i) expect_pair(found.at(i), c.at("best")[i]);
  }
}

// sentence-transformers' semantic_search
TEST(Mine, PairsOfTwoListsEqualSentenceTransformers) {
  const Tensor all = directions(140);
  const auto found = mine_pairs(all.row_range(0, 40), all.row_range(40, 140), {.top = 2});
  ASSERT_EQ(found.size(), golden("between").size());
  for (std::size_t i = 0; i < found.size(); ++i) expect_pair(found[i], golden("between")[i]);
}

std::vector<Triple> triples(const std::vector<MinedPair>& pairs) {
  std::vector<Triple> out;
  for (const MinedPair& p : pairs) out.emplace_back(p.score, p.first, p.second);
  return out;
}

// All scores at once, sorted: {-score, i, j} with j among the best of i or the other way round.
std::vector<Triple> by_definition(const Tensor& vectors, std::size_t top) {
  std::vector<Triple> out;
  for (std::int64_t q = 0; q < vectors.rows(); ++q) {
    std::vector<std::pair<float, std::int64_t>> others;
    const float* const a = vectors.row<float>(q);
    for (std::int64_t v = 0; v < vectors.rows(); ++v) {
      const float* const b = vectors.row<float>(v);
      float score = 0;
      for (std::int64_t c = 0; c < vectors.cols(); ++c) score = std::fma(a[c], b[c], score);
      if (v != q) others.emplace_back(-score, v);
    }
    const std::size_t kept = std::min(others.size(), top);
    std::partial_sort(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(kept), others.end());
    others.resize(kept);
    for (const auto& [minus, v] : others) out.emplace_back(minus, std::min(q, v), std::max(q, v));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  for (Triple& t : out) std::get<0>(t) = -std::get<0>(t);
  return out;
}

TEST(Mine, BlocksThreadsAndLimitsGiveTheBeginningOfTheWholeList) {
  Tensor vectors = directions(2100);              // three blocks
  for (std::int64_t copy = 0; copy < 40; ++copy)  // more copies than the top holds: equal scores, and a row
    std::copy_n(vectors.row<float>(copy % 3), vectors.cols(),  // that does not find itself
                vectors.mutable_row<float>(1000 + copy * 7));
  for (const std::size_t top : {1u, 4u}) {
    const auto all = by_definition(vectors, top);
    for (const int threads : {1, 3}) {
      if (check::kSanitized && threads == 1) continue;
      set_thread_count(threads);
      EXPECT_TRUE(triples(mine_pairs(vectors, {.top = static_cast<std::int64_t>(top)})) == all) << top;
      for (const std::size_t most : {1u, 100u, 1500u}) {  // the buffer is sorted several times on the way
        const auto found = triples(mine_pairs(
            vectors, {.top = static_cast<std::int64_t>(top), .max_pairs = static_cast<std::int64_t>(most)}));
        EXPECT_TRUE(found ==
                    std::vector<Triple>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most)))
            << top << " " << most;
      }
      const auto close =
          triples(mine_pairs(vectors, {.top = static_cast<std::int64_t>(top), .min_score = 0.8}));
      EXPECT_FALSE(close.empty());
      EXPECT_LT(close.size(), all.size());
      EXPECT_TRUE(std::equal(close.begin(), close.end(), all.begin()));
      EXPECT_GE(std::get<0>(close.back()), 0.8f);
      EXPECT_LT(std::get<0>(all[close.size()]), 0.8f);
    }
    set_thread_count(0);
  }
}

TEST(Mine, ProgressCountsRowsAndNothingIsNoMistake) {
  std::int64_t last = 0;
  mine_pairs(directions(1500), {.top = 1}, [&](std::int64_t done) {
    EXPECT_GT(done, last);
    last = done;
  });
  EXPECT_EQ(last, 1500);
  EXPECT_TRUE(mine_pairs(Tensor::empty({0, 4}), {}).empty());
  EXPECT_TRUE(mine_pairs(directions(1), {}).empty());
  EXPECT_TRUE(mine_pairs(directions(3), Tensor::empty({0, check::kScatteredWidth}), {}).empty());
  EXPECT_EQ(mine_pairs(directions(3), {.top = std::numeric_limits<std::int64_t>::max(),
                                       .max_pairs = std::numeric_limits<std::int64_t>::max()})
                .size(),
            3u);
}

TEST(Mine, OptionsWithoutSenseAreRefusedAndAnInterruptStops) {
  const Tensor vectors = directions(5);
  EXPECT_THROW(mine_pairs(vectors, {.top = 0}), Error);
  EXPECT_THROW(mine_pairs(vectors, {.max_pairs = 0}), Error);
  EXPECT_THROW(mine_pairs(vectors, {.min_score = std::nan("")}), Error);
  EXPECT_THROW(mine_pairs(vectors, vectors, {.top = 0}), Error);
  request_interrupt();
  EXPECT_THROW(mine_pairs(vectors, {}), Error);
  clear_interrupt();
}

}  // namespace
}  // namespace lyceum
