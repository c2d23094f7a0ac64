// The functions against the standard library in double, over a sweep of all floats, and their bits on every
// instruction set. The errors here are those that math-inl.h promises.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/math_test.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstdint>

#include "kernels/isa.h"
#include "kernels/simd/lanes-inl.h"
#include "kernels/simd/math-inl.h"

#ifndef LYCEUM_KERNELS_SIMD_MATH_TEST_FUNCTIONS
#define LYCEUM_KERNELS_SIMD_MATH_TEST_FUNCTIONS
namespace lyceum::kernels {
enum class Function {
  kExp,
  kLog,
  kErf,
  kTanh,
  kSigmoid,
  kSilu,
  kGeluErf,
  kGeluTanh,
  kGeluErfSlope,
  kGeluTanhSlope,
  kSiluSlope
};
}  // namespace lyceum::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lyceum::kernels::HWY_NAMESPACE {

HWY_INLINE VF32 Apply(F32 d, Function f, VF32 x) {
  switch (f) {
    case Function::kExp:
      return Exp(d, x);
    case Function::kLog:
      return Log(d, x);
    case Function::kErf:
      return Erf(d, x);
    case Function::kTanh:
      return Tanh(d, x);
    case Function::kSigmoid:
      return Sigmoid(d, x);
    case Function::kSilu:
      return Silu(d, x);
    case Function::kGeluErf:
      return GeluErf(d, x);
    case Function::kGeluTanh:
      return GeluTanh(d, x);
    case Function::kGeluErfSlope:
      return GeluErfSlope(d, x);
    case Function::kGeluTanhSlope:
      return GeluTanhSlope(d, x);
    case Function::kSiluSlope:
      return SiluSlope(d, x);
  }
  return x;
}

void ApplyImpl(Function f, const float* x, float* y, std::int64_t n) {
  const F32 d;
  for (std::int64_t i = 0; i < n; i += static_cast<std::int64_t>(hn::Lanes(d)))
    StoreTail(d, Apply(d, f, LoadTail(d, x, i, n)), y, i, n);
}

}  // namespace lyceum::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "check/sanitized.h"

