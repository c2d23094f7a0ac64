// The inner parts of the product, one copy for each instruction set.
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"

namespace lyceum::kernels {

// Rows and columns that one register tile covers on the current instruction set.
struct TileShape {
  std::int64_t rows, columns;
};
TileShape tile_shape();

// c[rows][columns] (+)= a[rows][k] panel[k][...]: `columns` of a panel whose rows are `panel_stride` apart,
// rows <= tile rows. a is [rows][a_stride], or transposed [k][a_stride].
struct TileArgs {
  const float* a;
  std::int64_t a_stride;
  bool transposed;
  const float* panel;
  std::int64_t panel_stride, k;
  float* c;
  std::int64_t c_stride;
  std::int64_t rows, columns;  // columns: those that exist; fewer than the tile's only at the right edge
  bool first;                  // start from 0 instead of from c
  const float* ahead;          // what the next call reads as its panel
  int ahead_lines;             // of it, for every 4 steps of k
};
using TileRow = void (*)(const TileArgs& args, std::int64_t row_count);
// Runs the register tiles of all `row_count` rows over one panel part.
TileRow tile_row();

// to[c * to_stride + r] = from[r * stride + c]
using Turn = void (*)(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t cols, float* to,
                      std::int64_t to_stride);
Turn turn();

using EpilogueRows = void (*)(float* c, std::int64_t c_stride, std::int64_t rows, std::int64_t n_begin,
                              std::int64_t n_end, std::int64_t m_begin, const Epilogue& epilogue);
EpilogueRows epilogue_rows();

}  // namespace lyceum::kernels
