#include "ops/activation/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;

constexpr Activation kAll[] = {Activation::kNone,     Activation::kRelu, Activation::kGeluErf,
                               Activation::kGeluTanh, Activation::kSilu, Activation::kTanh,
                               Activation::kSigmoid};

check::Op op_of(Activation f) {
  return [f](const std::vector<Tensor>& in) { return activation(in[0], f); };
}

check::Op definition_of(Activation f) {
  return [f](const std::vector<Tensor>& in) {
    return check::generate(in[0].shape(),
                           [&](std::int64_t i) { return activation_definition(f, check::at(in[0], i)); });
  };
}

// The functions are good to a few ulp; 1e-6 of the largest output (about 4) leaves eight of them.
TEST(Activation, EqualsItsDefinitionWithItsGradient) {
  for (const Activation f : kAll)
    for (const Shape& shape :
         {Shape{1, 1}, Shape{2, 3}, Shape{5, 17}, Shape{33, 33}, Shape{2, 3, 5}, Shape{7}, Shape{0, 4}})
      EXPECT_EQ(check::gradcheck(op_of(f), definition_of(f), {random_tensor(shape, 3, -4, 4)},
                                 {.forward_tolerance = 1e-6, .backward_tolerance = 1e-4}),
                "")
          << static_cast<int>(f) << " " << shape.text();
}

TEST(Activation, ReadsViewsWithARowStride) {
  const Tensor x = random_tensor({5, 17}, 4, -4, 4);
  for (const Activation f : kAll)
    EXPECT_EQ(check::gradcheck(op_of(f), definition_of(f), {check::strided(x)}), "") << static_cast<int>(f);
}

TEST(Activation, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  const Tensor x = random_tensor({333, 111}, 5, -8, 8);  // three blocks of the parallel loop
  for (const Activation f : kAll)
    EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op_of(f), {x}); }), "")
        << static_cast<int>(f);
}

TEST(Activation, ARowDoesNotDependOnItsNeighbours) {
  const Tensor x = random_tensor({7, 33}, 6, -4, 4);
  for (const Activation f : kAll)
    EXPECT_EQ(check::same_bits(activation(x, f).row_range(3, 4), activation(x.row_range(3, 4), f)), "");
}

TEST(Activation, LargeInputsReachTheirLimitsAndSlopesStayFinite) {
  constexpr float kLarge[] = {100, 1e5f, 1e20f, std::numeric_limits<float>::max()};
  for (const Activation f : kAll)
    for (const float magnitude : kLarge)
      for (const float x : {magnitude, -magnitude}) {
        const auto found = check::with_gradients(op_of(f), {Tensor::full({1, 1}, x)});
        const double want = activation_definition(f, static_cast<double>(x));
        // GELU and SiLU promise 4e-7 of |x|; the others are exact here or below 2^-125.
        EXPECT_NEAR(check::at(found[0], 0), want, 4e-7 * std::fabs(static_cast<double>(x)))
            << static_cast<int>(f) << " at " << x;
        EXPECT_LE(std::fabs(check::at(found[1], 0)), 1.0)
            << static_cast<int>(f) << " at " << x;  // |dy| < 1, slopes are 0 or 1
      }
}

TEST(Activation, NaNStaysNaN) {
  for (const Activation f : kAll)
    EXPECT_TRUE(std::isnan(check::at(activation(Tensor::full({1, 3}, NAN), f), 2)));
}

TEST(Activation, ReluHasSlopeZeroAtZero) {
  const auto found = check::with_gradients(op_of(Activation::kRelu), {Tensor::full({1, 2}, 0.0f)});
  EXPECT_EQ(check::at(found[1], 0), 0.0);
}

TEST(Activation, NamesAreThoseOfConfigurations) {
  EXPECT_EQ(activation_from_name("gelu"), Activation::kGeluErf);
  EXPECT_EQ(activation_from_name("gelu_new"), Activation::kGeluTanh);
  EXPECT_EQ(activation_from_name("swish"), Activation::kSilu);
  EXPECT_EQ(activation_from_name("linear"), Activation::kNone);
  EXPECT_EQ(
      check::message_of(Errc::kUnsupported, [] { activation_from_name("mish"); }),
      "activation: found 'mish', expected one of: gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast, gelu_accurate, gelu_python_tanh, "
      "relu, silu, swish, tanh, sigmoid, linear");
}

}  // namespace
}  // namespace lyceum
