#include "tasks/mine/mine.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "tasks/common/nearest.h"

namespace lyceum {
namespace {

constexpr std::int64_t kRows = 1024;  // whose hits are held at once

bool before(const MinedPair& a, const MinedPair& b) {
  return std::tuple(-a.score, a.first, a.second) < std::tuple(-b.score, b.first, b.second);
}

// The best pairs of a stream, each once however often it is added. A pair that falls off the end can't come
// back: as many better ones are there.
class BestPairs {
 public:
  explicit BestPairs(std::int64_t most)
      : most_(static_cast<std::size_t>(std::min(most, std::int64_t{1} << 40))) {}
  void add(const MinedPair& pair) {
    if (is_full_ && !before(pair, worst_)) return;
    pairs_.push_back(pair);
    if (pairs_.size() >= 2 * most_ + 1024) keep_best();
  }
  std::vector<MinedPair> take() && {
    keep_best();
    return std::move(pairs_);
  }

 private:
  void keep_best() {
    std::sort(pairs_.begin(), pairs_.end(), before);
    // the same pair has the same score from both sides, so its copies are neighbours
    const auto is_same = [](const MinedPair& a, const MinedPair& b) {
      return a.first == b.first && a.second == b.second;
    };
    pairs_.erase(std::unique(pairs_.begin(), pairs_.end(), is_same), pairs_.end());
    if (pairs_.size() < most_) return;
    pairs_.resize(most_);
    is_full_ = true;
    worst_ = pairs_.back();
  }
  std::size_t most_;
  std::vector<MinedPair> pairs_;
  bool is_full_ = false;
  MinedPair worst_;
};

void check(const MineOptions& options) {
  if (options.top < 1 || options.max_pairs < 1)
    fail(Errc::kUsage, "mine: found the top {} and at most {} pairs, expected 1 or more of both", options.top,
         options.max_pairs);
  if (std::isnan(options.min_score)) fail(Errc::kUsage, "mine: found a min_score that is no number");
}

// use(row, hits) for each row of `vectors`, in order: its k nearest of `others`, best first.
template <class Use>
void for_each_row_hits(const Tensor& vectors, const Tensor& others, std::int64_t k,
                       const MineProgress& progress, Use use) {
  for (std::int64_t first = 0; first < vectors.rows(); first += kRows) {
    const std::int64_t last = std::min(vectors.rows(), first + kRows);
    NearestSearch search(vectors.row_range(first, last), k);
    for (std::int64_t from = 0; from < others.rows(); from += kRows) {
      check_interrupt();
      search.add(others.row_range(from, std::min(others.rows(), from + kRows)));
    }
    const auto hits = search.finish();
    for (std::size_t i = 0; i < hits.size(); ++i) use(first + static_cast<std::int64_t>(i), hits[i]);
    if (progress) progress(last);
  }
}

}  // namespace

std::vector<MinedPair> mine_pairs(const Tensor& vectors, const MineOptions& options,
                                  const MineProgress& progress) {
  check(options);
  BestPairs best(options.max_pairs);
  const auto least = static_cast<float>(options.min_score);
  const std::int64_t top = std::min(options.top, vectors.rows());
  // one more: a row finds itself. Where more than `top` copies of it stand before it, it does not.
  for_each_row_hits(vectors, vectors, top + 1, progress, [&](std::int64_t row, const std::vector<Hit>& hits) {
    std::int64_t others = 0;
    for (const Hit& hit : hits) {
      if (hit.index == row) continue;
      if (hit.score < least || ++others > top) break;
      best.add({hit.score, std::min(row, hit.index), std::max(row, hit.index)});
    }
  });
  return std::move(best).take();
}

std::vector<MinedPair> mine_pairs(const Tensor& vectors, const Tensor& others, const MineOptions& options,
                                  const MineProgress& progress) {
  check(options);
  BestPairs best(options.max_pairs);
  const auto least = static_cast<float>(options.min_score);
  for_each_row_hits(vectors, others, options.top, progress,
                    [&](std::int64_t row, const std::vector<Hit>& hits) {
                      for (const Hit& hit : hits) {
                        if (hit.score < least) break;
                        best.add({hit.score, row, hit.index});
                      }
                    });
  return std::move(best).take();
}

}  // namespace lyceum
