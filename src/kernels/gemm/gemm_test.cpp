#include "kernels/gemm/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/convert.h"
#include "kernels/isa.h"

namespace lyceum::kernels {
namespace {

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = random.uniform(-1, 1);
  return values;
}

// The promise itself: one chain of fused multiply-adds over k ascending from 0.
float chain(const float* a, const float* b, std::int64_t k_size, std::int64_t b_stride) {
  float sum = 0;
  for (std::int64_t k = 0; k < k_size; ++k) sum = std::fma(a[k], b[k * b_stride], sum);
  return sum;
}

struct RestoreMachine {
  ~RestoreMachine() {
    set_thread_count(0);
    set_isa(available_isas().back());
  }
};

TEST(Gemm, EveryOutputIsTheChainOnEveryInstructionSetAndThreadCount) {
  const RestoreMachine restore;
  const std::int64_t shapes[][3] = {{1, 1, 1},    {1, 48, 7},     {2, 16, 16},   {3, 47, 5},
                                    {5, 49, 33},  {6, 64, 64},    {7, 17, 100},  {8, 96, 768},
                                    {9, 31, 769}, {13, 145, 40},  {16, 48, 17},  {17, 3, 1600},
                                    {97, 50, 20}, {200, 97, 129}, {193, 16, 70}, {4, 200, 1024}};
  for (const auto& [m, n, k] : shapes) {
    const auto a = random_values(m * k, 1), b = random_values(n * k, 2);
    for (const Isa isa : available_isas()) {
      set_isa(isa);
      const PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
      Panels panels;
      pack({&source, 1}, k, panels);
      for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        std::vector<float> c(static_cast<std::size_t>(m * (n + 3)), -7.0f);
        product({.data = a.data(), .stride = k}, m, panels, c.data(), n + 3);
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < n; ++j)
            ASSERT_EQ(c[static_cast<std::size_t>(i * (n + 3) + j)],
                      chain(a.data() + i * k, b.data() + j * k, k, 1))
                << isa_name(isa) << " threads " << threads << " " << m << "x" << n << "x" << k << " at " << i
                << "," << j;
          for (std::int64_t j = n; j < n + 3; ++j)
            ASSERT_EQ(c[static_cast<std::size_t>(i * (n + 3) + j)], -7.0f) << "written past the row";
        }
      }
    }
  }
}

TEST(Gemm, PanelsOfAnotherInstructionSetGiveTheSameBits) {
  const RestoreMachine restore;
  const std::int64_t m = 11, n = 131, k = 77;
  const auto a = random_values(m * k, 1), b = random_values(n * k, 2);
  const PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
  for (const Isa packed_for : available_isas())
    for (const Isa used_by : available_isas()) {
      set_isa(packed_for);
      Panels panels;
      pack({&source, 1}, k, panels);
      set_isa(used_by);
      std::vector<float> c(static_cast<std::size_t>(m * n));
      product({.data = a.data(), .stride = k}, m, panels, c.data(), n);
      for (std::int64_t i = 0; i < m * n; ++i)
        ASSERT_EQ(c[static_cast<std::size_t>(i)], chain(a.data() + i / n * k, b.data() + i % n * k, k, 1));
    }
}

TEST(Gemm, TransposedLeftSidesStackedPacksAndConv1dOrientationAgree) {
  const std::int64_t m = 19, n1 = 30, n2 = 41, k = 830, n = n1 + n2;
  const auto at = random_values(k * m, 3), b1 = random_values(n1 * k, 4), b2 = random_values(k * n2, 5);
  const PackSource sources[] = {{.data = b1.data(), .n = n1, .k_stride = 1, .n_stride = k},
                                {.data = b2.data(), .n = n2, .k_stride = n2, .n_stride = 1}};
  Panels panels;
  pack(sources, k, panels);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  product({.data = at.data(), .stride = m, .transposed = true}, m, panels, c.data(), n);
  for (std::int64_t i = 0; i < m; ++i) {
    std::vector<float> row;
    for (std::int64_t t = 0; t < k; ++t) row.push_back(at[static_cast<std::size_t>(t * m + i)]);
    for (std::int64_t j = 0; j < n; ++j) {
      const float want = j < n1 ? chain(row.data(), b1.data() + j * k, k, 1)
                                : chain(row.data(), b2.data() + (j - n1), k, n2);
      ASSERT_EQ(c[static_cast<std::size_t>(i * n + j)], want);
    }
  }
}

