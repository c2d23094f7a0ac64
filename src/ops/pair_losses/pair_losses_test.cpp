// Definitions and their gradients. The values of sentence-transformers: train/objective's goldens.
#include "ops/pair_losses/pair_losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;
using Targets = std::vector<float>;

// A scalar of x's values in double.
check::Op scalar(const std::function<double(const std::vector<double>&)>& f) {
  return [f](const std::vector<Tensor>& in) {
    std::vector<double> x;
    for (std::int64_t i = 0; i < in[0].elements(); ++i) x.push_back(check::at(in[0], i));
    return check::generate({}, [&](std::int64_t) { return f(x); });
  };
}

const Targets kTargets = {1, 0, 0.5f, 1, 0, 0, 1};
const std::int64_t kRows = static_cast<std::int64_t>(kTargets.size());

void expect_right(const check::Op& op, const check::Op& definition, float low, float high) {
  for (std::uint64_t seed = 1; seed < 5; ++seed) {
    const Tensor x = random_tensor({kRows, 1}, seed, low, high);
    EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << seed;
    EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "") << seed << ", a view";
  }
}

TEST(PairLosses, CosentEqualsItsDefinitionWithItsGradient) {
  for (const double scale : {1.0, 20.0})
    expect_right([&](const auto& in) { return cosent_loss(in[0], kTargets, static_cast<float>(scale)); },
                 scalar([&](const std::vector<double>& x) {
                   double sum = 1;
                   for (std::size_t i = 0; i < x.size(); ++i)
                     for (std::size_t j = 0; j < x.size(); ++j)
                       if (kTargets[i] < kTargets[j]) sum += std::exp(scale * (x[i] - x[j]));
                   return std::log(sum);
                 }),
                 -1, 1);
}

TEST(PairLosses, CosentOfEqualTargetsIsZeroAndStaysFiniteForLargeScales) {
  const Tensor x = random_tensor({3, 1}, 1);
  const auto found = check::with_gradients(
      [](const auto& in) {
        return cosent_loss(in[0], Targets{2, 2, 2}, 20);
      },
      {x});
  for (const Tensor& t : found)
    for (const float v : t.values<float>()) EXPECT_EQ(v, 0.0f);
  const float far[] = {1, -1};  // e^4000 overflows, its logarithm does not
  EXPECT_EQ(cosent_loss(Tensor::of<float>({2, 1}, far), Targets{0, 1}, 2000).data<float>()[0], 4000.0f);
}

TEST(PairLosses, ContrastiveEqualsItsDefinitionWithItsGradient) {
  expect_right([](const auto& in) { return contrastive_loss(in[0], kTargets, 0.5f); },
               scalar([](const std::vector<double>& x) {
                 double sum = 0;
                 for (std::size_t i = 0; i < x.size(); ++i) {
                   const double t = static_cast<double>(kTargets[i]);
                   sum += (t * x[i] * x[i] + (1 - t) * std::pow(std::max(0.5 - x[i], 0.0), 2)) / 2;
                 }
                 return sum;
               }),
               0, 1);
}

// R OnlineContrastiveLoss, literally.
double online_definition(const std::vector<double>& x, const Targets& targets, double margin) {
  std::vector<double> positive, negative;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (targets[i] == 1.0f) positive.push_back(x[i]);
    if (targets[i] == 0.0f) negative.push_back(x[i]);
  }
  const auto mean = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double d : v) sum += d;
    return sum / static_cast<double>(v.size());
  };
  const double below =
                   positive.size() > 1 ? *std::max_element(positive.begin(), positive.end()) : mean(negative),
               above =
                   negative.size() > 1 ? *std::min_element(negative.begin(), negative.end()) : mean(positive);
  double sum = 0;
  for (const double d : positive) sum += d > above ? d * d : 0;
  for (const double d : negative) sum += d < below ? std::pow(std::max(margin - d, 0.0), 2) : 0;
  return sum;
}

TEST(PairLosses, OnlineContrastiveEqualsItsDefinitionWithItsGradient) {
  const Targets several[] = {
      kTargets, {1, 0, 0, 0, 0, 0, 0}, {1, 1, 0, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1}};
  for (const Targets& targets : several)
    expect_right([&](const auto& in) { return online_contrastive_loss(in[0], targets, 0.5f); },
                 scalar([&](const std::vector<double>& x) { return online_definition(x, targets, 0.5); }), 0,
                 1);
}

TEST(PairLosses, TheHingeEqualsItsDefinitionWithItsGradient) {
  expect_right([](const auto& in) { return hinge_loss(in[0], 0.3f); },
               scalar([](const std::vector<double>& x) {
                 double sum = 0;
                 for (const double v : x) sum += std::max(v + static_cast<double>(0.3f), 0.0);
                 return sum;
               }),
               -1, 1);
}

TEST(PairLosses, HaveTheSameBitsForEveryThreadCountAndInstructionSet) {
  Targets targets;
  for (int i = 0; i < 200; ++i) targets.push_back(static_cast<float>(i * i % 7) / 6);
  EXPECT_EQ(check::same_bits_everywhere([&] {
              return check::with_gradients([&](const auto& in) { return cosent_loss(in[0], targets, 20); },
                                           {random_tensor({200, 1}, 1)});
            }),
            "");
}

TEST(PairLosses, SayWhatDoesNotFit) {
  const Tensor x = random_tensor({2, 1}, 1);
  EXPECT_EQ(check::message_of(Errc::kData, [&] { cosent_loss(x, Targets{1}, 20); }),
            "cosent_loss: targets is [1], expected [B] with B = 2 as bound by x");
  EXPECT_EQ(check::message_of(Errc::kData,
                              [&] {
                                hinge_loss(random_tensor({2, 2}, 1), 1);
                              }),
            "hinge_loss: x is [2, 2], expected [B, 1]");
}

}  // namespace
}  // namespace lyceum
