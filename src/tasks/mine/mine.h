// The closest pairs among many vectors.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lyceum/pair_miner.h"
#include "tensor/tensor.h"

namespace lyceum {

using MineProgress = std::function<void(std::int64_t done)>;  // rows of `vectors` that were compared with all

// As PairMiner::mine says. Rows of the vectors [N, D] have length 1 (normalize_rows). Every row is compared
// with all, some hundred thousand scores at a time; what is kept besides the vectors are the `top` hits of
// 1024 rows and twice max_pairs. Throws Errc::kUsage for options without sense, kInterrupted between two
// tiles.
std::vector<MinedPair> mine_pairs(const Tensor& vectors, const MineOptions& options,
                                  const MineProgress& progress = {});
std::vector<MinedPair> mine_pairs(const Tensor& vectors, const Tensor& others, const MineOptions& options,
                                  const MineProgress& progress = {});

}  // namespace lyceum
