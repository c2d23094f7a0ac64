#include "kernels/dot.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "kernels/isa.h"

namespace lyceum::kernels {
namespace {

// The promise itself: element i goes to lane i mod 16, then 16 -> 8 -> 4 -> 2 -> 1.
float lanes16(const float* x, const float* y, std::int64_t n) {
  std::array<float, 16> lane{};
  for (std::int64_t i = 0; i < n; ++i) {
    float& sum = lane[static_cast<std::size_t>(i % 16)];
    sum = std::fma(x[i], y[i], sum);
  }
  for (std::size_t half = 8; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

TEST(Dot, IsSixteenChainsFoldedInOneOrderOnEveryInstructionSet) {
  constexpr std::int64_t kMost = 70;  // past four AVX-512 vectors
  Random random(1);
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (std::int64_t n = 0; n <= kMost; ++n)
      for (std::size_t start = 0; start < 4; ++start) {  // any alignment, and nothing behind the end is read
        std::vector<float> x(start + static_cast<std::size_t>(n)), y(x.size());
        for (float& v : x) v = random.uniform(-1, 1);
        for (float& v : y) v = random.uniform(-1, 1);
        ASSERT_EQ(dot(x.data() + start, y.data() + start, n), lanes16(x.data() + start, y.data() + start, n))
            << isa_name(isa) << ", " << n << " elements from " << start;
      }
  }
  set_isa(available_isas().back());
}

TEST(Dot, CarriesNaNAndInfinity) {
  std::vector<float> x(33, 1.0f), y(33, 2.0f);
  x[32] = INFINITY;
  EXPECT_EQ(dot(x.data(), y.data(), 33), INFINITY);
  y[32] = 0;
  EXPECT_TRUE(std::isnan(dot(x.data(), y.data(), 33)));
}

}  // namespace
}  // namespace lyceum::kernels
