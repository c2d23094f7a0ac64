#include "kernels/rows.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/parallel.h"
#include "base/random.h"

namespace lyceum::kernels {
namespace {

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = random.uniform(-1, 1);
  return values;
}

TEST(Rows, AddToAddsElementByElementAndNoFurther) {
  for (const std::int64_t n : {0, 1, 3, 17, 33}) {
    const auto x = random_values(n + 1, 1), before = random_values(n + 1, 2);
    auto y = before;
    add_to(y.data(), x.data(), n);
    for (std::size_t i = 0; i <= static_cast<std::size_t>(n); ++i)
      EXPECT_EQ(y[i], static_cast<std::int64_t>(i) < n ? before[i] + x[i] : before[i]);
  }
}

// The promise itself: blocks of 64 rows in order, then the blocks in order.
TEST(Rows, SumRowsAddsBlocksOf64RowsInOrderForEveryThreadCount) {
  for (const std::int64_t rows : {0, 1, 63, 64, 65, 128, 700})
    for (const std::int64_t cols : {1, 3, 17, 33}) {
      const std::int64_t stride = cols + 3;
      const auto x = random_values(rows * stride + 1, 3);
      for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        std::vector<float> y(static_cast<std::size_t>(cols), -7.0f);
        sum_rows(x.data(), stride, rows, cols, y.data());
        for (std::int64_t c = 0; c < cols; ++c) {
          float total = 0;
          for (std::int64_t first = 0; first < rows; first += 64) {
            float part = 0;
            for (std::int64_t r = first; r < std::min(rows, first + 64); ++r)
              part += x[static_cast<std::size_t>(r * stride + c)];
            total += part;
          }
          ASSERT_EQ(y[static_cast<std::size_t>(c)], total)
              << rows << "x" << cols << " with " << threads << " threads";
        }
      }
    }
  set_thread_count(0);
}

}  // namespace
}  // namespace lyceum::kernels
