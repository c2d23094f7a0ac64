// The inner loops of the optimisers. Elements stand for themselves, but for sums of squares, which run over
// 16 virtual lanes in double (the square of an f32 is exact there) and are folded in one order.
#pragma once

#include <cstdint>

namespace lyceum::kernels {

// Scalars of one step, rounded to f32 once.
struct AdamScalars {
  float gradient_scale, l2;  // the gradient is gradient_scale g + l2 p
  float one_minus_beta1, beta2, one_minus_beta2;
  float epsilon;  // times sqrt(1 - beta2^t)
  float size;     // sqrt(1 - beta2^t) / (1 - beta1^t), times the rate for AdamW
  float decay;    // weight decay, times the rate for AdamW
};
// p -= u, u = size m / (sqrt(v) + epsilon) + decay p, after m and v have taken in the gradient.
void adam_block(const AdamScalars& s, float* p, const float* g, float* m, float* v,
                std::int64_t count) noexcept;

// LAMB in two passes with the same u: m and v take in the gradient, and the sums of p^2 and u^2 come out;
// then p -= step u.
struct SquareSums {
  double weight, update;
};
SquareSums lamb_moments_block(const AdamScalars& s, const float* p, const float* g, float* m, float* v,
                              std::int64_t count) noexcept;
void lamb_move_block(const AdamScalars& s, float step, float* p, const float* m, const float* v,
                     std::int64_t count) noexcept;

// d = gradient_scale g + l2 p;  b = momentum b + intake d;  p -= rate (nesterov ? d + momentum b : b).
// Without b: p -= rate d.
struct SgdScalars {
  float gradient_scale, l2, momentum, intake, rate;
  bool nesterov;
};
void sgd_block(const SgdScalars& s, float* p, const float* g, float* b, std::int64_t count) noexcept;

// The sum of (scale x)^2, scale x rounded to f32.
double sum_of_squares(const float* x, float scale, std::int64_t count) noexcept;
// sums[c] += (scale x[c])^2
void add_squares(const float* x, float scale, double* sums, std::int64_t count) noexcept;

// A row of Adafactor's update: u[c] = (row_factor column_factors[c]) (scale g[c]).
struct AdafactorRow {
  const float *g, *column_factors;
  float scale, row_factor;
};
double adafactor_squares(const AdafactorRow& row, std::int64_t count) noexcept;  // the sum of u^2
// d = size u, or m = beta1 m + one_minus_beta1 size u where there is an m;  p -= d + decay p.
struct AdafactorMove {
  float size, decay, beta1, one_minus_beta1;
};
void adafactor_move(const AdafactorMove& s, const AdafactorRow& row, float* p, float* m,
                    std::int64_t count) noexcept;

// average += one_minus_decay (x - average)
void move_average(float* average, const float* x, float one_minus_decay, std::int64_t count) noexcept;

}  // namespace lyceum::kernels
