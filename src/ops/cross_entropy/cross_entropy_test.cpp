#include "ops/cross_entropy/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;
using Labels = std::vector<std::int64_t>;

double log_sum_exp(const Tensor& z, std::int64_t begin, std::int64_t count) {
  double most = -HUGE_VAL, sum = 0;
  for (std::int64_t i = begin; i < begin + count; ++i) most = std::max(most, check::at(z, i));
  for (std::int64_t i = begin; i < begin + count; ++i) sum += std::exp(check::at(z, i) - most);
  return most + std::log(sum);
}

// The cross-entropy between the smoothed target and softmax(z), written with the target's distribution.
Tensor definition(const Tensor& z, const Labels& labels, const CrossEntropyOptions& options) {
  const std::int64_t V = z.cols();
  const double e = static_cast<double>(options.label_smoothing);
  double sum = 0, counted = 0;
  for (std::int64_t t = 0; t < z.rows(); ++t) {
    const std::int64_t label = labels[static_cast<std::size_t>(t)];
    if (label == options.ignore_index) continue;
    counted += 1;
    for (std::int64_t v = 0; v < V; ++v)
      sum -= (e / static_cast<double>(V) + (v == label ? 1 - e : 0)) *
             (check::at(z, t * V + v) - log_sum_exp(z, t * V, V));
  }
  return check::generate({}, [&](std::int64_t) { return options.sum ? sum : sum / counted; });
}

TEST(CrossEntropy, EqualsItsDefinitionWithItsGradient) {
  for (const std::int64_t classes : {1, 2, 3, 5, 17, 33, 100})
    for (const float smoothing : {0.0f, 0.1f, 1.0f})
      for (const bool sum : {false, true}) {
        const CrossEntropyOptions options{.label_smoothing = smoothing, .sum = sum};
        Labels labels;
        for (std::int64_t t = 0; t < 9; ++t) labels.push_back(t % 4 == 3 ? -100 : t * t % classes);
        const auto op = [&](const std::vector<Tensor>& in) { return cross_entropy(in[0], labels, options); };
        const auto wanted = [&](const std::vector<Tensor>& in) { return definition(in[0], labels, options); };
        const Tensor z = random_tensor({9, classes}, 1, -3, 3);
        if (classes ==
            1) {  // always 0, so nothing to be relative to: seven losses, each rounded a few times near 3
          EXPECT_NEAR(check::at(op({z}), 0), 0, 7 * 3 * 0x1p-23);
          continue;
        }
        EXPECT_EQ(check::gradcheck(op, wanted, {z}), "") << classes << " classes, smoothing " << smoothing;
        EXPECT_EQ(check::gradcheck(op, wanted, {check::strided(z)}), "") << classes << " classes, a view";
      }
}

// torch 2.13: cross_entropy(tensor([[1., 2., 0.5], [0.1, -1., 3.], [2., 2., 2.]]), tensor([1, 0, -100])), and
// the same with label_smoothing=0.1.
TEST(CrossEntropy, EqualsPyTorch) {
  const float values[] = {1, 2, 0.5f, 0.1f, -1, 3, 2, 2, 2};
  const Tensor z = Tensor::of<float>({3, 3}, values);
  EXPECT_NEAR(check::at(cross_entropy(z, Labels{1, 0, -100}), 0), 1.717571501, 1e-6);
  EXPECT_NEAR(check::at(cross_entropy(z, Labels{1, 0, -100}, {.label_smoothing = 0.1f}), 0), 1.729238168,
              1e-6);
}

TEST(CrossEntropy, NoLabelThatCountsGivesNaNAndTheSumZero) {
  const Tensor z = random_tensor({2, 5}, 1);
  for (const Tensor& logits : {z, Tensor::zeros({0, 5})}) {
    const Labels labels(static_cast<std::size_t>(logits.rows()), -100);
    const auto mean =
        check::with_gradients([&](const auto& in) { return cross_entropy(in[0], labels); }, {logits});
    EXPECT_TRUE(std::isnan(check::at(mean[0], 0)));
    EXPECT_EQ(check::same_bits(mean[1], Tensor::zeros(logits.shape())),
              "");  // as PyTorch: ignored rows get zeros
    EXPECT_EQ(check::at(cross_entropy(logits, labels, {.sum = true}), 0), 0.0);
  }
}

TEST(CrossEntropy, AnotherIgnoredIndexMayBeOneOfTheClasses) {
  const Tensor z = random_tensor({3, 5}, 1);
  EXPECT_EQ(check::same_bits(cross_entropy(z, Labels{2, 0, 4}, {.ignore_index = 0}),
                             cross_entropy(z, Labels{2, -100, 4})),
            "");
}

TEST(CrossEntropy, LargeLogitsStayFinite) {
  Tensor z = Tensor::zeros({2, 17});
  z.mutable_row<float>(0)[3] = 1e30f;  // certain and right
  z.mutable_row<float>(1)[3] = 1e4f;   // certain and wrong: the loss is the distance
  const auto found = check::with_gradients(
      [](const auto& in) {
        return cross_entropy(in[0], Labels{3, 5}, {.sum = true});
      },
      {z});
  EXPECT_EQ(check::at(found[0], 0), 1e4);
  for (std::int64_t i = 0; i < 34; ++i) EXPECT_TRUE(std::isfinite(check::at(found[1], i)));
}

