#include "train/schedule/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace lyceum {
namespace {

bool has_end(ScheduleKind kind) {
  return kind != ScheduleKind::kConstant && kind != ScheduleKind::kInverseSqrt;
}

// libm's last bit differs from machine to machine; f32, in which steps are taken, does not show it.
double rounded(double x) { return static_cast<double>(static_cast<float>(x)); }

double half_cosine(double turns) { return rounded((1 + std::cos(2 * std::numbers::pi * turns)) / 2); }

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

double decayed(DecayCurve curve, double y) {
  switch (curve) {
    case DecayCurve::kLinear:
      return 1 - y;
    case DecayCurve::kCosine:
      return half_cosine(y / 2);
    case DecayCurve::kOneMinusSqrt:
      return 1 - std::sqrt(y);
  }
  return 1;
}

// f(s) without E, for s > W and not beyond the end.
double curve_at(const ScheduleSpec& spec, std::int64_t s) {
  const auto x = [&] { return share(s - spec.warmup_steps, spec.total_steps - spec.warmup_steps); };
  switch (spec.kind) {
    case ScheduleKind::kConstant:
      return 1;
    case ScheduleKind::kLinear:
      return share(spec.total_steps - s, spec.total_steps - spec.warmup_steps);
    case ScheduleKind::kPolynomial:
      return rounded(std::pow(1 - x(), spec.power));
    case ScheduleKind::kCosine:
      return half_cosine(spec.cycles * x());
    case ScheduleKind::kStableThenDecay: {
      const std::int64_t decaying = s - (spec.total_steps - spec.decay_steps);
      return decaying <= 0 ? 1 : decayed(spec.decay, share(decaying, spec.decay_steps));
    }
    case ScheduleKind::kInverseSqrt:
      return std::sqrt(share(spec.warmup_steps, s));
  }
  return 1;
}

void check_steps(const char* name, std::int64_t steps) {
  if (steps < 0) fail(Errc::kData, "schedule: found {} = {}, expected 0 or more", name, steps);
}

}  // namespace

void check_schedule(const ScheduleSpec& spec) {
  check_steps("warmup_steps", spec.warmup_steps);
  check_steps("total_steps", spec.total_steps);
  check_steps("decay_steps", spec.decay_steps);
  if (has_end(spec.kind) && spec.total_steps == 0)
    fail(Errc::kData,
         "schedule: found no total_steps, expected 1 or more for a schedule that comes to an end");
  if (spec.total_steps > 0 && spec.warmup_steps > spec.total_steps)
    fail(Errc::kData, "schedule: found warmup_steps = {}, expected at most the {} steps of the run",
         spec.warmup_steps, spec.total_steps);
  if (spec.kind == ScheduleKind::kInverseSqrt && spec.warmup_steps == 0)
    fail(Errc::kData, "schedule: found no warmup_steps, expected 1 or more: inverse_sqrt falls from there");
  if (spec.kind != ScheduleKind::kStableThenDecay && spec.decay_steps != 0)
    fail(Errc::kData, "schedule: found decay_steps = {}, expected none: only wsd has such a part",
         spec.decay_steps);
  if (spec.decay_steps > spec.total_steps - spec.warmup_steps && spec.decay_steps != 0)
    fail(Errc::kData, "schedule: found decay_steps = {}, expected at most the {} steps after the warm-up",
         spec.decay_steps, spec.total_steps - spec.warmup_steps);
  if (!(spec.final_ratio >= 0 && spec.final_ratio <= 1))
    fail(Errc::kData, "schedule: found final_ratio = {}, expected 0 to 1", spec.final_ratio);
  if (!has_end(spec.kind) && spec.final_ratio != 0)
    fail(Errc::kData, "schedule: found final_ratio = {}, expected none: this schedule has no end",
         spec.final_ratio);
  if (!(spec.cycles > 0 && spec.cycles <= 1e6))
    fail(Errc::kData, "schedule: found cycles = {}, expected more than 0 and at most 1e6", spec.cycles);
  if (!(spec.power > 0 && std::isfinite(spec.power)))
    fail(Errc::kData, "schedule: found power = {}, expected a finite number above 0", spec.power);
}

double learning_rate_at(const ScheduleSpec& spec, double peak, std::int64_t step) {
  check_schedule(spec);
  if (!(peak >= 0 && std::isfinite(peak)))
    fail(Errc::kData, "schedule: found the peak {}, expected a finite number, 0 or more", peak);
  if (step < 1) fail(Errc::kData, "schedule: found step {}, expected 1 or more", step);
  if (has_end(spec.kind)) step = std::min(step, spec.total_steps);
  if (step <= spec.warmup_steps) return spec.ramp ? peak * share(step, spec.warmup_steps) : peak;
  return peak * (spec.final_ratio + (1 - spec.final_ratio) * curve_at(spec, step));
}

}  // namespace lyceum
