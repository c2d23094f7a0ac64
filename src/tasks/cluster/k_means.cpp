#include "tasks/cluster/k_means.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/random.h"
#include "kernels/dot.h"
#include "ops/rows/rows.h"
#include "tasks/cluster/seeding.h"
#include "tasks/common/nearest.h"
#include "tasks/common/score_rows.h"

namespace lyceum {
namespace {

constexpr std::int64_t kMostPasses = 300;    // R scikit-learn KMeans: max_iter
constexpr double kTolerance = 1e-4;          // R tol
constexpr std::int64_t kMiniPasses = 100;    // R MiniBatchKMeans: max_iter
constexpr std::int64_t kNoImprovement = 10;  // R max_no_improvement
constexpr double kReassign = 0.01;           // R reassignment_ratio

void check(const Tensor& vectors, const KMeansOptions& options) {
  if (options.clusters < 1 || options.clusters > vectors.rows())
    fail(Errc::kUsage, "clusters: found {}, expected 1 to {}, the number of texts", options.clusters,
         vectors.rows());
  if (options.restarts < 1) fail(Errc::kUsage, "restarts: found {}, expected 1 or more", options.restarts);
}

struct Assignment {
  std::vector<std::int32_t> labels;
  std::vector<float> distances;  // squared, to the nearest center
  double inertia() const { return std::accumulate(distances.begin(), distances.end(), 0.0); }
};

// |x - c|^2 = |x|^2 - 2 <x, c> + |c|^2
Assignment assign(const Tensor& vectors, std::span<const float> squares, const Tensor& centers) {
  const std::vector<float> center_squares = squared_lengths(centers);
  Assignment out{std::vector<std::int32_t>(static_cast<std::size_t>(vectors.rows())),
                 std::vector<float>(static_cast<std::size_t>(vectors.rows()))};
  for_each_score_row(vectors, centers, [&](std::int64_t row, std::span<const float> products) {
    std::size_t best = 0;
    float least = center_squares[0] - 2 * products[0];
    for (std::size_t c = 1; c < products.size(); ++c)
      if (const float value = center_squares[c] - 2 * products[c]; value < least) least = value, best = c;
    const auto at = static_cast<std::size_t>(row);
    out.labels[at] = static_cast<std::int32_t>(best);
    out.distances[at] = std::max(0.0f, squares[at] + least);
  });
  return out;
}

// The places of each label, in order.
std::vector<std::vector<std::int64_t>> members_of(std::span<const std::int32_t> labels,
                                                  std::int64_t clusters) {
  std::vector<std::vector<std::int64_t>> out(static_cast<std::size_t>(clusters));
  for (std::size_t i = 0; i < labels.size(); ++i)
    out[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::int64_t>(i));
  return out;
}

// Each center that has no vector gets the one farthest from its own center, from clusters that keep another.
void fill_empty_clusters(Assignment& assigned, std::int64_t clusters) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(clusters));
  for (const std::int32_t label : assigned.labels) ++sizes[static_cast<std::size_t>(label)];
  if (std::find(sizes.begin(), sizes.end(), 0) == sizes.end()) return;
  std::vector<std::size_t> farthest(assigned.labels.size());
  std::iota(farthest.begin(), farthest.end(), std::size_t{0});
  std::stable_sort(farthest.begin(), farthest.end(), [&](std::size_t a, std::size_t b) {
    return assigned.distances[a] > assigned.distances[b];
  });
  auto next = farthest.begin();
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    if (sizes[c] > 0) continue;
    while (next != farthest.end() && sizes[static_cast<std::size_t>(assigned.labels[*next])] < 2) ++next;
    if (next == farthest.end() || assigned.distances[*next] <= 0) return;
    --sizes[static_cast<std::size_t>(assigned.labels[*next])];
    assigned.labels[*next] = static_cast<std::int32_t>(c);
    assigned.distances[*next++] = 0;
    sizes[c] = 1;
  }
}

// (weight * old + sum of the members) / (weight + members), in double, members in order; the old center
// where nothing is counted.
void update_center(const Tensor& vectors, std::span<const std::int64_t> members, double weight,
                   const float* old, float* to) {
  const std::int64_t width = vectors.cols();
  if (members.empty()) {
    std::copy_n(old, width, to);
    return;
  }
  std::vector<double> sums(old, old + width);
  for (double& sum : sums) sum *= weight;
  for (const std::int64_t m : members) {
    const float* row = vectors.row<float>(m);
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += static_cast<double>(row[c]);
  }
  const double total = weight + static_cast<double>(members.size());
  for (std::size_t c = 0; c < sums.size(); ++c) to[c] = static_cast<float>(sums[c] / total);
}

