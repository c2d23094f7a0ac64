// Sums over rows that several ops need.
#pragma once

#include <cstdint>

namespace lyceum::kernels {

// y[c] = sum over r of x[r][c]: blocks of 64 rows are summed in order, then the blocks in order. One chain a
// column, so the bits depend on neither threads nor instruction set.
void sum_rows(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t cols, float* y);

// The same of x[r][c] z[r][c], both [rows, cols], contiguous.
void sum_products(const float* x, const float* z, std::int64_t rows, std::int64_t cols, float* y);

// y[i] += x[i]
void add_to(float* y, const float* x, std::int64_t count) noexcept;

}  // namespace lyceum::kernels
