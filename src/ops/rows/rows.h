// Rows taken from a matrix by their numbers, and rows added into one: each is the other's gradient.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace lyceum {

// y_i = x[index_i]: [N, C] from x [R, C] with any row stride and N indices in [-1, R); -1 gives a row of
// zeros. An index may come twice: the gradient is scatter_rows, summed in the order of the indices. Throws
// Errc::kData for an index outside.
Tensor gather_rows(const Tensor& x, std::span<const std::int64_t> indices);

// y[index_i] += x_i, in the order of i, from zeros: [rows, C] from x [N, C] with any row stride and N indices
// in
// [-1, rows); -1 drops the row. The gradient is gather_rows. Throws Errc::kData for an index outside or
// another number of them.
Tensor scatter_rows(const Tensor& x, std::span<const std::int64_t> indices, std::int64_t rows);

}  // namespace lyceum