Tensor moved_centers(const Tensor& vectors, std::span<const std::int32_t> labels, const Tensor& old,
                     std::span<const double> weights = {}) {
  const auto members = members_of(labels, old.rows());
  Tensor out = Tensor::empty(old.shape());
  float* to = out.mutable_data<float>();
  const std::int64_t values_a_center = std::max<std::int64_t>(1, vectors.elements() / old.rows());
  parallel_for(old.rows(), 1 + (1 << 15) / values_a_center, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c)
      update_center(vectors, members[static_cast<std::size_t>(c)],
                    weights.empty() ? 0 : weights[static_cast<std::size_t>(c)], old.row<float>(c),
                    to + c * old.cols());
  });
  return out;
}

double squared_shift(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double d = static_cast<double>(a.data<float>()[i]) - static_cast<double>(b.data<float>()[i]);
    sum += d * d;
  }
  return sum;
}

// The mean over columns of their variance.
double mean_variance(const Tensor& vectors) {
  const auto rows = static_cast<double>(vectors.rows());
  double sum = 0;
  for (std::int64_t c = 0; c < vectors.cols(); ++c) {
    double mean = 0, squares = 0;
    for (std::int64_t r = 0; r < vectors.rows(); ++r) mean += static_cast<double>(vectors.row<float>(r)[c]);
    mean /= rows;
    for (std::int64_t r = 0; r < vectors.rows(); ++r) {
      const double d = static_cast<double>(vectors.row<float>(r)[c]) - mean;
      squares += d * d;
    }
    sum += squares / rows;
  }
  return sum / static_cast<double>(vectors.cols());
}

Partition lloyd(const Tensor& vectors, std::span<const float> squares, Tensor centers, double tolerance) {
  std::vector<std::int32_t> before;
  for (std::int64_t pass = 0; pass < kMostPasses; ++pass) {
    check_interrupt();
    Assignment assigned = assign(vectors, squares, centers);
    if (assigned.labels == before) return {centers, std::move(assigned.labels), assigned.inertia()};
    before = assigned.labels;
    fill_empty_clusters(assigned, centers.rows());
    Tensor moved = moved_centers(vectors, assigned.labels, centers);
    const double shift = squared_shift(moved, centers);
    centers = std::move(moved);
    if (shift <= tolerance) break;
  }
  Assignment assigned = assign(vectors, squares, centers);
  return {centers, std::move(assigned.labels), assigned.inertia()};
}

// Puts the centers of least weight on vectors of the sample; their weight becomes the least of the others'.
void reassign_light_centers(Tensor& centers, std::vector<double>& weights, const Tensor& sample,
                            Random& random) {
  const double most = *std::max_element(weights.begin(), weights.end());
  std::vector<std::size_t> light;
  for (std::size_t c = 0; c < weights.size(); ++c)
    if (weights[c] < kReassign * most) light.push_back(c);
  if (light.empty()) return;
  std::stable_sort(light.begin(), light.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] < weights[b]; });
  light.resize(std::min(light.size(), static_cast<std::size_t>(sample.rows() / 2)));  // R: half of the sample
  std::vector<std::uint8_t> is_light(weights.size());
  for (const std::size_t c : light) is_light[c] = 1;
  double least = most;
  for (std::size_t c = 0; c < weights.size(); ++c)
    if (!is_light[c]) least = std::min(least, weights[c]);
  std::vector<std::int64_t> places(static_cast<std::size_t>(sample.rows()));
  std::iota(places.begin(), places.end(), std::int64_t{0});
  for (std::size_t i = 0; i < light.size(); ++i) {  // without replacement
    std::swap(places[i], places[i + random.below(static_cast<std::uint32_t>(places.size() - i))]);
    std::copy_n(sample.row<float>(places[i]), sample.cols(),
                centers.mutable_row<float>(static_cast<std::int64_t>(light[i])));
    weights[light[i]] = least;
  }
}

}  // namespace

