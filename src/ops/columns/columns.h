// Parts, joins and sums of matrices: what glues the other ops together. (A sum that a product or a norm can
// take along is fused there: the residual of ops/linear and ops/layer_norm.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace lyceum {

// x[.., begin:end], a view. Gradient: zeros elsewhere.
Tensor slice_columns(const Tensor& x, std::int64_t begin, std::int64_t end);

// All of x in parts of one width, as views: the gradient is put together once. Throws Errc::kInternal where
// the columns are no multiple of `parts`.
std::vector<Tensor> split_columns(const Tensor& x, std::int64_t parts);

// [x_1 | x_2 | ...] for at least one matrix, all with the same rows. Throws Errc::kData when rows differ.
Tensor concat_columns(std::span<const Tensor> parts);

// Elementwise, same shapes, any row strides. Gradients for every tensor. Throws Errc::kData when shapes
// differ.
Tensor add(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor scale(const Tensor& x, float factor);

// y[j][i] = x[i][j]: [C, R] from [R, C] with any row stride. The gradient is the transpose of the cotangent.
Tensor transpose(const Tensor& x);

}  // namespace lyceum
