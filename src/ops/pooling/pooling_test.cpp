#include "ops/pooling/pooling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;
using Counts = std::vector<std::int64_t>;

constexpr PoolingMode kModes[] = {PoolingMode::kCls,          PoolingMode::kMax,
                                  PoolingMode::kMean,         PoolingMode::kMeanSqrtLength,
                                  PoolingMode::kWeightedMean, PoolingMode::kLastToken};

// One output of one sequence, straight from the formulas of the header.
double pooled(const Tensor& x, const SequenceLayout& layout, PoolingMode mode, std::int64_t skip,
              std::int64_t s, std::int64_t c) {
  const std::int64_t length = layout.length(s);
  const auto value = [&](std::int64_t i) { return check::at(x, (layout.begin(s) + i) * x.cols() + c); };
  if (length == 0) return 0;
  if (mode == PoolingMode::kCls) return value(skip < length ? skip : 0);
  if (mode == PoolingMode::kLastToken) return value(length - 1);
  if (skip >= length) return 0;
  double sum = 0, places = 0, most = -HUGE_VAL;
  for (std::int64_t i = skip; i < length; ++i) {
    const double weight = mode == PoolingMode::kWeightedMean ? static_cast<double>(i + 1) : 1.0;
    sum += weight * value(i);
    places += weight;
    most = std::max(most, value(i));
  }
  if (mode == PoolingMode::kMax) return most;
  return sum / (mode == PoolingMode::kMeanSqrtLength ? std::sqrt(places) : places);
}

TEST(Pooling, EveryModeEqualsItsDefinitionWithItsGradient) {
  const Counts lengths = {3, 0, 17, 1, 33};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  for (const Counts& skip : {Counts{}, Counts{1, 2, 0, 1, 32}})
    for (const PoolingMode mode : kModes)
      for (const std::int64_t cols : {1, 2, 3, 5, 17, 33}) {
        const auto op = [&](const std::vector<Tensor>& in) { return pool(in[0], layout, mode, skip); };
        const auto definition = [&](const std::vector<Tensor>& in) {
          return check::generate({5, cols}, [&](std::int64_t i) {
            const auto s = static_cast<std::size_t>(i / cols);
            return pooled(in[0], layout, mode, skip.empty() ? 0 : skip[s], i / cols, i % cols);
          });
        };
        const Tensor x = random_tensor({54, cols}, 1);
        EXPECT_EQ(check::gradcheck(op, definition, {x}), "")
            << static_cast<int>(mode) << ", " << cols << " columns";
        EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "")
            << static_cast<int>(mode) << ", a view";
      }
}

TEST(Pooling, ASequenceDoesNotDependOnItsBatch) {
  const Counts lengths = {3, 17, 5}, one = {17}, prompt = {1, 2, 1}, its = {2};
  const Tensor x = random_tensor({25, 33}, 1);
  for (const PoolingMode mode : kModes)
    EXPECT_EQ(check::same_bits(pool(x, SequenceLayout::from_lengths(lengths), mode, prompt).row_range(1, 2),
                               pool(x.row_range(3, 20), SequenceLayout::from_lengths(one), mode, its)),
              "")
        << static_cast<int>(mode);
}

TEST(Pooling, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  const Counts lengths = {100, 1, 70};
  for (const PoolingMode mode : kModes) {
    const auto op = [&](const auto& in) {
      return normalize(pool(in[0], SequenceLayout::from_lengths(lengths), mode));
    };
    EXPECT_EQ(check::same_bits_everywhere([&] {
                return check::with_gradients(op, {random_tensor({171, 67}, 1)});
              }),
              "");
  }
}

TEST(Pooling, MaxGivesTheGradientToTheFirstOfEqualsAndKeepsNaN) {
  const Counts lengths = {3};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const auto op = [&](const auto& in) { return pool(in[0], layout, PoolingMode::kMax); };
  const auto found = check::with_gradients(op, {Tensor::full({3, 2}, -5.0f)});
  for (std::int64_t c = 0; c < 2; ++c) {
    EXPECT_EQ(found[0].row<float>(0)[c], -5.0f);
    EXPECT_NE(found[1].row<float>(0)[c], 0.0f);
    EXPECT_EQ(found[1].row<float>(1)[c], 0.0f);
    EXPECT_EQ(found[1].row<float>(2)[c], 0.0f);
  }
  for (std::int64_t place = 0; place < 3; ++place) {
    Tensor x = random_tensor({3, 1}, 1);
    x.mutable_row<float>(place)[0] = NAN;
    EXPECT_TRUE(std::isnan(check::at(pool(x, layout, PoolingMode::kMax), 0))) << place;
  }
}

TEST(Pooling, SaysWhatDoesNotFit) {
  const Counts lengths = {2, 1};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor x = random_tensor({3, 4}, 1);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                pool(random_tensor({4, 4}, 1), layout, PoolingMode::kMean);
                              }),
            "pool: x is [4, 4], expected [T, C] with T = 3 as bound by the layout");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { pool(x, layout, PoolingMode::kMean, Counts{1}); }),
            "pool: found 1 numbers of tokens to skip, expected 2");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                pool(x, layout, PoolingMode::kMax, Counts{0, -2});
                              }),
            "pool: found -2 tokens to skip, expected 0 or more");
}

TEST(Normalize, EqualsItsDefinitionWithItsGradient) {
  const auto op = [](const std::vector<Tensor>& in) { return normalize(in[0]); };
  const auto definition = [](const std::vector<Tensor>& in) {
    const std::int64_t cols = in[0].cols();
    return check::generate(in[0].shape(), [&](std::int64_t i) {
      double squares = 0;
      for (std::int64_t c = 0; c < cols; ++c) squares += std::pow(check::at(in[0], i / cols * cols + c), 2);
      return check::at(in[0], i) / std::max(1e-12, std::sqrt(squares));
    });
  };
  for (const std::int64_t rows : {0, 1, 5})
    for (const std::int64_t cols : {2, 3, 5, 17, 33}) {
      const Tensor x = random_tensor({rows, cols}, 1);
      EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << rows << "x" << cols;
      EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "")
          << rows << "x" << cols << ", a view";
    }
}

TEST(Normalize, ZerosStayZerosWithTheGradientOfTheFloor) {
  const auto found =
      check::with_gradients([](const auto& in) { return normalize(in[0]); }, {Tensor::zeros({1, 3})}, 9);
  const Tensor dy = random_tensor({1, 3}, 9);
  for (std::int64_t c = 0; c < 3; ++c) {
    EXPECT_EQ(check::at(found[0], c), 0.0);
    EXPECT_EQ(found[1].data<float>()[c], dy.data<float>()[c] / 1e-12f);
  }
}

}  // namespace
}  // namespace lyceum
