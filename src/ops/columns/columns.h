// Parts, joins and sums of matrices: what glues the other ops together.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace lyceum {

// x[.., begin:end], a view. Gradient: zeros elsewhere.
Tensor slice_columns(const Tensor& x, std::int64_t begin, std::int64_t end);

// [x_1 | x_2 | ...] for matrices with the same rows.
Tensor concat_columns(std::span<const Tensor> parts);

// y_i = x[index_i]; an index of -1 gives a row of zeros. Gradient summed in the order of the indices.
Tensor gather_rows(const Tensor& x, std::span<const std::int64_t> indices);

// Elementwise, same shapes.
Tensor add(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor scale(const Tensor& x, float factor);

}  // namespace lyceum
