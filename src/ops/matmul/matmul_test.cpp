#include "ops/matmul/matmul.h"

#include <gtest/gtest.h>

#include <cmath>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;

Tensor op(const std::vector<Tensor>& in) { return matmul_transposed(in[0], in[1]); }

Tensor definition(const std::vector<Tensor>& in) {
  const std::int64_t N = in[1].rows(), K = in[0].cols();
  return check::generate({in[0].rows(), N}, [&](std::int64_t i) {
    double sum = 0;
    for (std::int64_t k = 0; k < K; ++k)
      sum += check::at(in[0], i / N * K + k) * check::at(in[1], i % N * K + k);
    return sum;
  });
}

TEST(Matmul, EqualsItsDefinitionWithBothGradients) {
  constexpr std::int64_t kShapes[][3] = {{1, 1, 1},   {2, 3, 5},    {3, 2, 17}, {5, 33, 2}, {17, 1, 33},
                                         {33, 17, 3}, {70, 50, 19}, {0, 4, 3},  {4, 0, 3},  {2, 3, 0}};
  for (const auto& [m, n, k] : kShapes) {
    const Tensor a = random_tensor({m, k}, 1), b = random_tensor({n, k}, 2);
    EXPECT_EQ(check::gradcheck(op, definition, {a, b}), "") << m << "x" << n << "x" << k;
    EXPECT_EQ(check::gradcheck(op, definition, {check::strided(a), check::strided(b)}), "")
        << m << "x" << n << "x" << k << ", views";
  }
}

TEST(Matmul, OneTensorOnBothSidesGetsBothGradients) {
  const auto squared = [](const std::vector<Tensor>& in) { return matmul_transposed(in[0], in[0]); };
  const auto wanted = [](const std::vector<Tensor>& in) { return definition({in[0], in[0]}); };
  EXPECT_EQ(check::gradcheck(squared, wanted, {random_tensor({5, 3}, 1)}), "");
}

TEST(Matmul, EveryOutputIsOneChainOverK) {
  const Tensor a = random_tensor({7, 300}, 1), b = random_tensor({5, 300}, 2), y = matmul_transposed(a, b);
  for (std::int64_t m = 0; m < 7; ++m)
    for (std::int64_t n = 0; n < 5; ++n) {
      float sum = 0;
      for (std::int64_t k = 0; k < 300; ++k) sum = std::fma(a.row<float>(m)[k], b.row<float>(n)[k], sum);
      EXPECT_EQ(y.row<float>(m)[n], sum);
    }
}

TEST(Matmul, HasTheSameBitsForEveryThreadCountInstructionSetAndBatch) {
  const Tensor a = random_tensor({130, 67}, 1), b = random_tensor({90, 67}, 2);
  EXPECT_EQ(check::same_bits_everywhere([&] { return check::with_gradients(op, {a, b}); }), "");
  EXPECT_EQ(
      check::same_bits(matmul_transposed(a, b).row_range(64, 65), matmul_transposed(a.row_range(64, 65), b)),
      "");
}

TEST(Matmul, SaysWhatDoesNotFit) {
  EXPECT_EQ(check::message_of(Errc::kData,
                              [] {
                                matmul_transposed(random_tensor({2, 3}, 1), random_tensor({2, 4}, 2));
                              }),
            "matmul_transposed: b is [2, 4], expected [N, K] with K = 3 as bound by a");
}

}  // namespace
}  // namespace lyceum
