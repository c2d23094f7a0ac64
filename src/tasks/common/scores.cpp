#include "tasks/common/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lyceum {

void softmax_in_place(std::span<float> scores) noexcept {
  if (scores.empty()) return;
  const float most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (float& score : scores) sum += score = std::exp(score - most);
  for (float& score : scores) score = static_cast<float>(score / sum);
}

float sigmoid(float score) noexcept { return 1.0f / (1.0f + std::exp(-score)); }

std::vector<std::size_t> best_places(std::span<const float> scores, std::size_t count) {
  std::vector<std::size_t> places(scores.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  count = std::min(count, places.size());
  const auto middle = places.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(places.begin(), middle, places.end(), [&](std::size_t a, std::size_t b) {
    const float x = std::isnan(scores[a]) ? -INFINITY : scores[a];
    const float y = std::isnan(scores[b]) ? -INFINITY : scores[b];
    return x > y || (x == y && a < b);
  });
  places.resize(count);
  return places;
}

}  // namespace lyceum
