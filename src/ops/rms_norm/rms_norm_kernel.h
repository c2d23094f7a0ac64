#pragma once

#include <cstdint>

namespace lyceum::kernels {

// y may be no input. inverse_rms [rows] is written when not null.
struct RmsNormRows {
  const float *x, *weight;
  float *y, *inverse_rms;
  std::int64_t x_stride, cols;
  float epsilon;
};
void rms_norm_rows(const RmsNormRows& args, std::int64_t begin, std::int64_t end) noexcept;

// dx = inverse_rms (g - n mean(g n)), g = dy weight, n = x inverse_rms. dy and dx are contiguous.
struct RmsNormBackwardRows {
  const float *dy, *x, *weight, *inverse_rms;
  float* dx;
  std::int64_t x_stride, cols;
};
void rms_norm_backward_rows(const RmsNormBackwardRows& args, std::int64_t begin, std::int64_t end) noexcept;

}  // namespace lyceum::kernels