TEST(CrossEntropy, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  Labels labels;
  for (std::int64_t t = 0; t < 301; ++t) labels.push_back(t % 7 == 0 ? -100 : t * t % 211);
  const auto op = [&](const std::vector<Tensor>& in) {
    return cross_entropy(in[0], labels, {.label_smoothing = 0.1f});
  };
  EXPECT_EQ(check::same_bits_everywhere([&] {
              return check::with_gradients(op, {random_tensor({301, 211}, 1, -5, 5)});
            }),
            "");
}

TEST(CrossEntropy, SaysWhatDoesNotFit) {
  const Tensor z = random_tensor({2, 5}, 1);
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                cross_entropy(z, Labels{1, 5});
                              }),
            "cross_entropy: label 1 is 5, expected 0 to 4 or -100 (ignored)");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { cross_entropy(z, Labels{1}); }),
            "cross_entropy: labels is [1], expected [T] with T = 2 as bound by logits");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                cross_entropy(z, Labels{1, 1}, {.label_smoothing = 1.5f});
                              }),
            "cross_entropy: found label_smoothing 1.5, expected 0 to 1");
}

TEST(SegmentCrossEntropy, EqualsItsDefinitionWithItsGradient) {
  const std::int64_t lengths[] = {3, 17, 0, 1, 33};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Labels targets = {2, 0, -1, 0, 20};
  const auto op = [&](const std::vector<Tensor>& in) {
    return segment_cross_entropy(in[0], layout, targets);
  };
  const auto wanted = [&](const std::vector<Tensor>& in) {
    double sum = 0;
    for (const std::int64_t s : {0, 1, 3, 4})
      sum += log_sum_exp(in[0], layout.begin(s), layout.length(s)) -
             check::at(in[0], layout.begin(s) + targets[static_cast<std::size_t>(s)]);
    return check::generate({}, [&](std::int64_t) { return sum / 4; });
  };
  const Tensor scores = random_tensor({54, 1}, 1, -3, 3);
  EXPECT_EQ(check::gradcheck(op, wanted, {scores}), "");
  EXPECT_EQ(check::gradcheck(op, wanted, {check::strided(scores)}), "");
  EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, {scores}); }), "");
}

TEST(SegmentCrossEntropy, NothingThatCountsIsNaNAndAWrongTargetIsNamed) {
  const std::int64_t lengths[] = {2, 1};
  const SequenceLayout layout = SequenceLayout::from_lengths(lengths);
  const Tensor scores = random_tensor({3, 1}, 1);
  const auto none = check::with_gradients(
      [&](const auto& in) {
        return segment_cross_entropy(in[0], layout, Labels{-1, -1});
      },
      {scores});
  EXPECT_TRUE(std::isnan(check::at(none[0], 0)));
  EXPECT_EQ(check::same_bits(none[1], Tensor::zeros({3, 1})), "");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                segment_cross_entropy(scores, layout, Labels{0, 1});
                              }),
            "segment_cross_entropy: target 1 is 1, expected -1 to 0");
}

TEST(MeanSquaredError, EqualsItsDefinitionWithItsGradient) {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 5}, Shape{17, 33}}) {
    const Tensor x = random_tensor(shape, 1), target = random_tensor(shape, 2);
    const auto op = [&](const std::vector<Tensor>& in) { return mean_squared_error(in[0], target); };
    const auto wanted = [&](const std::vector<Tensor>& in) {
      double sum = 0;
      for (std::int64_t i = 0; i < shape.elements(); ++i)
        sum += std::pow(check::at(in[0], i) - check::at(target, i), 2);
      return check::generate({}, [&](std::int64_t) { return sum / static_cast<double>(shape.elements()); });
    };
    EXPECT_EQ(check::gradcheck(op, wanted, {x}), "") << shape.text();
    EXPECT_EQ(check::gradcheck(op, wanted, {check::strided(x)}), "") << shape.text();
    EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, {x}); }), "");
  }
  EXPECT_NE(check::message_of(Errc::kData,
                              [] {
                                mean_squared_error(Tensor::zeros({2, 3}), Tensor::zeros({2, 4}));
                              })
                .find("mean_squared_error: target is [2, 4], expected [T, V]"),
            std::string::npos);
}

TEST(BinaryCrossEntropy, EqualsItsDefinitionWithItsGradient) {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 5}, Shape{17, 33}}) {
    const Tensor x = random_tensor(shape, 1, -6, 6), target = random_tensor(shape, 2, 0, 1);
    const auto op = [&](const std::vector<Tensor>& in) {
      return binary_cross_entropy_with_logits(in[0], target);
    };
    const auto wanted = [&](const std::vector<Tensor>& in) {
      double sum = 0;
      for (std::int64_t i = 0; i < shape.elements(); ++i) {
        const double v = check::at(in[0], i), t = check::at(target, i);
        sum += t * std::log1p(std::exp(-v)) + (1 - t) * std::log1p(std::exp(v));
      }
      return check::generate({}, [&](std::int64_t) { return sum / static_cast<double>(shape.elements()); });
    };
    EXPECT_EQ(check::gradcheck(op, wanted, {x}), "") << shape.text();
    EXPECT_EQ(check::gradcheck(op, wanted, {check::strided(x)}), "") << shape.text();
    EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, {x}); }), "");
  }
}

TEST(BinaryCrossEntropy, LargeLogitsCostTheirDistance) {
  const float values[] = {1e4f, -1e4f}, targets[] = {0, 0};
  EXPECT_EQ(check::at(binary_cross_entropy_with_logits(Tensor::of<float>({1, 2}, values),
                                                       Tensor::of<float>({1, 2}, targets)),
                      0),
            5e3);
}

}  // namespace
}  // namespace lyceum
