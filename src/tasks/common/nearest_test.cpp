#include "tasks/common/nearest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "base/random.h"
#include "kernels/dot.h"

namespace lyceum {
namespace {

// Small whole numbers: many scores are equal.
Tensor coarse(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Random random(seed);
  Tensor t = Tensor::empty({rows, cols});
  for (std::int64_t i = 0; i < t.elements(); ++i)
    t.mutable_data<float>()[i] = static_cast<float>(random.below(3)) - 1;
  return t;
}

std::vector<std::pair<float, std::int64_t>> by_sorting(const Tensor& queries, std::int64_t q,
                                                       const Tensor& vectors, std::int64_t k, bool reversed) {
  std::vector<std::pair<float, std::int64_t>> all;
  for (std::int64_t v = 0; v < vectors.rows(); ++v)
    all.emplace_back(kernels::dot(queries.row<float>(q), vectors.row<float>(v), vectors.cols()), v);
  std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : reversed ? a.second > b.second : a.second < b.second;
  });
  all.resize(static_cast<std::size_t>(std::min(k, vectors.rows())));
  return all;
}

TEST(Nearest, BlocksThreadsAndTieOrderGiveWhatSortingAllScoresGives) {
  const Tensor queries = coarse(37, 5, 1), vectors = coarse(301, 5, 2);
  for (const bool reversed : {false, true})
    for (const std::int64_t k : {1, 7, 100, 500})
      for (const std::int64_t block : {1, 64, 100, 301})
        for (const int threads : {1, 3}) {
          set_thread_count(threads);
          NearestSearch search(
              queries, k,
              reversed ? NearestSearch::TieOrder([](std::int64_t a, std::int64_t b) { return a > b; })
                       : NearestSearch::TieOrder());
          for (std::int64_t v = 0; v < vectors.rows(); v += block)
            search.add(vectors.row_range(v, std::min(vectors.rows(), v + block)));
          const auto found = search.finish();
          set_thread_count(0);
          for (std::int64_t q = 0; q < queries.rows(); ++q) {
            const auto want = by_sorting(queries, q, vectors, k, reversed);
            const auto& hits = found[static_cast<std::size_t>(q)];
            ASSERT_EQ(hits.size(), want.size());
            for (std::size_t i = 0; i < hits.size(); ++i)
              ASSERT_TRUE(hits[i].score == want[i].first && hits[i].index == want[i].second)
                  << "query " << q << " place " << i << " k " << k << " block " << block;
          }
        }
}

TEST(Nearest, NormalizedRowsHaveLengthOneAndZeroStaysZero) {
  Tensor t = Tensor::of<float>({3, 2}, std::vector<float>{3, 4, 0, 0, -5, 12});
  normalize_rows(t);
  EXPECT_EQ(t.values<float>(), (std::vector<float>{3.0f / 5, 4.0f / 5, 0, 0, -5.0f / 13, 12.0f / 13}));
}

TEST(Nearest, NoNeighboursAtAllIsAnError) { EXPECT_THROW(NearestSearch(coarse(1, 1, 0), 0), Error); }

}  // namespace
}  // namespace lyceum
