#include "tasks/common/score_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "check/scattered_vectors.h"

namespace lyceum {
namespace {

TEST(ScoreRows, EveryScoreIsOneChainWhateverStandsAroundIt) {
  const Tensor all = check::scattered_vectors(400, 1);
  for (const std::int64_t queries : {1, 7, 97, 200})
    for (const std::int64_t vectors : {1, 50, 200})
      for (const int threads : {1, 3}) {
        set_thread_count(threads);
        std::vector<int> calls(static_cast<std::size_t>(queries));
        std::int64_t wrong = 0;
        for_each_score_row(all.row_range(0, queries), all.row_range(200, 200 + vectors),
                           [&](std::int64_t q, std::span<const float> scores) {
                             std::int64_t others = scores.size() != static_cast<std::size_t>(vectors);
                             for (std::size_t v = 0; v < scores.size(); ++v) {
                               float sum = 0;
                               for (std::int64_t c = 0; c < all.cols(); ++c)
                                 sum = std::fma(all.row<float>(q)[c],
                                                all.row<float>(200 + static_cast<std::int64_t>(v))[c], sum);
                               others += sum != scores[v];
                             }
                             calls[static_cast<std::size_t>(q)] += others == 0;
                           });
        for (const int count : calls) wrong += count != 1;
        EXPECT_EQ(wrong, 0) << queries << " x " << vectors << ", " << threads << " threads";
      }
  set_thread_count(0);
}

TEST(ScoreRows, NothingIsNoMistakeAndWidthsMustBeTheSame) {
  const Tensor some = check::scattered_vectors(3, 1);
  int calls = 0;
  for_each_score_row(Tensor::empty({0, some.cols()}), some, [&](auto, auto) { ++calls; });
  EXPECT_EQ(calls, 0);
  for_each_score_row(some, Tensor::empty({0, some.cols()}),
                     [&](std::int64_t, std::span<const float> scores) { EXPECT_TRUE(scores.empty()); });
  EXPECT_THROW(for_each_score_row(some, Tensor::empty({1, 3}), [](auto, auto) {}), Error);
}

}  // namespace
}  // namespace lyceum