Partition k_means(const Tensor& vectors, const KMeansOptions& options) {
  check(vectors, options);
  const std::vector<float> squares = squared_lengths(vectors);
  const double tolerance = kTolerance * mean_variance(vectors);
  Partition best;
  for (std::int64_t run = 0; run < options.restarts; ++run) {
    Random random(options.seed, static_cast<std::uint64_t>(run));
    Partition found =
        lloyd(vectors, squares, plus_plus_centers(vectors, squares, options.clusters, random), tolerance);
    if (run == 0 || found.inertia < best.inertia) best = std::move(found);
  }
  return best;
}

Partition mini_batch_k_means(const Tensor& vectors, const KMeansOptions& options, std::int64_t batch) {
  check(vectors, options);
  if (batch < 1) fail(Errc::kUsage, "batch: found {}, expected 1 or more", batch);
  const std::int64_t count = vectors.rows(), clusters = options.clusters;
  batch = std::min(batch, count);
  Random random(options.seed);
  const auto draw = [&](std::int64_t size) {
    std::vector<std::int64_t> places(static_cast<std::size_t>(size));
    for (std::int64_t& place : places) place = random.below(static_cast<std::uint32_t>(count));
    return gather_rows(vectors, places);
  };
  const std::int64_t start = 3 * batch < clusters ? 3 * clusters : 3 * batch;  // R init_size
  const Tensor first = start < count ? draw(start) : vectors;
  Tensor centers = plus_plus_centers(first, squared_lengths(first), clusters, random);
  std::vector<double> weights(static_cast<std::size_t>(clusters));
  const double alpha = std::min(1.0, 2.0 * static_cast<double>(batch) / static_cast<double>(count + 1));
  double smoothed = -1, least = -1;
  std::int64_t since_reassigned = 0, without_improvement = 0;
  const std::int64_t steps = kMiniPasses * count / batch;
  for (std::int64_t step = 0; step < steps; ++step) {
    check_interrupt();
    const Tensor sample = draw(batch);
    // R: before this sample is counted
    since_reassigned += batch;
    const bool reassigns =
        since_reassigned >= 10 * clusters || std::find(weights.begin(), weights.end(), 0.0) != weights.end();
    if (reassigns) since_reassigned = 0;
    const Assignment assigned = assign(sample, squared_lengths(sample), centers);
    centers = moved_centers(sample, assigned.labels, centers, weights);
    for (const std::int32_t label : assigned.labels) weights[static_cast<std::size_t>(label)] += 1;
    if (reassigns) reassign_light_centers(centers, weights, sample, random);
    if (step == 0) continue;  // R: the inertia of the start
    const double inertia = assigned.inertia() / static_cast<double>(batch);
    smoothed = smoothed < 0 ? inertia : smoothed * (1 - alpha) + inertia * alpha;
    without_improvement = least < 0 || smoothed < least ? 0 : without_improvement + 1;
    if (without_improvement == 0) least = smoothed;
    if (without_improvement >= kNoImprovement) break;
  }
  Assignment assigned = assign(vectors, squared_lengths(vectors), centers);
  return {centers, std::move(assigned.labels), assigned.inertia()};
}

std::vector<TextCluster> clusters_of(const Partition& partition, const Tensor& vectors) {
  Tensor directions = partition.centers.clone();
  normalize_rows(directions);
  const std::int64_t width = vectors.cols();
  std::vector<TextCluster> out;
  for (const auto& members : members_of(partition.labels, partition.centers.rows())) {
    if (members.empty()) continue;
    const float* center = directions.row<float>(partition.labels[static_cast<std::size_t>(members[0])]);
    TextCluster cluster;
    for (const std::int64_t m : members) {
      const float* v = vectors.row<float>(m);
      const float length = std::max(1e-12f, std::sqrt(kernels::dot(v, v, width)));
      cluster.members.push_back({m, kernels::dot(v, center, width) / length});
    }
    std::stable_sort(cluster.members.begin(), cluster.members.end(),
                     [](const ClusteredText& a, const ClusteredText& b) { return a.score > b.score; });
    out.push_back(std::move(cluster));
  }
  const auto earliest = [](const TextCluster& cluster) {
    return std::min_element(cluster.members.begin(), cluster.members.end(),
                            [](const auto& a, const auto& b) { return a.index < b.index; })
        ->index;
  };
  std::sort(out.begin(), out.end(), [&](const TextCluster& a, const TextCluster& b) {
    return a.members.size() != b.members.size() ? a.members.size() > b.members.size()
                                                : earliest(a) < earliest(b);
  });
  return out;
}

}  // namespace lyceum
