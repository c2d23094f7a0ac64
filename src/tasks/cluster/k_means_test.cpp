#include "tasks/cluster/k_means.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parallel.h"
#include "check/sanitized.h"
#include "check/scattered_vectors.h"
#include "tasks/cluster/seeding.h"
#include "tasks/evaluate/v_measure.h"

namespace lyceum {
namespace {

using check::scattered_vectors;

double v_of(const Partition& found) {
  std::vector<std::int32_t> groups;
  for (std::size_t i = 0; i < found.labels.size(); ++i)
    groups.push_back(static_cast<std::int32_t>(i % check::kScatteredGroups));
  return v_measure(groups, found.labels).v;
}

double inertia_of(const Tensor& vectors, const Partition& found) {
  double sum = 0;
  for (std::int64_t r = 0; r < vectors.rows(); ++r)
    for (std::int64_t c = 0; c < vectors.cols(); ++c) {
      const double d =
          static_cast<double>(vectors.row<float>(r)[c]) -
          static_cast<double>(found.centers.row<float>(found.labels[static_cast<std::size_t>(r)])[c]);
      sum += d * d;
    }
  return sum;
}

TEST(KMeans, SeedsGiveTheSameBitsForAnyThreads) {
  const Tensor vectors = scattered_vectors(500, 0.9);
  const auto bits = [&](std::uint64_t seed, int threads, bool mini) {
    set_thread_count(threads);
    const KMeansOptions options{.clusters = 23, .seed = seed};
    const Partition found = mini ? mini_batch_k_means(vectors, options, 100) : k_means(vectors, options);
    set_thread_count(0);
    return std::tuple(found.labels, found.centers.values<float>(), found.inertia);
  };
  for (const bool mini : {false, true}) {
    EXPECT_EQ(bits(7, 1, mini), bits(7, 3, mini));
    EXPECT_NE(bits(7, 1, mini), bits(8, 1, mini));
  }
}

TEST(KMeans, GroupsThatStandApartAreFound) {
  const Tensor vectors = scattered_vectors(460, 0.05);
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    const Partition found = k_means(vectors, {.clusters = 23, .seed = seed});
    EXPECT_EQ(v_of(found), 1) << seed;
    EXPECT_GT(v_of(mini_batch_k_means(vectors, {.clusters = 23, .seed = seed}, 100)), 0.95)
        << seed << ": samples may leave two groups with one center";
    EXPECT_NEAR(found.inertia, inertia_of(vectors, found), 1e-4 * found.inertia)
        << "f32 distances of about a thousandth of the squares that they are differences of";
  }
}

// The best of all 2^11 ways to part twelve vectors.
TEST(KMeans, TheTightestOfManyRestartsIsTheTightestThereIs) {
  const Tensor vectors = scattered_vectors(12, 2).columns(3, 6);
  double least = std::numeric_limits<double>::infinity();
  for (int mask = 0; mask < 1 << 11; ++mask) {
    Partition p{Tensor::zeros({2, vectors.cols()}), std::vector<std::int32_t>(12)};
    double sizes[2] = {};
    for (int i = 0; i < 12; ++i) sizes[p.labels[static_cast<std::size_t>(i)] = (mask >> i) & 1] += 1;
    if (sizes[1] == 0) continue;
    for (std::int64_t c = 0; c < vectors.cols(); ++c)
      for (std::int64_t k = 0; k < 2; ++k) {
        double sum = 0;
        for (std::int64_t i = 0; i < 12; ++i)
          if (p.labels[static_cast<std::size_t>(i)] == k)
            sum += static_cast<double>(vectors.row<float>(i)[c]);
        p.centers.mutable_row<float>(k)[c] = static_cast<float>(sum / sizes[k]);
      }
    least = std::min(least, inertia_of(vectors, p));
  }
  EXPECT_NEAR(k_means(vectors, {.clusters = 2, .restarts = 50}).inertia, least, 1e-5 * least);
}

// scikit-learn over 60 and 20 seeds, common/golden/make_vectors.py. The means of two samples of n with
// standard deviation s differ by s sqrt(2 / n) on average; four of these are allowed.
TEST(KMeans, QualityOverManySeedsIsThatOfScikitLearn) {
  const Json golden = read_json(LYCEUM_SOURCE_DIR "/src/tasks/common/golden/vectors.json").at("k_means");
  const Tensor vectors = scattered_vectors(1200, 1.6);
  const auto expect = [&](const char* key, int all_seeds, const auto& value_of_seed) {
    const int seeds = check::unless_sanitized(all_seeds, 3);
    double sum = 0;
    for (int seed = 0; seed < seeds; ++seed) sum += value_of_seed(static_cast<std::uint64_t>(seed));
    const double mean = golden.at(key)[0].get<double>(), deviation = golden.at(key)[1].get<double>();
    EXPECT_NEAR(sum / seeds, mean, 4 * deviation * std::sqrt(2.0 / seeds)) << key;
  };
  expect("mini_batch", 60, [&](std::uint64_t seed) {
    return v_of(mini_batch_k_means(vectors, {.clusters = 23, .seed = seed}, 300));
  });
  expect("lloyd", 20,
         [&](std::uint64_t seed) { return v_of(k_means(vectors, {.clusters = 23, .seed = seed})); });
  expect("inertia", 20,
         [&](std::uint64_t seed) { return k_means(vectors, {.clusters = 23, .seed = seed}).inertia; });
}

TEST(KMeans, AsManyClustersAsVectorsAndVectorsThatRepeat) {
  const Tensor vectors = scattered_vectors(9, 1);
  const Partition each = k_means(vectors, {.clusters = 9});
  EXPECT_EQ(each.inertia, 0);
  EXPECT_EQ(std::set<std::int32_t>(each.labels.begin(), each.labels.end()).size(), 9u);

  Tensor same = Tensor::empty({20, check::kScatteredWidth});
  for (std::int64_t r = 0; r < 20; ++r)
    std::copy_n(vectors.row<float>(r % 2), same.cols(), same.mutable_row<float>(r));
  for (const Partition& found :
       {k_means(same, {.clusters = 5}), mini_batch_k_means(same, {.clusters = 5}, 10)}) {
    EXPECT_EQ(found.inertia, 0);
    const auto clusters = clusters_of(found, same);  // the empty ones are left out
    ASSERT_EQ(clusters.size(), 2u);
    EXPECT_EQ(clusters[0].members.size(), 10u);
    EXPECT_EQ(clusters[0].members[0].index, 0);  // of equal sizes the one with the earlier text
    EXPECT_NEAR(clusters[0].members[9].score, 1, 1e-6);
  }
}

TEST(KMeans, ClustersStandByTheirSizeAndMembersByTheirCosine) {
  const Tensor vectors = scattered_vectors(300, 0.9);
  const auto clusters = clusters_of(k_means(vectors, {.clusters = 10}), vectors);
  std::vector<std::uint8_t> seen(300);
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    if (c > 0) {
      EXPECT_LE(clusters[c].members.size(), clusters[c - 1].members.size());
    }
    for (std::size_t i = 0; i < clusters[c].members.size(); ++i) {
      ++seen[static_cast<std::size_t>(clusters[c].members[i].index)];
      if (i > 0) {
        EXPECT_LE(clusters[c].members[i].score, clusters[c].members[i - 1].score);
      }
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 300);
}

TEST(KMeans, PlusPlusTakesNoVectorTwiceWhileOthersAreLeft) {
  const Tensor vectors = scattered_vectors(30, 1);
  Random random(3);
  const Tensor centers = plus_plus_centers(vectors, squared_lengths(vectors), 30, random);
  std::set<std::vector<float>> rows;
  for (std::int64_t r = 0; r < 30; ++r) rows.insert(centers.row_range(r, r + 1).values<float>());
  EXPECT_EQ(rows.size(), 30u);
}

TEST(KMeans, OptionsWithoutSenseAreRefusedAndAnInterruptStops) {
  const Tensor vectors = scattered_vectors(5, 1);
  EXPECT_THROW(k_means(vectors, {.clusters = 6}), Error);
  EXPECT_THROW(k_means(vectors, {.clusters = 0}), Error);
  EXPECT_THROW(k_means(vectors, {.clusters = 2, .restarts = 0}), Error);
  EXPECT_THROW(mini_batch_k_means(vectors, {.clusters = 2}, 0), Error);
  request_interrupt();
  EXPECT_THROW(k_means(vectors, {.clusters = 2}), Error);
  EXPECT_THROW(mini_batch_k_means(vectors, {.clusters = 2}, 3), Error);
  clear_interrupt();
}

}  // namespace
}  // namespace lyceum