TEST(Gemm, AliasingStridesAndLongChainsKeepTheBits) {
  const std::int64_t m = 20, n = 50, k = 3072;
  const auto a = random_values(m * k, 6), b = random_values(n * k, 7);
  const PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
  std::vector<float> c(static_cast<std::size_t>(m * n)), alone(static_cast<std::size_t>(n));
  Panels panels;
  pack({&source, 1}, k, panels);
  product({.data = a.data(), .stride = k}, m, panels, c.data(), n);
  product({.data = a.data() + (m - 1) * k, .stride = k}, 1, panels, alone.data(), n);
  for (std::int64_t j = 0; j < n; ++j) {
    ASSERT_EQ(alone[static_cast<std::size_t>(j)], c[static_cast<std::size_t>((m - 1) * n + j)]);
    ASSERT_EQ(alone[static_cast<std::size_t>(j)], chain(a.data() + (m - 1) * k, b.data() + j * k, k, 1));
  }
}

TEST(Gemm, EpilogueAddsBiasThenActivatesThenAddsTheResidual) {
  const std::int64_t m = 9, n = 53, k = 21;
  const auto a = random_values(m * k, 1), b = random_values(n * k, 2), bias = random_values(n, 3),
             residual = random_values(m * n, 4);
  const PackSource source{.data = b.data(), .n = n, .k_stride = 1, .n_stride = k};
  Panels panels;
  pack({&source, 1}, k, panels);
  std::vector<float> c(static_cast<std::size_t>(m * n)), pre(c.size());
  product({.data = a.data(), .stride = k}, m, panels, c.data(), n,
          {.bias = bias.data(),
           .activation = Activation::kRelu,
           .pre_activation = pre.data(),
           .pre_stride = n,
           .residual = residual.data(),
           .residual_stride = n});
  for (std::int64_t i = 0; i < m * n; ++i) {
    const auto s = static_cast<std::size_t>(i);
    const float x =
        chain(a.data() + i / n * k, b.data() + i % n * k, k, 1) + bias[static_cast<std::size_t>(i % n)];
    ASSERT_EQ(pre[s], x);
    ASSERT_EQ(c[s], std::max(0.0f, x) + residual[s]);
  }
}

TEST(Gemm, NothingToSumLeavesTheEpilogueOfZero) {
  const float bias[] = {1, 2, 3};
  const PackSource source{.data = bias, .n = 3, .k_stride = 1, .n_stride = 0};
  Panels panels;
  pack({&source, 1}, 0, panels);
  float c[6] = {9, 9, 9, 9, 9, 9};
  product({.data = bias, .stride = 0}, 2, panels, c, 3, {.bias = bias});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(c[i], bias[i % 3]);
}

TEST(Gemm, SixteenBitWeightsAreWidenedExactly) {
  const std::int64_t n = 20, k = 37;
  const auto a = random_values(k, 1);
  Random random(5);
  std::vector<std::uint16_t> halves(static_cast<std::size_t>(n * k));
  for (const PackType type : {PackType::kBF16, PackType::kF16}) {
    for (auto& h : halves)
      h = type == PackType::kBF16 ? f32_to_bf16(random.uniform(-1, 1)) : f32_to_f16(random.uniform(-1, 1));
    const PackSource source{.data = halves.data(), .type = type, .n = n, .k_stride = 1, .n_stride = k};
    Panels panels;
    pack({&source, 1}, k, panels);
    std::vector<float> c(static_cast<std::size_t>(n)), wide(halves.size());
    product({.data = a.data(), .stride = k}, 1, panels, c.data(), n);
    for (std::size_t i = 0; i < halves.size(); ++i)
      wide[i] = type == PackType::kBF16 ? bf16_to_f32(halves[i]) : f16_to_f32(halves[i]);
    for (std::int64_t j = 0; j < n; ++j)
      ASSERT_EQ(c[static_cast<std::size_t>(j)], chain(a.data(), wide.data() + j * k, k, 1));
  }
}

}  // namespace
}  // namespace lyceum::kernels
