// Where k-means begins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "tensor/tensor.h"

namespace lyceum {

// <v, v> of every row, with the bits of score_rows.h: |x - c|^2 is exactly 0 where x and c are the same.
std::vector<float> squared_lengths(const Tensor& vectors);

// `count` of the vectors: the first by chance, each further one the best of 2 + log(count) that are drawn
// with a chance in proportion to the squared distance from those chosen so far (greedy k-means++, as
// scikit-learn).
Tensor plus_plus_centers(const Tensor& vectors, std::span<const float> squares, std::int64_t count,
                         Random& random);

}  // namespace lyceum
