#include "ops/layer_norm/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;
constexpr float kEpsilon = 1e-5f;

// All take: x, gamma, beta and perhaps the residual.
check::Op op_of(float epsilon) {
  return [epsilon](const std::vector<Tensor>& in) {
    if (in.size() > 3) return residual_layer_norm(in[0], in[3], in[1], in[2], epsilon);
    return layer_norm(in[0], in[1], in[2], epsilon);
  };
}

check::Op definition_of(float epsilon) {
  return [epsilon](const std::vector<Tensor>& in) {
    const std::int64_t cols = in[0].cols();
    std::vector<double> y;
    for (std::int64_t r = 0; r < in[0].rows(); ++r) {
      const auto x = [&](std::int64_t c) {
        return check::at(in[0], r * cols + c) + (in.size() > 3 ? check::at(in[3], r * cols + c) : 0);
      };
      double mean = 0, variance = 0;
      for (std::int64_t c = 0; c < cols; ++c) mean += x(c) / static_cast<double>(cols);
      for (std::int64_t c = 0; c < cols; ++c)
        variance += (x(c) - mean) * (x(c) - mean) / static_cast<double>(cols);
      for (std::int64_t c = 0; c < cols; ++c)
        y.push_back((x(c) - mean) / std::sqrt(variance + static_cast<double>(epsilon)) * check::at(in[1], c) +
                    check::at(in[2], c));
    }
    return check::generate(in[0].shape(), [&](std::int64_t i) { return y[static_cast<std::size_t>(i)]; });
  };
}

const check::Op op = op_of(kEpsilon), definition = definition_of(kEpsilon);

std::vector<Tensor> inputs(std::int64_t rows, std::int64_t cols) {
  return {random_tensor({rows, cols}, 1, -2, 2), random_tensor({cols}, 2, 0.5, 1.5), random_tensor({cols}, 3),
          random_tensor({rows, cols}, 4, -2, 2)};
}

// Two columns are x / |x| but for epsilon: a larger one keeps the test away from that jump.
TEST(LayerNorm, EqualsItsDefinitionWithEveryGradient) {
  for (const std::int64_t rows : {0, 1, 3, 70})
    for (const std::int64_t cols : {1, 2, 3, 5, 16, 17, 33, 100}) {
      const float epsilon = cols <= 2 ? 0.1f : kEpsilon;
      auto in = inputs(rows, cols);
      EXPECT_EQ(check::gradcheck(op_of(epsilon), definition_of(epsilon), in), "")
          << rows << "x" << cols << ", residual";
      in[0] = check::strided(in[0]);
      in[3] = check::strided(in[3]);
      EXPECT_EQ(check::gradcheck(op_of(epsilon), definition_of(epsilon), in), "")
          << rows << "x" << cols << ", views";
      in.pop_back();
      EXPECT_EQ(check::gradcheck(op_of(epsilon), definition_of(epsilon), in), "") << rows << "x" << cols;
    }
}

TEST(LayerNorm, TheFusedResidualHasTheBitsOfTheSum) {
  const auto in = inputs(5, 33);
  Tensor sum = Tensor::empty({5, 33});
  for (std::int64_t i = 0; i < sum.elements(); ++i)
    sum.mutable_data<float>()[i] = in[0].data<float>()[i] + in[3].data<float>()[i];
  EXPECT_EQ(check::same_bits(op(in), op({sum, in[1], in[2]})), "");
}

// The deviations are taken in a second pass: E[x^2] - E[x]^2 would have nothing left of a variance of 1/3
// beside 1e8.
TEST(LayerNorm, AFarAwayMeanDoesNotEatTheVariance) {
  auto in = inputs(2, 40);
  for (std::int64_t i = 0; i < 80; ++i)
    in[0].mutable_data<float>()[i] = 1e4f + static_cast<float>(i % 40) * 0.25f;
  const Tensor y = op({in[0], in[1], in[2]}), want = definition({in[0], in[1], in[2]});
  // the mean of 40 numbers near 1e4 is rounded to 2^-10; against a deviation of 2.9 that is 3.4e-4
  for (std::int64_t i = 0; i < 80; ++i) EXPECT_NEAR(check::at(y, i), check::at(want, i), 1e-3);
}

TEST(LayerNorm, ARowOfEqualValuesGivesBeta) {
  const auto in = inputs(1, 17);
  EXPECT_EQ(check::same_bits(op({Tensor::full({1, 17}, 3.0f), in[1], in[2]}), in[2].reshaped({1, 17})), "");
}

TEST(LayerNorm, TakesMoreThanTwoDimensions) {
  const auto in = inputs(6, 5);
  EXPECT_EQ(check::same_bits(layer_norm(in[0].reshaped({2, 3, 5}), in[1], in[2], kEpsilon).reshaped({6, 5}),
                             layer_norm(in[0], in[1], in[2], kEpsilon)),
            "");
}

TEST(LayerNorm, HasTheSameBitsForEveryThreadCountInstructionSetAndBatch) {
  const auto in = inputs(700, 101);
  EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, in); }), "");
  EXPECT_EQ(check::same_bits(op({in[0], in[1], in[2]}).row_range(350, 351),
                             op({in[0].row_range(350, 351), in[1], in[2]})),
            "");
}

TEST(LayerNorm, SaysWhatDoesNotFit) {
  const auto in = inputs(2, 5);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                layer_norm(random_tensor({2, 6}, 1), in[1], in[2], kEpsilon);
                              }),
            "layer_norm: x is [2, 6], expected [T, C] with C = 5 as bound by gamma");
  EXPECT_EQ(
      check::message_of(Errc::kData,
                        [&] {
                          residual_layer_norm(in[0], random_tensor({3, 5}, 1), in[1], in[2], kEpsilon);
                        }),
      "layer_norm: residual is [3, 5], expected [T, C] with T = 2 as bound by x, C = 5 as bound by gamma");
}

}  // namespace
}  // namespace lyceum
