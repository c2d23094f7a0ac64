#include "tasks/evaluate/ranking.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace lyceum {
namespace {

using Gain = double (*)(std::int32_t grade);

double graded(std::int32_t grade) { return std::max(0, grade); }
double binary(std::int32_t grade) { return grade > 0 ? 1 : 0; }

double discounted_gain(std::span<const std::int32_t> grades, std::size_t k, Gain gain) {
  double sum = 0;
  for (std::size_t i = 0; i < std::min(k, grades.size()); ++i)
    sum += gain(grades[i]) / std::log2(static_cast<double>(i) + 2);
  return sum;
}

double normalized_gain(const JudgedRanking& ranking, std::size_t k, Gain gain) {
  std::vector<std::int32_t> best(ranking.relevant.begin(), ranking.relevant.end());
  std::sort(best.begin(), best.end(), std::greater<>());
  const double ideal = discounted_gain(best, k, gain);
  return ideal > 0 ? discounted_gain(ranking.found, k, gain) / ideal : 0;
}

}  // namespace

double ndcg_at(const JudgedRanking& ranking, std::size_t k) { return normalized_gain(ranking, k, graded); }
double binary_ndcg_at(const JudgedRanking& ranking, std::size_t k) {
  return normalized_gain(ranking, k, binary);
}

double reciprocal_rank_at(const JudgedRanking& ranking, std::size_t k) {
  for (std::size_t i = 0; i < std::min(k, ranking.found.size()); ++i)
    if (ranking.found[i] > 0) return 1 / (static_cast<double>(i) + 1);
  return 0;
}

double recall_at(const JudgedRanking& ranking, std::size_t k) {
  if (ranking.relevant.empty()) return 0;
  const auto first = ranking.found.first(std::min(k, ranking.found.size()));
  return static_cast<double>(
             std::count_if(first.begin(), first.end(), [](std::int32_t g) { return g > 0; })) /
         static_cast<double>(ranking.relevant.size());
}

double average_precision_at(const JudgedRanking& ranking, std::size_t k) {
  if (ranking.relevant.empty()) return 0;
  double hits = 0, sum = 0;
  for (std::size_t i = 0; i < std::min(k, ranking.found.size()); ++i)
    if (ranking.found[i] > 0) sum += ++hits / (static_cast<double>(i) + 1);
  return sum / static_cast<double>(std::min(k, ranking.relevant.size()));
}

}  // namespace lyceum
