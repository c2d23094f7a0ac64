#include "nn/initial_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "check/gradcheck.h"

namespace lyceum {
namespace {

TEST(InitialValues, BiasesAreZeroAndNormsAreOne) {
  for (const float value : initial_value("encoder.layer.0.output.dense.bias", {7}, {}).values<float>())
    EXPECT_EQ(value, 0.0f);
  for (const char* name : {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma"})
    for (const float value : initial_value(name, {7}, {}).values<float>()) EXPECT_EQ(value, 1.0f);
}

TEST(InitialValues, AreNormalWithTheirDeviation) {
  const std::vector<float> values =
      initial_value("a.weight", {999, 101}, {.seed = 3, .deviation = 0.5}).values<float>();
  const auto n = static_cast<double>(values.size());
  double sum = 0, square = 0, fourth = 0, inside = 0;
  for (const float value : values) {
    const double v = static_cast<double>(value) / 0.5;
    sum += v, square += v * v, fourth += v * v * v * v, inside += std::abs(v) < 1 ? 1 : 0;
  }
  // five deviations of each statistic over 10^5 values
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(1 / n));
  EXPECT_NEAR(square / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96 / n));
  EXPECT_NEAR(inside / n, 0.682689, 5 * std::sqrt(0.2166 / n));
}

TEST(InitialValues, DependOnSeedAndNameAlone) {
  const Tensor a = initial_value("a.weight", {31, 17}, {.seed = 1});
  EXPECT_EQ(check::same_bits(a, initial_value("a.weight", {31, 17}, {.seed = 1})), "");
  EXPECT_NE(check::same_bits(a, initial_value("b.weight", {31, 17}, {.seed = 1})), "");
  EXPECT_NE(check::same_bits(a, initial_value("a.weight", {31, 17}, {.seed = 2})), "");
}

TEST(InitialValues, ThePaddingWordIsZero) {
  const Tensor words = initial_value("bert.embeddings.word_embeddings.weight", {5, 3}, {.padding_id = 2});
  for (std::int64_t r = 0; r < 5; ++r)
    for (std::int64_t c = 0; c < 3; ++c) EXPECT_EQ(words.row<float>(r)[c] == 0.0f, r == 2);
}

TEST(InitialValues, ALinearBeginsUniformlyInsideItsBound) {
  const Tensor weight = initial_linear("w", {64, 16}, 16, 1);
  double sum = 0, largest = 0;
  for (const float v : weight.values<float>()) {
    sum += static_cast<double>(v);
    largest = std::max(largest, std::fabs(static_cast<double>(v)));
  }
  EXPECT_LE(largest, 0.25);
  EXPECT_GT(largest, 0.24);  // of 1024 values: the chance of none beyond 0.24 is 0.96^1024
  // The mean of 1024 uniform numbers of deviation 0.25 / sqrt 3 deviates by 0.0045: four of these.
  EXPECT_NEAR(sum / 1024, 0, 0.018);
  EXPECT_EQ(check::same_bits(weight, initial_linear("w", {64, 16}, 16, 1)), "");
  EXPECT_NE(check::same_bits(weight, initial_linear("w", {64, 16}, 16, 2)), "");
  EXPECT_NE(check::same_bits(weight, initial_linear("v", {64, 16}, 16, 1)), "");
}

}  // namespace
}  // namespace lyceum
