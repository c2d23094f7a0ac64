#include "ops/softmax/softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"

namespace lyceum {
namespace {

using check::random_tensor;

Tensor op(const std::vector<Tensor>& in) { return softmax(in[0]); }

Tensor definition(const std::vector<Tensor>& in) {
  const std::int64_t cols = in[0].cols();
  std::vector<double> y;
  for (std::int64_t r = 0; r < in[0].rows(); ++r) {
    double most = -HUGE_VAL, sum = 0;
    for (std::int64_t c = 0; c < cols; ++c) most = std::max(most, check::at(in[0], r * cols + c));
    for (std::int64_t c = 0; c < cols; ++c) sum += std::exp(check::at(in[0], r * cols + c) - most);
    for (std::int64_t c = 0; c < cols; ++c)
      y.push_back(std::exp(check::at(in[0], r * cols + c) - most) / sum);
  }
  return check::generate(in[0].shape(), [&](std::int64_t i) { return y[static_cast<std::size_t>(i)]; });
}

TEST(Softmax, EqualsItsDefinitionWithItsGradient) {
  for (const std::int64_t rows : {0, 1, 3})
    for (const std::int64_t cols : {1, 2, 3, 5, 16, 17, 33, 100}) {
      const Tensor x = random_tensor({rows, cols}, 1, -3, 3);
      EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << rows << "x" << cols;
      EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "")
          << rows << "x" << cols << ", a view";
    }
}

// Inputs lie in [-30, 30]: rounding x - max alone costs 60 * 2^-24 = 3.6e-6; exp and the division add a few
// ulp.
TEST(Softmax, KeepsItsRelativeErrorForSmallProbabilities) {
  constexpr double kRelative = 6e-6;
  const Tensor x = random_tensor({9, 50}, 2, -30, 30), y = softmax(x), want = definition({x});
  for (std::int64_t i = 0; i < x.elements(); ++i)
    ASSERT_NEAR(check::at(y, i), check::at(want, i), kRelative * check::at(want, i)) << i;
}

TEST(Softmax, RowsSumToOneAndLargeInputsStayFinite) {
  Tensor x = random_tensor({2, 33}, 3);
  x.mutable_row<float>(0)[7] = 3e38f;   // takes everything; exp(3e38) would be inf
  x.mutable_row<float>(1)[9] = -3e38f;  // gets nothing
  const Tensor y = softmax(x);
  EXPECT_EQ(y.row<float>(0)[7], 1.0f);
  EXPECT_EQ(y.row<float>(1)[9], 0.0f);
  for (std::int64_t r = 0; r < 2; ++r) {
    double sum = 0;
    for (std::int64_t c = 0; c < 33; ++c) sum += static_cast<double>(y.row<float>(r)[c]);
    EXPECT_NEAR(sum, 1, 33 * 0x1p-24);
  }
}

TEST(Softmax, MaskedKeysGetNothingAndARowOfThemIsNaN) {
  Tensor x = random_tensor({2, 17}, 4);
  x.mutable_row<float>(0)[0] = x.mutable_row<float>(0)[16] = -INFINITY;
  for (std::int64_t c = 0; c < 17; ++c) x.mutable_row<float>(1)[c] = -INFINITY;
  const Tensor y = softmax(x);
  EXPECT_EQ(y.row<float>(0)[0], 0.0f);
  EXPECT_EQ(y.row<float>(0)[16], 0.0f);
  for (std::int64_t c = 0; c < 17; ++c) EXPECT_TRUE(std::isnan(y.row<float>(1)[c]));
}

TEST(Softmax, ANaNAnywhereMakesItsRowNaN) {
  for (const std::int64_t place : {0, 1, 8, 16, 32}) {
    Tensor x = random_tensor({2, 33}, 5);
    x.mutable_row<float>(1)[place] = NAN;
    const Tensor y = softmax(x);
    for (std::int64_t c = 0; c < 33; ++c) {
      EXPECT_FALSE(std::isnan(y.row<float>(0)[c]));
      EXPECT_TRUE(std::isnan(y.row<float>(1)[c])) << place;
    }
  }
}

TEST(Softmax, HasTheSameBitsForEveryThreadCountInstructionSetAndBatch) {
  const Tensor x = random_tensor({501, 67}, 6, -9, 9);
  EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, {x}); }), "");
  EXPECT_EQ(check::same_bits(softmax(x).row_range(250, 252), softmax(x.row_range(250, 252))), "");
}

}  // namespace
}  // namespace lyceum
