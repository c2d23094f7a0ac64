// Row i of one matrix against row i of another: products, distances, differences. (Every row against every
// other is ops/matmul; a cosine is dot_rows of two normalize()d matrices.)
//
// All take a and b [B, D] of any row stride, with gradients for both, and throw Errc::kData when shapes
// differ. A result's bits depend on its two rows alone.
#pragma once

#include "tensor/tensor.h"

namespace lyceum {

// y_i = <a_i, b_i>: [B, 1].
Tensor dot_rows(const Tensor& a, const Tensor& b);

enum class DistanceNorm { kManhattan, kEuclidean };

// y_i = |a_i - b_i + shift|_1 or _2: [B, 1]. `shift` is added to every element of the difference (PyTorch's
// pairwise_distance adds 1e-6, so that its root has a slope everywhere). Where a Euclidean distance is 0, or
// an element's difference in a Manhattan one, the gradient is 0; that of PyTorch's root is NaN there.
Tensor distance_rows(const Tensor& a, const Tensor& b, DistanceNorm norm, float shift = 0);

// y = |a - b|, elementwise: [B, D]. The gradient is 0 where a = b, as PyTorch's.
Tensor absolute_difference(const Tensor& a, const Tensor& b);

}  // namespace lyceum
