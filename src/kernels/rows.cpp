// Plain loops over columns: the compiler vectorises them without changing the order of any sum.
#include "kernels/rows.h"

#include <algorithm>

#include "base/parallel.h"
#include "kernels/scratch.h"

namespace lyceum::kernels {

void add_to(float* y, const float* x, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

namespace {

// add(part, r): part[c] += the r-th row's term.
template <class Add>
void sum_in_blocks(std::int64_t rows, std::int64_t cols, float* y, const Add& add) {
  constexpr std::int64_t kBlock = 64;
  const std::int64_t blocks = (rows + kBlock - 1) / kBlock;
  std::fill_n(y, cols, 0.0f);
  if (blocks <= 1) {
    for (std::int64_t r = 0; r < rows; ++r) add(y, r);
    return;
  }
  static thread_local AlignedFloats scratch;
  float* const parts = scratch.grow(blocks * cols);
  parallel_for(blocks, std::max<std::int64_t>(1, (1 << 15) / std::max<std::int64_t>(1, kBlock * cols)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t b = begin; b < end; ++b) {
                   float* part = parts + b * cols;
                   std::fill_n(part, cols, 0.0f);
                   for (std::int64_t r = b * kBlock; r < std::min(rows, (b + 1) * kBlock); ++r) add(part, r);
                 }
               });
  for (std::int64_t b = 0; b < blocks; ++b) add_to(y, parts + b * cols, cols);
}

}  // namespace

void sum_rows(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols, float* y) {
  sum_in_blocks(rows, cols, y, [&](float* part, std::int64_t r) { add_to(part, x + r * stride, cols); });
}

void sum_products(const float* x, const float* z, std::int64_t rows, std::int64_t cols, float* y) {
  sum_in_blocks(rows, cols, y, [&](float* part, std::int64_t r) {
    const float *a = x + r * cols, *b = z + r * cols;
    for (std::int64_t c = 0; c < cols; ++c) part[c] += a[c] * b[c];
  });
}

}  // namespace lyceum::kernels
