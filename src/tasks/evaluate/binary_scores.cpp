#include "tasks/evaluate/binary_scores.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace lyceum {
namespace {

std::vector<std::size_t> best_first(std::span<const double> scores, std::span<const std::uint8_t> is_relevant,
                                    Better better) {
  if (scores.size() != is_relevant.size())
    fail(Errc::kInternal, "binary scores: found {} scores and {} labels, expected as many", scores.size(),
         is_relevant.size());
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return better == Better::kHigher ? scores[a] > scores[b] : scores[a] < scores[b];
  });
  return order;
}

std::int64_t count_relevant(std::span<const std::uint8_t> is_relevant) {
  return std::count_if(is_relevant.begin(), is_relevant.end(), [](std::uint8_t r) { return r != 0; });
}

// use(items above the cut, relevant ones among them, threshold) for every cut between two items.
template <class Use>
void for_each_cut(std::span<const double> scores, std::span<const std::uint8_t> is_relevant, Better better,
                  Use use) {
  const std::vector<std::size_t> order = best_first(scores, is_relevant, better);
  std::int64_t relevant = 0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    relevant += is_relevant[order[i]] != 0;
    use(static_cast<std::int64_t>(i) + 1, relevant, (scores[order[i]] + scores[order[i + 1]]) / 2);
  }
}

}  // namespace

double average_precision(std::span<const double> scores, std::span<const std::uint8_t> is_relevant) {
  const std::vector<std::size_t> order = best_first(scores, is_relevant, Better::kHigher);
  const auto all = static_cast<double>(count_relevant(is_relevant));
  if (all == 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0, found = 0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    double gained = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end)
      gained += is_relevant[order[end]] != 0;
    found += gained;
    sum += gained / all * (found / static_cast<double>(end));
  }
  return sum;
}

BestAccuracy best_accuracy(std::span<const double> scores, std::span<const std::uint8_t> is_relevant,
                           Better better) {
  const auto count = static_cast<std::int64_t>(scores.size());
  const std::int64_t irrelevant = count - count_relevant(is_relevant);
  BestAccuracy best;
  for_each_cut(scores, is_relevant, better, [&](std::int64_t above, std::int64_t relevant, double threshold) {
    const std::int64_t right = relevant + irrelevant - (above - relevant);
    const double accuracy = static_cast<double>(right) / static_cast<double>(count);
    if (accuracy > best.accuracy) best = {accuracy, threshold};
  });
  return best;
}

BestF1 best_f1(std::span<const double> scores, std::span<const std::uint8_t> is_relevant, Better better) {
  const auto all = static_cast<double>(count_relevant(is_relevant));
  BestF1 best;
  for_each_cut(scores, is_relevant, better, [&](std::int64_t above, std::int64_t relevant, double threshold) {
    if (relevant == 0) return;
    const double precision = static_cast<double>(relevant) / static_cast<double>(above),
                 recall = static_cast<double>(relevant) / all,
                 f1 = 2 * precision * recall / (precision + recall);
    if (f1 > best.f1) best = {f1, precision, recall, threshold};
  });
  return best;
}

}  // namespace lyceum
