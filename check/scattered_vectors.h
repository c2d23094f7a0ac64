// Vectors in groups, the same here and in the scripts that make goldens.
#pragma once

#include <cmath>
#include <cstdint>

#include "tensor/tensor.h"

namespace lyceum::check {

constexpr std::int64_t kScatteredWidth = 16, kScatteredGroups = 23;

// [-0.5, 0.5). Source: src/tasks/common/golden/make_vectors.py.
inline double scatter_noise(std::int64_t i, std::int64_t d) {
  const double x = std::sin(12.9898 * static_cast<double>(i) + 78.233 * static_cast<double>(d)) * 43758.5453;
  return x - std::floor(x) - 0.5;
}

// Vectors [count, 16], each around the point of its group; vector i is of group i mod 23.
inline Tensor scattered_vectors(std::int64_t count, double spread) {
  Tensor out = Tensor::empty({count, kScatteredWidth});
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t d = 0; d < kScatteredWidth; ++d)
      out.mutable_row<float>(i)[d] =
          static_cast<float>(scatter_noise(100000 + i % kScatteredGroups, d) + spread * scatter_noise(i, d));
  return out;
}

}  // namespace lyceum::check
