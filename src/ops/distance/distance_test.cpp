#include "ops/distance/distance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;

const Shape kShapes[] = {{0, 3}, {1, 1}, {2, 3}, {5, 17}, {3, 33}};

check::Op by_rows(const std::function<double(double, double)>& term,
                  const std::function<double(double)>& end) {
  return [=](const std::vector<Tensor>& in) {
    const std::int64_t cols = in[0].cols();
    return check::generate({in[0].rows(), 1}, [&](std::int64_t r) {
      double sum = 0;
      for (std::int64_t c = 0; c < cols; ++c)
        sum += term(check::at(in[0], r * cols + c), check::at(in[1], r * cols + c));
      return end(sum);
    });
  };
}
double same(double x) { return x; }

void expect_right(const check::Op& op, const check::Op& definition) {
  for (const Shape& shape : kShapes) {
    const Tensor a = random_tensor(shape, 1), b = random_tensor(shape, 2);
    EXPECT_EQ(check::gradcheck(op, definition, {a, b}), "") << shape.text();
    EXPECT_EQ(check::gradcheck(op, definition, {check::strided(a), check::strided(b)}), "")
        << shape.text() << ", views";
    EXPECT_EQ(check::gradcheck(op, definition, {a, b}, {.differentiable = {false, true}}), "")
        << shape.text() << ", a constant";
  }
}

TEST(Distance, TheProductOfRowsEqualsItsDefinitionWithItsGradients) {
  expect_right([](const auto& in) { return dot_rows(in[0], in[1]); },
               by_rows([](double a, double b) { return a * b; }, same));
}

TEST(Distance, BothNormsEqualTheirDefinitionsWithTheirGradients) {
  for (const double shift : {0.0, 0.25}) {
    const auto f = static_cast<float>(shift);
    expect_right([f](const auto& in) { return distance_rows(in[0], in[1], DistanceNorm::kManhattan, f); },
                 by_rows([shift](double a, double b) { return std::fabs(a - b + shift); }, same));
    expect_right([f](const auto& in) { return distance_rows(in[0], in[1], DistanceNorm::kEuclidean, f); },
                 by_rows([shift](double a, double b) { return std::pow(a - b + shift, 2); },
                         [](double x) { return std::sqrt(x); }));
  }
}

TEST(Distance, TheAbsoluteDifferenceEqualsItsDefinitionWithItsGradients) {
  expect_right([](const auto& in) { return absolute_difference(in[0], in[1]); },
               [](const std::vector<Tensor>& in) {
                 return check::generate(in[0].shape(), [&](std::int64_t i) {
                   return std::fabs(check::at(in[0], i) - check::at(in[1], i));
                 });
               });
}

TEST(Distance, EqualRowsHaveGradientZero) {
  const Tensor x = random_tensor({2, 5}, 1);
  const check::Op ops[] = {
      [](const auto& in) { return distance_rows(in[0], in[1], DistanceNorm::kEuclidean); },
      [](const auto& in) { return distance_rows(in[0], in[1], DistanceNorm::kManhattan); },
      [](const auto& in) { return absolute_difference(in[0], in[1]); }};
  for (const check::Op& op : ops)
    for (const Tensor& found : check::with_gradients(op, {x, x.clone()}))
      for (const float v : found.values<float>()) EXPECT_EQ(v, 0.0f);
}

TEST(Distance, HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  const std::vector<Tensor> in = {random_tensor({300, 111}, 1), random_tensor({300, 111}, 2)};
  EXPECT_EQ(check::same_bits_everywhere([&] {
              std::vector<Tensor> all;
              const auto run = [&](const check::Op& op) {
                for (Tensor& t : check::with_gradients(op, in)) all.push_back(t);
              };
              run([](const auto& x) { return dot_rows(x[0], x[1]); });
              run([](const auto& x) { return distance_rows(x[0], x[1], DistanceNorm::kEuclidean, 1e-6f); });
              run([](const auto& x) { return distance_rows(x[0], x[1], DistanceNorm::kManhattan); });
              return all;
            }),
            "");
}

TEST(Distance, SaysWhatDoesNotFit) {
  const Tensor a = random_tensor({2, 3}, 1), b = random_tensor({2, 4}, 2);
  EXPECT_EQ(check::message_of(Errc::kData, [&] { dot_rows(a, b); }),
            "dot_rows: b is [2, 4], expected [B, D] with B = 2 as bound by a, D = 3 as bound by a");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { distance_rows(a, b, DistanceNorm::kEuclidean); }),
            "distance_rows: b is [2, 4], expected [B, D] with B = 2 as bound by a, D = 3 as bound by a");
  EXPECT_EQ(
      check::message_of(Errc::kData, [&] { absolute_difference(a, b); }),
      "absolute_difference: b is [2, 4], expected [B, D] with B = 2 as bound by a, D = 3 as bound by a");
}

}  // namespace
}  // namespace lyceum
