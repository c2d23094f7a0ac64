#include "tasks/evaluate/v_measure.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"

namespace lyceum {
namespace {

// H = - sum p log p, in nats.
template <class Counts>
double entropy(const Counts& counts, double total) {
  double sum = 0;
  for (const auto& [key, count] : counts) sum -= count / total * std::log(count / total);
  return sum;
}

// I / H, within [0, 1] despite rounding.
double share(double information, double all) { return all > 0 ? std::clamp(information / all, 0.0, 1.0) : 1; }

}  // namespace

VMeasure v_measure(std::span<const std::int32_t> classes, std::span<const std::int32_t> clusters) {
  if (classes.size() != clusters.size())
    fail(Errc::kInternal, "v_measure: found {} classes and {} clusters, expected as many", classes.size(),
         clusters.size());
  if (classes.empty()) return {};
  std::map<std::int32_t, double> by_class, by_cluster;
  std::map<std::pair<std::int32_t, std::int32_t>, double> by_both;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    ++by_class[classes[i]];
    ++by_cluster[clusters[i]];
    ++by_both[{classes[i], clusters[i]}];
  }
  const auto total = static_cast<double>(classes.size());
  const double of_class = by_class.size() == 1 ? 0 : entropy(by_class, total),
               of_cluster = by_cluster.size() == 1 ? 0 : entropy(by_cluster, total),
               information = of_class + of_cluster - entropy(by_both, total);
  VMeasure out{share(information, of_class), share(information, of_cluster)};
  const double sum = out.homogeneity + out.completeness;
  out.v = sum > 0 ? 2 * out.homogeneity * out.completeness / sum : 0;
  return out;
}

}  // namespace lyceum
