// Layer normalisation. Source: Ba et al. 2016.
#pragma once

#include "tensor/tensor.h"

namespace lyceum {

// y = (x - mean) / sqrt(variance + epsilon) gamma + beta over the last dimension; variance divides by C, from
// the deviations in a second pass. x [.., C] with any row stride, gamma and beta [C]. Gradients for all
// three.
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, float epsilon);

// The same of x + residual, added in one pass over memory. Gradients for all four.
Tensor residual_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                           float epsilon);

}  // namespace lyceum