namespace lyceum::kernels {
HWY_EXPORT(ApplyImpl);
namespace {

constexpr float kLargest = std::numeric_limits<float>::max(),
                kSmallestNormal = std::numeric_limits<float>::min();

std::vector<float> computed(Function f, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  LYCEUM_DISPATCH(ApplyImpl)(f, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  return y;
}

float computed(Function f, float x) { return computed(f, std::vector<float>{x})[0]; }

// Primes, so that every exponent comes with many mantissas: 33420 of them. 1 takes some minutes.
constexpr std::uint32_t kStride = check::unless_sanitized(251u, 16381u);

// Calls look(x, y) for the floats from `first` on in steps of kStride bit patterns while they are at most
// `last`, both of one sign, in pieces.
void sweep(Function f, float first, float last, const std::function<void(float, float)>& look) {
  const auto begin = std::bit_cast<std::uint32_t>(first), end = std::bit_cast<std::uint32_t>(last);
  std::vector<float> x;
  for (std::uint64_t bits = begin; bits <= end;) {
    x.clear();
    for (; bits <= end && x.size() < 1 << 14; bits += kStride)
      x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    if (bits > end) x.push_back(last);
    const std::vector<float> y = computed(f, x);
    for (std::size_t i = 0; i < x.size(); ++i) look(x[i], y[i]);
  }
}

void sweep_both_signs(Function f, float last, const std::function<void(float, float)>& look) {
  sweep(f, 0.0f, last, look);
  sweep(f, -0.0f, -last, look);
}

double ulp_error(float found, double want) {
  if (want == 0) return found == 0 ? 0 : HUGE_VAL;
  return std::fabs(static_cast<double>(found) - want) /
         std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
}

// The largest error of a sweep and where it was; an error that is no number counts as infinite.
class Worst {
 public:
  void add(float x, double error) {
    if (error <= error_) return;
    error_ = std::isnan(error) ? HUGE_VAL : error;
    at_ = x;
  }
  void require(float x, bool holds) { add(x, holds ? 0 : HUGE_VAL); }
  std::string above(double limit) const {
    return error_ <= limit ? "" : "an error of " + std::to_string(error_) + " at " + std::to_string(at_);
  }

 private:
  double error_ = 0;
  float at_ = 0;
};

TEST(Exp, IsWithinTwoUlpAndZeroBelowItsRange) {
  Worst worst;
  sweep_both_signs(Function::kExp, 88.72f, [&](float x, float y) {
    worst.add(x, x < -86.6f ? ulp_error(y, 0) : ulp_error(y, std::exp(static_cast<double>(x))));
  });
  EXPECT_EQ(worst.above(2), "");
  Worst far;
  sweep(Function::kExp, 88.73f, INFINITY, [&](float x, float y) { far.require(x, y == INFINITY); });
  sweep(Function::kExp, -88.73f, -INFINITY, [&](float x, float y) { far.require(x, y == 0); });
  EXPECT_EQ(far.above(0), "");
  EXPECT_EQ(computed(Function::kExp, 0.0f), 1.0f);
}

TEST(Log, IsWithinTwoUlpForNormalNumbers) {
  Worst worst;
  sweep(Function::kLog, kSmallestNormal, kLargest,
        [&](float x, float y) { worst.add(x, ulp_error(y, std::log(static_cast<double>(x)))); });
  EXPECT_EQ(worst.above(2), "");
}

TEST(Log, HasItsLimitsAndReadsSubnormalsAsAboutTheSmallestNormal) {
  EXPECT_EQ(computed(Function::kLog, 0.0f), -INFINITY);
  EXPECT_EQ(computed(Function::kLog, -0.0f), -INFINITY);
  EXPECT_EQ(computed(Function::kLog, 1.0f), 0.0f);
  EXPECT_EQ(computed(Function::kLog, INFINITY), INFINITY);
  Worst worst;
  sweep(Function::kLog, -1e-45f, -INFINITY, [&](float x, float y) { worst.require(x, std::isnan(y)); });
  sweep(Function::kLog, 1e-45f, std::nextafterf(kSmallestNormal, 0),
        [&](float x, float y) { worst.require(x, y >= -88.03f && y <= -87.33f); });
  EXPECT_EQ(worst.above(0), "");
}

TEST(ErfAndTanh, AreWithinSixUlpAndNeverAboveOne) {
  Worst erf, tanh, above_one;
  sweep_both_signs(Function::kErf, INFINITY, [&](float x, float y) {
    erf.add(x, ulp_error(y, std::erf(static_cast<double>(x))));
    above_one.require(x, std::fabs(y) <= 1);
  });
  sweep_both_signs(Function::kTanh, INFINITY, [&](float x, float y) {
    tanh.add(x, ulp_error(y, std::tanh(static_cast<double>(x))));
    above_one.require(x, std::fabs(y) <= 1);
  });
  EXPECT_EQ(erf.above(6), "");
  EXPECT_EQ(tanh.above(6), "");
  EXPECT_EQ(above_one.above(0), "");
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Sigmoid, IsWithinFourUlpAndVanishesFarBelow) {
  Worst worst, far, outside;
  sweep_both_signs(Function::kSigmoid, INFINITY, [&](float x, float y) {
    const double want = sigmoid(static_cast<double>(x));
    if (x >= -86.6f) worst.add(x, ulp_error(y, want));
    if (x < -86.6f) far.add(x, std::fabs(static_cast<double>(y) - want));
    outside.require(x, y >= 0 && y <= 1);
  });
  EXPECT_EQ(worst.above(4), "");
  EXPECT_EQ(far.above(0x1p-125), "");
  EXPECT_EQ(outside.above(0), "");
}

double gelu_tanh_argument(double x) { return std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x); }

TEST(Gelus, AreWithinTheirShareOfTheInput) {
  const auto share = [](Function f, const std::function<double(double)>& definition) {
    Worst worst;
    sweep_both_signs(f, kLargest, [&](float x, float y) {
      const double v = static_cast<double>(x);
      worst.add(x, std::fabs(static_cast<double>(y) - definition(v)) / (std::fabs(v) + 0x1p-126));
    });
    return worst.above(4e-7);
  };
  EXPECT_EQ(share(Function::kSilu, [](double v) { return v * sigmoid(v); }), "");
  EXPECT_EQ(share(Function::kGeluErf, [](double v) { return v * std::erfc(-v / std::numbers::sqrt2) / 2; }),
            "");
  EXPECT_EQ(share(Function::kGeluTanh, [](double v) { return v * sigmoid(2 * gelu_tanh_argument(v)); }), "");
}

TEST(Slopes, AreTheDerivatives) {
  const auto distance = [](Function f, const std::function<double(double)>& derivative) {
    Worst worst;
    sweep_both_signs(f, 1e30f, [&](float x, float y) {
      worst.add(x, std::fabs(static_cast<double>(y) - derivative(static_cast<double>(x))));
    });
    return worst.above(1e-6);
  };
  EXPECT_EQ(distance(Function::kSiluSlope,
                     [](double v) {
                       const double s = sigmoid(v);
                       return s + (s == 0 ? 0 : v * s * sigmoid(-v));
                     }),
            "");
  EXPECT_EQ(distance(Function::kGeluErfSlope,
                     [](double v) {
                       return std::erfc(-v / std::numbers::sqrt2) / 2 +
                              v * std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi);
                     }),
            "");
  EXPECT_EQ(
      distance(Function::kGeluTanhSlope,
               [](double v) {
                 const double s = sigmoid(2 * gelu_tanh_argument(v)), t = sigmoid(-2 * gelu_tanh_argument(v));
                 if (s * t == 0) return s;
                 return s + 2 * v * s * t * std::sqrt(2 / std::numbers::pi) * (1 + 3 * 0.044715 * v * v);
               }),
      "");
}

constexpr Function kAll[] = {Function::kExp,           Function::kLog,      Function::kErf,
                             Function::kTanh,          Function::kSigmoid,  Function::kSilu,
                             Function::kGeluErf,       Function::kGeluTanh, Function::kGeluErfSlope,
                             Function::kGeluTanhSlope, Function::kSiluSlope};

TEST(Functions, KeepNaN) {
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Function f : kAll)
      EXPECT_TRUE(std::isnan(computed(f, NAN))) << static_cast<int>(f) << " on " << isa_name(isa);
  }
}

TEST(Functions, HaveTheSameBitsOnEveryInstructionSetAndAtEveryPlaceInAVector) {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 65521)
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  for (const float special :
       {0.0f, -0.0f, 1e-45f, kSmallestNormal, kLargest, INFINITY, -INFINITY, NAN, 0.625f, 3.92f, -86.6f})
    x.push_back(special);
  for (const Function f : kAll) {
    set_isa(available_isas().front());
    const std::vector<float> first = computed(f, x);
    for (const Isa isa : available_isas()) {
      set_isa(isa);
      for (std::size_t shift = 0; shift < 3; ++shift) {
        const std::vector<float> now =
            computed(f, std::vector<float>(x.begin() + static_cast<std::ptrdiff_t>(shift), x.end()));
        for (std::size_t i = 0; i < now.size(); ++i) {
          const float a = first[i + shift], b = now[i];
          ASSERT_TRUE(std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
                      (std::isnan(a) && std::isnan(b)))
              << static_cast<int>(f) << " at " << x[i + shift] << " on " << isa_name(isa) << ": " << b
              << ", expected " << a;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lyceum::kernels
#endif
