// The product of two activations: every row of one against every row of the other.
//
// Products with weights are ops/linear, products inside a sequence are ops/attention. What is left are scores
// between two sets of vectors that both learn, as in-batch contrastive losses take them; hence this one
// orientation only.
#pragma once

#include "tensor/tensor.h"

namespace lyceum {

// y = a b^T, y[m][n] = <a_m, b_n>: [M, N] from a [M, K] and b [N, K], any row strides. Gradients for both:
// da = dy b, db = dy^T a. Each output is one chain of fused multiply-adds over k in order: its bits depend on
// its two rows alone. K = 0 gives zeros. Throws Errc::kData when the widths differ.
Tensor matmul_transposed(const Tensor& a, const Tensor& b);

}  // namespace lyceum
