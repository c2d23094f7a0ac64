#pragma once

#include <cstdint>

namespace lyceum::kernels {

// y[c] = x[c] / (1 - p), or 0 where number c mod 4 of philox(key, row 2^32 + c / 4, id) lies below p. Of 0 <
// p < 1; y may be x.
struct DropoutElements {
  std::uint64_t key, id;
  float probability;
};
void dropout_row(const DropoutElements& which, std::uint32_t row, const float* x, float* y,
                 std::int64_t n) noexcept;

}  // namespace lyceum::kernels
