#pragma once

#include <cstdint>

namespace lyceum::kernels {

// y may be `normalized`'s neighbour but no input. normalized [rows, cols] = (x - mean) / sigma and
// inverse_sigma [rows] are written when not null; residual may be null.
struct LayerNormRows {
  const float *x, *residual, *gamma, *beta;
  float *y, *normalized, *inverse_sigma;
  std::int64_t x_stride, residual_stride, cols;
  float epsilon;
};
void layer_norm_rows(const LayerNormRows& args, std::int64_t begin, std::int64_t end) noexcept;

// y = n gamma + beta of rows [begin, end), with the bits of layer_norm_rows.
void layer_norm_outputs(const float* normalized, const float* gamma, const float* beta, float* y,
                        std::int64_t cols, std::int64_t begin, std::int64_t end) noexcept;

// dx = inverse_sigma (g - mean(g) - n mean(g n)), g = dy gamma, n = normalized.
void layer_norm_backward_rows(const float* dy, const float* normalized, const float* inverse_sigma,
                              const float* gamma, float* dx, std::int64_t cols, std::int64_t begin,
                              std::int64_t end) noexcept;

}  // namespace lyceum::kernels
