#include "tasks/search/nearest_centroids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "base/random.h"

namespace lyceum {
namespace {

struct Case {
  std::int64_t rows, count, width, most;
};

std::vector<float> made(std::int64_t values, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> out(static_cast<std::size_t>(values));
  for (float& v : out) v = random.uniform(-1, 1);
  return out;
}

TEST(NearestCentroids, AreThoseOfTheDefinitionWithAnyNumberOfThreads) {
  for (const Case& c :
       {Case{1, 1, 1, 1}, Case{70, 33, 24, 1}, Case{70, 33, 24, 5}, Case{3, 2, 8, 4}, Case{200, 300, 5, 300}})
    for (const bool euclidean : {false, true}) {
      const auto x = made(c.rows * c.width, 1), y = made(c.count * c.width, 2);
      NearestCentroids nearest;
      nearest.set(y.data(), c.count, c.width);
      std::vector<std::int64_t> which(static_cast<std::size_t>(c.rows * c.most)), first;
      std::vector<float> values(which.size()), first_values;
      for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        nearest.search(x.data(), c.rows, c.most, euclidean, which.data(), values.data());
        if (threads == 1) first = which, first_values = values;
        EXPECT_EQ(which, first);
        EXPECT_EQ(values, first_values);
      }
      set_thread_count(0);
      for (std::int64_t r = 0; r < c.rows; ++r) {
        std::vector<double> expected(static_cast<std::size_t>(c.count));
        for (std::int64_t i = 0; i < c.count; ++i)
          for (std::int64_t d = 0; d < c.width; ++d) {
            const double a = x[static_cast<std::size_t>(r * c.width + d)],
                         b = y[static_cast<std::size_t>(i * c.width + d)];
            expected[static_cast<std::size_t>(i)] +=
                euclidean ? (a - b) * (a - b) : -a * b;  // smaller is better
          }
        std::vector<double> sorted = expected;
        std::sort(sorted.begin(), sorted.end());
        for (std::int64_t i = 0; i < c.most; ++i) {
          const auto at = static_cast<std::size_t>(r * c.most + i);
          if (i >= c.count) {
            EXPECT_EQ(which[at], -1);
            continue;
          }
          // sums of at most 24 products of values below 1: rounding moves them by less than 24 * 24 * 2^-24
          ASSERT_NEAR(expected[static_cast<std::size_t>(which[at])], sorted[static_cast<std::size_t>(i)],
                      4e-5);
          EXPECT_NEAR(euclidean ? values[at] : -values[at], sorted[static_cast<std::size_t>(i)], 4e-5);
        }
      }
    }
}

TEST(NearestCentroids, OfEqualOnesTheEarlierIsTaken) {
  const std::vector<float> y{0, 1, 1, 0, 0, 1, 1, 0}, x{1, 0};
  NearestCentroids nearest;
  nearest.set(y.data(), 4, 2);
  std::vector<std::int64_t> which(4);
  std::vector<float> values(4);
  nearest.search(x.data(), 1, 1, false, which.data(), values.data());
  EXPECT_EQ(which[0], 1);
  nearest.search(x.data(), 1, 4, false, which.data(), values.data());
  EXPECT_EQ(which, (std::vector<std::int64_t>{1, 3, 0, 2}));
}

}  // namespace
}  // namespace lyceum
