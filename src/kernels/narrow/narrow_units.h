// The inner parts of narrow products: sums of one block, on each unit that processors have for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/narrow/narrow.h"

namespace lyceum::kernels {

// sums[r * sum_stride + c] (+)= sum over `column_bytes` bytes of row r of a and column c of b: int32 sums of
// unsigned (a) by signed (b) bytes, or f32 sums of bf16. Columns come in groups of 16.
struct NarrowBlock {
  const std::byte* a;  // [rows][a_stride], `column_bytes` of each
  std::int64_t a_stride;
  const std::byte* b;  // the first group; each is [column_bytes / 4][16][4]
  std::int64_t group_stride;
  std::int64_t column_bytes;  // a multiple of the unit's step
  std::int32_t* sums;         // f32 for bf16
  std::int64_t sum_stride;
  std::int64_t rows;    // 1 to the unit's rows
  std::int64_t groups;  // 1 to the unit's groups
  bool first;           // start from zero
};

struct NarrowUnit {
  const char* name;
  void (*multiply)(const NarrowBlock& block);  // null: weights are widened and the f32 product's tiles run
  std::int64_t rows, groups;                   // of a block
  std::int64_t depth;                          // bytes of a column worth keeping in the first-level cache
  std::int64_t step;                           // of column_bytes
  void (*begin)();  // before a thread's first block, and after its last; may be null
  void (*end)();
};

// A block of any number of rows, groups and bytes, in blocks of the unit's. Tiles read whole ones of 32 rows,
// and write sums of as many: a and sums must have them.
void multiply(const NarrowUnit& unit, const NarrowBlock& whole);

// The best unit that the current instruction set allows.
const NarrowUnit& narrow_unit_of(Narrow format);
// All that this processor has, whatever would be chosen; for tests.
std::vector<const NarrowUnit*> narrow_units_here(Narrow format);

// Rows of f32 to what the units read; `k` values of each, the rest up to column_bytes filled with padding.
// int8: bytes q + 128, scales [rows].
void narrow_rows(Narrow format, const float* x, std::int64_t stride, std::int64_t rows, std::int64_t k,
                 std::byte* to, std::int64_t to_stride, float* scales);
// Sums of a block to the product's rows [row, row + rows) and columns [column, column + columns): c points at
// the first of them, so do offsets, column_scales and row_scales (of int8).
struct FinishBlock {
  const std::int32_t* sums;  // f32 for bf16; readable up to whole groups
  std::int64_t sum_stride, rows, columns;
  const std::int32_t* offsets;
  const float *column_scales, *row_scales;
  float* c;
  std::int64_t c_stride, row, column;
};
void finish_sums(Narrow format, const FinishBlock& block, const Epilogue& epilogue);
// Columns of 3 groups to an f32 panel [steps][48] of the f32 product; `steps` from `first` on.
void widen_panel(const std::byte* b, std::int64_t group_stride, std::int64_t groups, std::int64_t first,
                 std::int64_t steps, float* panel);

}  // namespace lyceum::kernels
