#include "kernels/narrow/narrow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "base/random.h"
#include "check/gradcheck.h"
#include "kernels/convert.h"
#include "kernels/isa.h"
#include "kernels/narrow/narrow_units.h"

namespace lyceum::kernels {
namespace {

struct Size {
  std::int64_t rows, k, n;
};
// Around every edge: of vectors, of 16 columns, of tiles of 16 and 32 rows, of 64 bytes of depth, of blocks.
constexpr Size kSizes[] = {{1, 1, 1},     {2, 3, 15},    {5, 64, 16},    {16, 65, 17},
                           {17, 63, 33},  {31, 128, 48}, {33, 130, 65},  {40, 768, 31},
                           {7, 1500, 64}, {257, 96, 40}, {300, 20, 100}, {64, 0, 20}};

PackSource rows_source(const Tensor& w) {  // [N, K]
  return {.data = w.raw(), .n = w.dim(0), .k_stride = 1, .n_stride = w.dim(1)};
}

// The definition, one output at a time.
float int8_definition(const float* x, const float* w, std::int64_t k) {
  std::vector<std::int8_t> a(static_cast<std::size_t>(k)), b(a.size());
  const float scale_a = quantize_row(x, k, a.data()), scale_b = quantize_row(w, k, b.data());
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::int64_t{a[i]} * b[i];
  return static_cast<float>(sum) * scale_b * scale_a;
}

TEST(Narrow, Int8ProductsAreTheDefinitionsBitsOnEveryUnitForEveryThreadCount) {
  for (const Size& size : kSizes) {
    const Tensor x = check::random_tensor({size.rows, size.k + 3}, 1, -3, 3),
                 w = check::random_tensor({size.n, size.k}, 2);
    std::vector<Tensor> results;
    const std::string trouble = check::same_bits_everywhere([&] {
      NarrowPanels panels;
      const PackSource source = rows_source(w);
      pack({&source, 1}, size.k, Narrow::kInt8, panels);
      Tensor y = Tensor::full({size.rows, size.n + 1}, 9.0f);
      product({.data = x.data<float>(), .stride = x.cols()}, size.rows, panels, y.mutable_data<float>(),
              size.n + 1);
      results = {y};
      return results;
    });
    EXPECT_EQ(trouble, "") << size.rows << "x" << size.k << "x" << size.n;
    for (std::int64_t r = 0; r < size.rows; ++r) {
      for (std::int64_t n = 0; n < size.n; ++n)
        ASSERT_EQ(results[0].row<float>(r)[n],
                  int8_definition(x.row<float>(r), w.data<float>() + n * size.k, size.k))
            << size.rows << "x" << size.k << "x" << size.n << " at " << r << ", " << n;
      ASSERT_EQ(results[0].row<float>(r)[size.n], 9.0f) << "outside of the product";
    }
  }
}

// Each value is rounded to 8 bits (2^-9 of it at most), and a product of two to 2^-8; sums in f32.
TEST(Narrow, Bf16ProductsLieWithinTheRoundingOfTheirFactors) {
  for (const Size& size : kSizes) {
    const Tensor x = check::random_tensor({size.rows, size.k + 3}, 1, -3, 3),
                 w = check::random_tensor({size.n, size.k}, 2);
    for (const Isa isa : available_isas()) {
      set_isa(isa);
      std::vector<Tensor> by_threads;
      for (const int threads : {1, 2, 3}) {
        set_thread_count(threads);
        NarrowPanels panels;
        const PackSource source = rows_source(w);
        pack({&source, 1}, size.k, Narrow::kBF16, panels);
        Tensor y = Tensor::zeros({size.rows, size.n});
        product({.data = x.data<float>(), .stride = x.cols()}, size.rows, panels, y.mutable_data<float>(),
                size.n);
        by_threads.push_back(y);
        EXPECT_EQ(check::same_bits(y, by_threads[0]), "")
            << narrow_unit(Narrow::kBF16) << ", threads " << threads;
      }
      for (std::int64_t r = 0; r < size.rows; ++r)
        for (std::int64_t n = 0; n < size.n; ++n) {
          double want = 0, allowed = 1e-30;
          for (std::int64_t i = 0; i < size.k; ++i) {
            const double term = static_cast<double>(x.row<float>(r)[i]) *
                                static_cast<double>(w.data<float>()[n * size.k + i]);
            want += term;
            allowed += std::abs(term) * (0x1p-8 + 0x1p-15);
          }
          ASSERT_LE(std::abs(static_cast<double>(by_threads[0].row<float>(r)[n]) - want), allowed)
              << isa_name(isa) << " " << size.rows << "x" << size.k << "x" << size.n;
        }
    }
  }
  set_isa(available_isas().back());
  set_thread_count(0);
}

// The units alone: also those that are never chosen on this processor.
TEST(Narrow, EveryUnitOfTheProcessorSumsWholeAndPartialBlocksInOneOrTwoGoes) {
  constexpr std::int64_t kStride = 256, kGroups = 4, kGroupStride = 16 * kStride;
  Random random(3);
  std::vector<std::uint8_t> a(64 * kStride), b(kGroups * kGroupStride);
  for (const Narrow format : {Narrow::kInt8, Narrow::kBF16}) {
    const bool bytes = format == Narrow::kInt8;
    for (auto* side : {&a, &b})
      for (std::size_t i = 0; i < side->size(); i += 2) {
        // bf16: small whole numbers, whose sums are exact in any order
        const std::uint16_t half = f32_to_bf16(static_cast<float>(random.below(9)) - 4.0f);
        (*side)[i] =
            bytes ? static_cast<std::uint8_t>(random.below(256)) : static_cast<std::uint8_t>(half & 255);
        (*side)[i + 1] =
            bytes ? static_cast<std::uint8_t>(random.below(256)) : static_cast<std::uint8_t>(half >> 8);
      }
    const auto half_at = [](const std::vector<std::uint8_t>& from, std::int64_t at) {
      const auto i = static_cast<std::size_t>(at);
      return static_cast<double>(bf16_to_f32(static_cast<std::uint16_t>(from[i] | from[i + 1] << 8)));
    };
    const auto want = [&](std::int64_t r, std::int64_t c) {
      double sum = 0;
      const std::int64_t column = c / 16 * kGroupStride + c % 16 * 4;
      for (std::int64_t i = 0; i < kStride; i += bytes ? 1 : 2) {
        const std::int64_t at = column + i / 4 * 64 + i % 4;
        sum += bytes ? static_cast<double>(a[static_cast<std::size_t>(r * kStride + i)]) *
                           static_cast<std::int8_t>(b[static_cast<std::size_t>(at)])
                     : half_at(a, r * kStride + i) * half_at(b, at);
      }
      return sum;
    };
    for (const NarrowUnit* unit : narrow_units_here(format))
      for (std::int64_t rows = 1; rows <= unit->rows; ++rows)
        for (std::int64_t groups = 1; groups <= unit->groups; ++groups)
          for (const std::int64_t cut : {std::int64_t{64}, kStride}) {
            std::vector<std::int32_t> sums(static_cast<std::size_t>(32 * 16 * kGroups), -1);
            if (unit->begin != nullptr) unit->begin();
            for (std::int64_t depth = 0; depth < kStride; depth += cut)
              unit->multiply({.a = reinterpret_cast<const std::byte*>(a.data()) + depth,
                              .a_stride = kStride,
                              .b = reinterpret_cast<const std::byte*>(b.data()) + depth * 16,
                              .group_stride = kGroupStride,
                              .column_bytes = std::min(cut, kStride - depth),
                              .sums = sums.data(),
                              .sum_stride = 16 * kGroups,
                              .rows = rows,
                              .groups = groups,
                              .first = depth == 0});
            if (unit->end != nullptr) unit->end();
            for (std::int64_t r = 0; r < rows; ++r)
              for (std::int64_t c = 0; c < 16 * groups; ++c) {
                const std::int32_t bits = sums[static_cast<std::size_t>(r * 16 * kGroups + c)];
                ASSERT_EQ(bytes ? static_cast<double>(bits) : static_cast<double>(std::bit_cast<float>(bits)),
                          want(r, c))
                    << unit->name << ", " << rows << " rows, " << groups << " groups, at " << r << ", " << c;
              }
          }
  }
}

TEST(Narrow, TheEpilogueIsTheF32Products) {
  const Tensor x = check::random_tensor({45, 70}, 1), w = check::random_tensor({50, 70}, 2),
               bias = check::random_tensor({50}, 3), residual = check::random_tensor({45, 50}, 4);
  for (const Narrow format : {Narrow::kInt8, Narrow::kBF16}) {
    NarrowPanels panels;
    const PackSource source = rows_source(w);
    pack({&source, 1}, 70, format, panels);
    Tensor plain = Tensor::zeros({45, 50}), all = Tensor::zeros({45, 50});
    const LeftMatrix left{.data = x.data<float>(), .stride = 70};
    product(left, 45, panels, plain.mutable_data<float>(), 50);
    product(left, 45, panels, all.mutable_data<float>(), 50,
            {.bias = bias.data<float>(),
             .activation = Activation::kGeluErf,
             .residual = residual.data<float>(),
             .residual_stride = 50});
    for (std::int64_t r = 0; r < 45; ++r) {
      std::vector<float> u(50);
      for (std::size_t n = 0; n < 50; ++n) u[n] = plain.row<float>(r)[n] + bias.data<float>()[n];
      activate(u.data(), u.data(), 50, Activation::kGeluErf);
      for (std::size_t n = 0; n < 50; ++n)
        ASSERT_EQ(all.row<float>(r)[n], u[n] + residual.row<float>(r)[n]) << r << ", " << n;
    }
  }
}

TEST(Narrow, SourcesStandSideBySideInAnyOrientationAndFormat) {
  const std::int64_t k = 37;
  const Tensor a = check::random_tensor({20, k}, 1), b = check::random_tensor({k, 9}, 2),
               x = check::random_tensor({6, k}, 3);
  std::vector<std::uint16_t> halves;
  std::vector<std::int8_t> bytes(static_cast<std::size_t>(20 * k));
  std::vector<float> scales(20);
  for (const float v : a.values<float>()) halves.push_back(f32_to_bf16(v));
  for (std::int64_t n = 0; n < 20; ++n)
    scales[static_cast<std::size_t>(n)] = quantize_row(a.row<float>(n), k, bytes.data() + n * k);
  const auto run = [&](std::span<const PackSource> sources) {
    NarrowPanels panels;
    pack(sources, k, Narrow::kInt8, panels);
    Tensor y = Tensor::zeros({6, panels.n()});
    product({.data = x.data<float>(), .stride = k}, 6, panels, y.mutable_data<float>(), panels.n());
    return y;
  };
  const PackSource f32 = rows_source(a);
  const PackSource columns{.data = b.raw(), .n = 9, .k_stride = 9, .n_stride = 1};
  const PackSource i8{.data = bytes.data(),
                      .type = PackType::kI8,
                      .n = 20,
                      .k_stride = 1,
                      .n_stride = k,
                      .scales = scales.data()};
  const PackSource both[] = {f32, columns}, ready[] = {i8, columns};
  const Tensor y = run(both);
  EXPECT_EQ(check::same_bits(run(ready), y), "") << "bytes that were quantised before";
  EXPECT_EQ(check::same_bits(y.columns(0, 20).clone(), run({&f32, 1})), "");
  EXPECT_EQ(check::same_bits(y.columns(20, 29).clone(), run({&columns, 1})), "");
  // the same values as f32 panels
  Panels wide;
  pack({&i8, 1}, k, wide);
  Tensor z = Tensor::zeros({1, 20});
  std::vector<float> one(static_cast<std::size_t>(k), 0.0f);
  one[5] = 1.0f;
  product({.data = one.data(), .stride = k}, 1, wide, z.mutable_data<float>(), 20);
  for (std::int64_t n = 0; n < 20; ++n)
    EXPECT_EQ(z.data<float>()[n], static_cast<float>(bytes[static_cast<std::size_t>(n * k + 5)]) *
                                      scales[static_cast<std::size_t>(n)]);
}

TEST(Narrow, ARowIsRoundedToItsLargestValueAnd127StepsWithTiesToEven) {
  const float x[] = {127.0f, -127.0f, 0.5f, 1.5f, 2.5f, -0.5f, 0.0f, 63.49f};
  std::int8_t q[8];
  EXPECT_EQ(quantize_row(x, 8, q), 1.0f);
  EXPECT_EQ(std::vector<int>(q, q + 8), (std::vector<int>{127, -127, 0, 2, 2, 0, 0, 63}));
  const float zeros[3] = {0.0f, -0.0f, 1e-31f};
  EXPECT_EQ(quantize_row(zeros, 3, q), 0.0f);
  EXPECT_EQ(q[2], 0);
}

TEST(Narrow, WhatIsNotFiniteStaysInItsRow) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor w = check::random_tensor({18, 70}, 2);
  NarrowPanels panels;
  const PackSource source = rows_source(w);
  pack({&source, 1}, 70, Narrow::kInt8, panels);
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    Tensor x = check::random_tensor({3, 70}, 1), y = Tensor::zeros({3, 18}), z = Tensor::zeros({3, 18});
    product({.data = x.data<float>(), .stride = 70}, 3, panels, y.mutable_data<float>(), 18);
    x.mutable_data<float>()[70 + 66] = bad;
    product({.data = x.data<float>(), .stride = 70}, 3, panels, z.mutable_data<float>(), 18);
    for (std::int64_t n = 0; n < 18; ++n) {
      EXPECT_EQ(z.row<float>(0)[n], y.row<float>(0)[n]);
      EXPECT_TRUE(std::isnan(z.row<float>(1)[n]));
      EXPECT_EQ(z.row<float>(2)[n], y.row<float>(2)[n]);
    }
  }
}

TEST(Narrow, PanelsTakeAByteAndTwoBytesForAValue) {
  const Tensor w = check::random_tensor({160, 640}, 2);
  const PackSource source = rows_source(w);
  NarrowPanels panels;
  pack({&source, 1}, 640, Narrow::kInt8, panels);
  EXPECT_LE(panels.bytes(), 160 * 640 * 102 / 100);
  pack({&source, 1}, 640, Narrow::kBF16, panels);
  EXPECT_LE(panels.bytes(), 2 * 160 * 640 * 102 / 100);
}

}  // namespace
}  // namespace lyceum::kernels
