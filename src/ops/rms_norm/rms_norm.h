// Root-mean-square normalisation. Source: Zhang and Sennrich 2019; this form is that of T5 and LLaMA.
#pragma once

#include "tensor/tensor.h"

namespace lyceum {

// y = x / sqrt(mean(x^2) + epsilon) weight over the last dimension: no mean is taken off and nothing is
// added. x [.., C] with any row stride and |x| below 1e19 / sqrt(C), so that the squares stay finite; weight
// [C]. Gradients for both. Throws Errc::kData when the widths differ.
Tensor rms_norm(const Tensor& x, const Tensor& weight, float epsilon);

}  // namespace lyceum
