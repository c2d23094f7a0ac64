#pragma once

#include <cstdint>

namespace lyceum::kernels {

// y may be x. Returns nothing for cols = 0.
void softmax_row(const float* x, float* y, std::int64_t cols) noexcept;
// max x + log sum exp(x - max x), cols >= 1. `exponentials` [cols] is scratch.
float log_sum_exp(const float* x, float* exponentials, std::int64_t cols) noexcept;
// dx = y (dy - <y, dy>)
void softmax_backward_row(const float* y, const float* dy, float* dx, std::int64_t cols) noexcept;
// Elementwise max(x, 0) - x target + log(1 + exp(-|x|)) and its slope sigmoid(x) - target.
void logistic_loss_row(const float* x, const float* target, float* loss, float* slope,
                       std::int64_t cols) noexcept;

}  // namespace lyceum::kernels
