// From the vectors of a text's tokens to one vector. Source: sentence-transformers' Pooling and Normalize modules.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/layout.h"
#include "tensor/tensor.h"

namespace lyceum {

enum class PoolingMode { kCls, kMax, kMean, kMeanSqrtLength, kWeightedMean, kLastToken };

// x [T, C] -> [B, C]. With n tokens that count (all but the first skip[s], the tokens of a prompt; skip may be empty):
//   cls: the first token that counts, or the first of all when none does   last: the last token   max: over tokens
//   mean: sum / n   mean_sqrt_length: sum / sqrt(n)   weighted_mean: sum of i y_i / sum of i, i the place 1, 2, ... in
//   the whole sequence
// Otherwise a sequence in which nothing counts gives zeros. Tokens are added in order: the bits do not depend on the batch. Of equal
// largest values the first gets max's gradient. Throws Errc::kData for another number of tokens or of skips, or a negative one.
Tensor pool(const Tensor& x, const SequenceLayout& layout, PoolingMode mode, std::span<const std::int64_t> skip = {});

// y = x / max(|x|, 1e-12) for each row.
Tensor normalize(const Tensor& x);

}  // namespace lyceum
