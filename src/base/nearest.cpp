#include "base/nearest.h"

#include <algorithm>
#include <utility>

namespace lyceum {

namespace {
constexpr std::size_t kMostBytes = 256;  // the time is a product of lengths
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

std::vector<std::string> nearest_names(const std::string& name, std::span<const std::string> candidates,
                                       std::size_t most) {
  std::vector<std::pair<std::size_t, std::string>> near;
  if (name.size() > kMostBytes) return {};
  for (const std::string& other : candidates)
    if (other.size() <= 2 * name.size()) near.emplace_back(edit_distance(name, other), other);
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(most, near.size()); ++i) out.push_back(near[i].second);
  return out;
}

}  // namespace lyceum
