// Sets of vectors that are close to one of them, the largest first.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lyceum/text_clusterer.h"
#include "tensor/tensor.h"

namespace lyceum {

// Rows of `vectors` [N, D] have length 1 (normalize_rows). The result is that of sentence-transformers'
// community_detection; members of equal score stand in the order of their indices, where torch.topk promises
// none. All pairs are compared once to count, and those of rows with enough neighbours once more, so that
// memory holds one number a row and the neighbours of a few rows, never those of all. `progress` hears the
// rows that were counted. Throws Errc::kUsage as TextClusterer::communities, kInterrupted between two tiles.
std::vector<TextCluster> communities(const Tensor& vectors, const CommunityOptions& options,
                                     const std::function<void(std::int64_t done)>& progress = {});

}  // namespace lyceum
