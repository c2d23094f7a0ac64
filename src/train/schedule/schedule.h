// The learning rate of each step.
//
// Steps count from 1, and the rate of step s is the curve at s. transformers' get_*_schedule functions start
// their curves at 0: their first step has the rate lambda(0), which is 0 with a warm-up. So with f(s) as
// below and the same settings,
//   learning_rate_at(spec, peak, s) = peak f(s) = peak lambda(s), and transformers uses it for its step s
//   + 1.
// The last of T steps has f(T), the end of the curve.
//
//   W warm-up steps   T total steps   E final_ratio   D decay_steps
//   s <= W: f = s / W for every kind (1 with ramp = false); then, with x = (s - W) / (T - W), at most 1,
//   constant      1                                       get_constant_schedule(_with_warmup)
//   linear        E + (1 - E) (1 - x)                     get_linear_schedule_with_warmup (E = 0)
//   polynomial    E + (1 - E) (1 - x)^power               get_polynomial_decay_..., lr_end = E peak
//   cosine        E + (1 - E) (1 + cos(2 pi cycles x)) / 2    get_cosine_schedule_with_warmup (E = 0), and
//                                                         get_cosine_with_min_lr_schedule_with_warmup
//   wsd           1 until T - D; then with y = (s - T + D) / D:  E + (1 - E) decay(y), decay(y) = 1 - y,
//                 (1 + cos(pi y)) / 2 or 1 - sqrt(y)      get_wsd_schedule, whose warm-up starts at E, ours
//                 at 0
//   inverse_sqrt  sqrt(W / s)                             get_inverse_sqrt_schedule
//
// inverse_sqrt is the schedule of Vaswani et al. 2017, section 5.3, Eq. (3), d^-0.5 min(s^-0.5, s W^-1.5),
// with its highest value as the peak: peak = d^-0.5 W^-0.5. Without the ramp it is T5's, 1 / sqrt(max(s, W))
// with peak = W^-0.5 (Raffel et al. 2020, section 3.1.2; W = 10,000, peak = 0.01), which is Adafactor's
// relative step min(1e-2, 1 / sqrt(s)); with the ramp, its warmup_init min(1e-6 s, 1 / sqrt(s)).
#pragma once

#include <cstdint>

namespace lyceum {

enum class ScheduleKind { kConstant, kLinear, kPolynomial, kCosine, kStableThenDecay, kInverseSqrt };
enum class DecayCurve { kLinear, kCosine, kOneMinusSqrt };  // of kStableThenDecay

struct ScheduleSpec {
  ScheduleKind kind = ScheduleKind::kConstant;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 0;  // kConstant and kInverseSqrt need none
  bool ramp = true;              // false: the rate stands at the peak during the warm-up
  double final_ratio = 0;        // of the peak; not of kConstant and kInverseSqrt, which have no end
  double cycles = 0.5;           // waves of kCosine; 0.5: down and not up again
  double power = 1;              // of kPolynomial
  std::int64_t decay_steps = 0;  // the last ones, of kStableThenDecay
  DecayCurve decay = DecayCurve::kCosine;
};

// Throws Errc::kData for a schedule that cannot be: a negative count, more warm-up (and decay) than steps, no
// total where the kind needs one, no warm-up where the kind is made of it, a number out of its range, or one
// that the kind would not heed.
void check_schedule(const ScheduleSpec& spec);

// The rate of step `step` >= 1; after the last step the last one's. 0 <= result <= peak. The same bits on
// every machine, but where libm's cos or pow comes within 2^-28 of a rounding of its result to f32. Throws
// what check_schedule() does, and Errc::kData for a step below 1 and a peak that is negative or not finite.
double learning_rate_at(const ScheduleSpec& spec, double peak, std::int64_t step);

}  // namespace lyceum
