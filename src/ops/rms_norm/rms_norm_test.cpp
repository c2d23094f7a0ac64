#include "ops/rms_norm/rms_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;
constexpr float kEpsilon = 1e-6f;  // T5's

Tensor op(const std::vector<Tensor>& in) { return rms_norm(in[0], in[1], kEpsilon); }

Tensor definition(const std::vector<Tensor>& in) {
  const std::int64_t cols = in[0].cols();
  return check::generate(in[0].shape(), [&](std::int64_t i) {
    double squares = 0;
    for (std::int64_t c = 0; c < cols; ++c) squares += std::pow(check::at(in[0], i / cols * cols + c), 2);
    return check::at(in[0], i) /
           std::sqrt(squares / static_cast<double>(cols) + static_cast<double>(kEpsilon)) *
           check::at(in[1], i % cols);
  });
}

std::vector<Tensor> inputs(std::int64_t rows, std::int64_t cols) {
  return {random_tensor({rows, cols}, 1, -2, 2), random_tensor({cols}, 2, 0.5, 1.5)};
}

// One column is x / |x| but for epsilon: its gradient is 1e-6 of what cancels, so only its zero is checked
// (below).
TEST(RmsNorm, EqualsItsDefinitionWithEveryGradient) {
  for (const std::int64_t rows : {0, 1, 3, 70})
    for (const std::int64_t cols : {2, 3, 5, 16, 17, 33, 100}) {
      const auto in = inputs(rows, cols);
      EXPECT_EQ(check::gradcheck(op, definition, in), "") << rows << "x" << cols;
      EXPECT_EQ(check::gradcheck(op, definition, {check::strided(in[0]), in[1]}), "")
          << rows << "x" << cols << ", a view";
    }
}

TEST(RmsNorm, OneColumnKeepsItsSignOnly) {
  const auto found = check::with_gradients(op, {Tensor::full({1, 1}, -2.0f), Tensor::full({1}, 3.0f)});
  EXPECT_NEAR(check::at(found[0], 0), -3, 1e-5);
  EXPECT_NEAR(check::at(found[1], 0), 0, 1e-5);
}

// Unlike layer normalisation: a constant row is not zero, and a row of zeros stays zero with a finite
// gradient.
TEST(RmsNorm, TakesNoMeanOffAndZerosStayZeros) {
  const Tensor weight = random_tensor({17}, 3);
  const Tensor y = rms_norm(Tensor::full({1, 17}, 4.0f), weight, 0.0f);
  EXPECT_EQ(check::same_bits(y, weight.reshaped({1, 17})), "");
  const auto found = check::with_gradients(op, {Tensor::zeros({1, 17}), weight});
  for (std::int64_t c = 0; c < 17; ++c) {
    EXPECT_EQ(check::at(found[0], c), 0.0);
    EXPECT_TRUE(std::isfinite(check::at(found[1], c)));
  }
}

TEST(RmsNorm, LargeInputsStayFinite) {
  const Tensor y = rms_norm(Tensor::full({1, 17}, 1e18f), Tensor::full({17}, 1.0f), kEpsilon);
  for (std::int64_t c = 0; c < 17; ++c) EXPECT_NEAR(check::at(y, c), 1, 1e-6);
}

TEST(RmsNorm, HasTheSameBitsForEveryThreadCountInstructionSetAndBatch) {
  const auto in = inputs(700, 101);
  EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, in); }), "");
  EXPECT_EQ(check::same_bits(op(in).row_range(350, 351), op({in[0].row_range(350, 351), in[1]})), "");
}

TEST(RmsNorm, SaysWhatDoesNotFit) {
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                rms_norm(random_tensor({2, 6}, 1), random_tensor({5}, 2), kEpsilon);
                              }),
            "rms_norm: x is [2, 6], expected [T, C] with C = 5 as bound by weight");
}

}  // namespace
}  // namespace lyceum
