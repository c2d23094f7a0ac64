// K-means over vectors: whole passes until nothing changes (Lloyd 1982), or small samples (Sculley 2010),
// both from greedy k-means++ (Arthur and Vassilvitskii 2007).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lyceum/text_clusterer.h"
#include "tensor/tensor.h"

namespace lyceum {

struct Partition {
  Tensor centers;                    // [K, D]
  std::vector<std::int32_t> labels;  // of each vector its nearest center; of equally near ones the smaller
  double inertia = 0;                // the sum of squared distances to them
};

// vectors [N, D] f32, finite. The bits depend on vectors and options only: seeds are counters (base/random),
// sums run in index order. Throws Errc::kUsage unless 1 <= clusters <= N and restarts >= 1; kInterrupted
// between two passes.
//
// Ends when no label changes, when the centers move by less than 1e-4 of the mean variance of a column
// (squared and summed), or after 300 passes (scikit-learn's KMeans). A center that lost all its vectors
// becomes the vector farthest from its own center, unless every vector lies on one.
Partition k_means(const Tensor& vectors, const KMeansOptions& options);

// As scikit-learn's MiniBatchKMeans, which MTEB scores clustering with: samples of `batch` vectors, drawn
// with replacement, move each center to the mean of all it was ever given; centers with less than a hundredth
// of the largest share are put on sampled vectors now and then; the end is when the smoothed inertia has not
// improved for ten samples, or after the vectors were drawn 100 times over. restarts is not looked at: one
// start, from k-means++ on three batches.
Partition mini_batch_k_means(const Tensor& vectors, const KMeansOptions& options, std::int64_t batch);

// The clusters that are not empty, largest first, of equal size the one with the earlier text. Scores are
// cosines.
std::vector<TextCluster> clusters_of(const Partition& partition, const Tensor& vectors);

}  // namespace lyceum
