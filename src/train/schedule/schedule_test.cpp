#include "train/schedule/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "check/expect_error.h"

namespace lyceum {
namespace {

using check::expect_error;

constexpr std::int64_t kTotal = 40;

struct Curve {
  const char* name;  // in golden/schedules.json
  ScheduleSpec spec;
};
const Curve kCurves[] = {
    {"constant", {}},
    {"constant_warmup", {.warmup_steps = 7}},
    {"linear", {.kind = ScheduleKind::kLinear, .total_steps = kTotal}},
    {"linear_warmup", {.kind = ScheduleKind::kLinear, .warmup_steps = 7, .total_steps = kTotal}},
    {"polynomial",
     {.kind = ScheduleKind::kPolynomial,
      .warmup_steps = 7,
      .total_steps = kTotal,
      .final_ratio = 0.1,
      .power = 2.5}},
    {"cosine", {.kind = ScheduleKind::kCosine, .warmup_steps = 7, .total_steps = kTotal}},
    {"cosine_waves", {.kind = ScheduleKind::kCosine, .total_steps = kTotal, .cycles = 1.75}},
    {"cosine_min",
     {.kind = ScheduleKind::kCosine, .warmup_steps = 7, .total_steps = kTotal, .final_ratio = 0.1}},
    {"wsd_linear",
     {.kind = ScheduleKind::kStableThenDecay,
      .warmup_steps = 7,
      .total_steps = kTotal,
      .decay_steps = 12,
      .decay = DecayCurve::kLinear}},
    {"wsd_cosine",
     {.kind = ScheduleKind::kStableThenDecay, .warmup_steps = 7, .total_steps = kTotal, .decay_steps = 12}},
    {"wsd_sqrt",
     {.kind = ScheduleKind::kStableThenDecay,
      .total_steps = kTotal,
      .final_ratio = 0.2,
      .decay_steps = 12,
      .decay = DecayCurve::kOneMinusSqrt}},
    {"inverse_sqrt", {.kind = ScheduleKind::kInverseSqrt, .warmup_steps = 7}},
};

// transformers 5.18, golden/make_golden.py. What comes from cos and pow is rounded to f32: half of 2^-23, and
// a few roundings in double beside.
TEST(Schedule, EachStepHasTheValueThatTransformersGivesTheNext) {
  std::ifstream file(LYCEUM_SOURCE_DIR "/src/train/schedule/golden/schedules.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden.size(), std::size(kCurves));
  for (const Curve& curve : kCurves) {
    const auto& lambda = golden.at(curve.name);
    ASSERT_EQ(lambda.size(), static_cast<std::size_t>(kTotal) + 1);
    for (std::int64_t step = 1; step <= kTotal; ++step)
      EXPECT_NEAR(learning_rate_at(curve.spec, 3e-4, step),
                  3e-4 * lambda[static_cast<std::size_t>(step)].get<double>(), 3e-4 * 0x1.01p-24)
          << curve.name << ", step " << step;
  }
}

TEST(Schedule, TheFirstStepMovesAndThePeakIsTheLastOfTheWarmUp) {
  for (const Curve& curve : kCurves) {
    if (curve.spec.warmup_steps == 0) continue;
    EXPECT_EQ(learning_rate_at(curve.spec, 0.5, 1), 0.5 / 7) << curve.name;
    EXPECT_EQ(learning_rate_at(curve.spec, 0.5, 7), 0.5) << curve.name;
    EXPECT_LE(learning_rate_at(curve.spec, 0.5, 8), 0.5) << curve.name;
  }
}

TEST(Schedule, AfterTheEndTheRateStays) {
  for (const Curve& curve : kCurves)
    if (curve.spec.total_steps > 0) {
      EXPECT_EQ(learning_rate_at(curve.spec, 0.5, kTotal), learning_rate_at(curve.spec, 0.5, kTotal + 1));
      EXPECT_EQ(learning_rate_at(curve.spec, 0.5, kTotal),
                learning_rate_at(curve.spec, 0.5, std::numeric_limits<std::int64_t>::max()));
    }
}

TEST(Schedule, TheRateIsNeverNegativeAndNeverAboveThePeak) {
  for (const Curve& curve : kCurves)
    for (std::int64_t step = 1; step <= 2 * kTotal; ++step) {
      EXPECT_GE(learning_rate_at(curve.spec, 0.3, step), 0) << curve.name << ", step " << step;
      EXPECT_LE(learning_rate_at(curve.spec, 0.3, step), 0.3) << curve.name << ", step " << step;
    }
}

// Vaswani et al. 2017, Eq. (3). A handful of roundings in double.
TEST(Schedule, InverseSqrtIsThatOfTheTransformer) {
  constexpr double kWidth = 512, kWarmUp = 4000;
  const ScheduleSpec spec{.kind = ScheduleKind::kInverseSqrt, .warmup_steps = 4000};
  const double peak = 1 / std::sqrt(kWidth * kWarmUp);
  for (const std::int64_t step : {1, 2, 100, 3999, 4000, 4001, 16000, 100000}) {
    const auto s = static_cast<double>(step);
    const double want =
        1 / std::sqrt(kWidth) * std::min(1 / std::sqrt(s), s / (kWarmUp * std::sqrt(kWarmUp)));
    EXPECT_NEAR(learning_rate_at(spec, peak, step), want, 1e-14 * want) << step;
  }
}

TEST(Schedule, InverseSqrtWithoutTheRampIsTheRelativeStepOfAdafactor) {
  for (const std::int64_t step : {1, 2, 100, 9999, 10000, 10001, 40000, 1000000}) {
    const auto s = static_cast<double>(step);
    ScheduleSpec spec{.kind = ScheduleKind::kInverseSqrt, .warmup_steps = 10000, .ramp = false};
    double want = std::min(1e-2, 1 / std::sqrt(s));
    EXPECT_NEAR(learning_rate_at(spec, 1e-2, step), want, 1e-14 * want) << step;
    spec.ramp = true;  // warmup_init
    want = std::min(1e-6 * s, 1 / std::sqrt(s));
    EXPECT_NEAR(learning_rate_at(spec, 1e-2, step), want, 1e-14 * want) << step;
  }
}

TEST(Schedule, AWarmUpOfTheWholeRunEndsAtThePeak) {
  for (const ScheduleKind kind : {ScheduleKind::kLinear, ScheduleKind::kPolynomial, ScheduleKind::kCosine,
                                  ScheduleKind::kStableThenDecay}) {
    const ScheduleSpec spec{.kind = kind, .warmup_steps = 10, .total_steps = 10};
    EXPECT_EQ(learning_rate_at(spec, 0.5, 10), 0.5);
    EXPECT_TRUE(std::isfinite(learning_rate_at(spec, 0.5, 11)));
  }
}

TEST(Schedule, SaysWhatCannotBe) {
  const auto check = [](const char* part, const ScheduleSpec& spec) {
    expect_error(Errc::kData, part, [&] { check_schedule(spec); });
    expect_error(Errc::kData, part, [&] { learning_rate_at(spec, 1, 1); });
  };
  constexpr auto kLinear = ScheduleKind::kLinear;
  check("found warmup_steps = 11, expected at most the 10 steps of the run",
        {.kind = kLinear, .warmup_steps = 11, .total_steps = 10});
  check("found warmup_steps = 11, expected at most the 10 steps of the run",
        {.warmup_steps = 11, .total_steps = 10});
  check("found warmup_steps = -1, expected 0 or more", {.warmup_steps = -1});
  check("found total_steps = -5", {.total_steps = -5});
  check("found no total_steps", {.kind = kLinear});
  check("found no warmup_steps", {.kind = ScheduleKind::kInverseSqrt});
  check("found decay_steps = 9, expected at most the 8 steps after the warm-up",
        {.kind = ScheduleKind::kStableThenDecay, .warmup_steps = 2, .total_steps = 10, .decay_steps = 9});
  check("found decay_steps = 3, expected none", {.kind = kLinear, .total_steps = 10, .decay_steps = 3});
  for (const double ratio : {-0.1, 1.1, std::nan("")})
    check("expected 0 to 1", {.kind = kLinear, .total_steps = 10, .final_ratio = ratio});
  check("this schedule has no end", {.final_ratio = 0.1});
  for (const double number : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    check("found cycles = ", {.cycles = number});
    check("found power = ", {.power = number});
  }
  for (const double peak : {-1e-9, std::nan(""), HUGE_VAL})
    expect_error(Errc::kData, "found the peak", [&] { learning_rate_at({}, peak, 1); });
  for (const std::int64_t step : {std::int64_t{0}, std::numeric_limits<std::int64_t>::min()})
    expect_error(Errc::kData, "expected 1 or more", [&] { learning_rate_at({}, 1, step); });
}

}  // namespace
}  // namespace lyceum
