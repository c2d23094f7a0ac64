// Plain loops over columns: the compiler vectorises them without changing the order of any sum.
#include "kernels/rows.h"

#include <algorithm>

#include "base/parallel.h"
#include "kernels/scratch.h"

namespace lyceum::kernels {

void add_to(float* y, const float* x, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

void sum_rows(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols, float* y) {
  constexpr std::int64_t kBlock = 64;
  const std::int64_t blocks = (rows + kBlock - 1) / kBlock;
  std::fill_n(y, cols, 0.0f);
  if (blocks <= 1) {
    for (std::int64_t r = 0; r < rows; ++r) add_to(y, x + r * stride, cols);
    return;
  }
  AlignedFloats parts(blocks * cols);
  parallel_for(blocks, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      float* part = parts.data() + b * cols;
      std::fill_n(part, cols, 0.0f);
      for (std::int64_t r = b * kBlock; r < std::min(rows, (b + 1) * kBlock); ++r)
        add_to(part, x + r * stride, cols);
    }
  });
  for (std::int64_t b = 0; b < blocks; ++b) add_to(y, parts.data() + b * cols, cols);
}

}  // namespace lyceum::kernels
