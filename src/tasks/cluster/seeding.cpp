#include "tasks/cluster/seeding.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "ops/rows/rows.h"
#include "tasks/common/score_rows.h"

namespace lyceum {
namespace {

double unit_double(Random& random) {  // [0, 1) in steps of 2^-53
  const std::uint64_t high = random.bits(), low = random.bits();
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1p-53;
}

}  // namespace

std::vector<float> squared_lengths(const Tensor& vectors) {
  std::vector<float> out(static_cast<std::size_t>(vectors.rows()));
  const std::int64_t rows_a_task = std::max<std::int64_t>(64, (1 << 15) / vectors.cols());
  parallel_for(vectors.rows(), rows_a_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* v = vectors.row<float>(r);
      float sum = 0;
      for (std::int64_t c = 0; c < vectors.cols(); ++c) sum = std::fma(v[c], v[c], sum);
      out[static_cast<std::size_t>(r)] = sum;
    }
  });
  return out;
}

Tensor plus_plus_centers(const Tensor& vectors, std::span<const float> squares, std::int64_t count,
                         Random& random) {
  const auto rows = static_cast<std::size_t>(vectors.rows());
  const auto trials = static_cast<std::size_t>(2 + static_cast<std::int64_t>(std::log(count)));
  std::vector<std::int64_t> chosen{random.below(static_cast<std::uint32_t>(rows))};
  std::vector<double> running(rows);
  // [trials][rows]: squared distances to the nearest of those chosen and of one candidate
  std::vector<std::vector<float>> distances(trials, std::vector<float>(rows));
  std::vector<float> nearest(rows, INFINITY);
  const auto measure = [&](std::span<const std::int64_t> candidates) {
    for_each_score_row(
        vectors, gather_rows(vectors, candidates), [&](std::int64_t row, std::span<const float> products) {
          const auto r = static_cast<std::size_t>(row);
          for (std::size_t t = 0; t < products.size(); ++t) {
            const float square = squares[static_cast<std::size_t>(candidates[t])];
            distances[t][r] = std::min(nearest[r], std::max(0.0f, squares[r] + (square - 2 * products[t])));
          }
        });
  };
  measure(chosen);
  nearest = distances[0];
  std::vector<std::int64_t> candidates(trials);
  while (static_cast<std::int64_t>(chosen.size()) < count) {
    double sum = 0;
    for (std::size_t r = 0; r < rows; ++r) running[r] = sum += static_cast<double>(nearest[r]);
    for (std::int64_t& candidate : candidates) {
      const double at = unit_double(random) * running.back();
      const auto place = std::lower_bound(running.begin(), running.end(), at) - running.begin();
      candidate = std::min<std::int64_t>(place, vectors.rows() - 1);
    }
    measure(candidates);
    std::size_t best = 0;
    double least = INFINITY;
    for (std::size_t t = 0; t < trials; ++t) {
      const double inertia = std::accumulate(distances[t].begin(), distances[t].end(), 0.0);
      if (inertia < least) least = inertia, best = t;
    }
    std::swap(nearest, distances[best]);
    chosen.push_back(candidates[best]);
  }
  return gather_rows(vectors, chosen);
}

}  // namespace lyceum
