// A layer normalisation's parameters, and the op with them.
#pragma once

#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/weight.h"

namespace lyceum {

struct NormWeights {
  WeightPtr gamma, beta;  // [C]
};

inline Tensor layer_norm(const Tensor& x, const NormWeights& norm, float epsilon) {
  return layer_norm(x, norm.gamma->f32(), norm.beta->f32(), epsilon);
}
inline Tensor residual_layer_norm(const Tensor& x, const Tensor& residual, const NormWeights& norm,
                                  float epsilon) {
  return residual_layer_norm(x, residual, norm.gamma->f32(), norm.beta->f32(), epsilon);
}

}  // namespace lyceum
