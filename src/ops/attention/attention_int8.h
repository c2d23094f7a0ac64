// Attention of one head of one sequence in whole numbers, every key seen:
//   s_ij = scale <q_i, k_j - mean k> + bias[clamp(j - p_i)]     both factors to bytes, row by row, as the
//   int8 products' (a softmax does not see the mean); p_i = i + N - M p_ij = round(65535 exp(s_ij - max_j
//   s_ij)),   y_i = sum_j p_ij v_j / sum_j p_ij     each column of v to bytes
// The sums are exact, so the bits are the same on every instruction set. Keys' mean: Zhang et al. 2024
// (SageAttention), section 4.2; two bytes a probability: one would lose the many small ones of a long row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/attention/attention_kernel.h"

namespace lyceum::kernels {

// Floats for the packed keys and values, which the heads of a group share, and of scratch that a thread
// needs.
std::int64_t attention_int8_packed_floats(const HeadShape& shape);
std::int64_t attention_int8_scratch(const HeadShape& shape);

// k [N, K] and v [N, V], strided, to `packed`; N is 1 to kMostInt8Depth.
void attention_int8_pack(const HeadShape& shape, const float* k, std::int64_t k_stride, const float* v,
                         std::int64_t v_stride, float* packed, float* scratch);

struct Int8Head {
  HeadShape shape;
  float scale;
  const float *q, *packed;
  const float* bias;  // [2 * bias_reach + 1] or null
  std::int64_t bias_reach;
  float* out;
  std::int64_t q_stride, out_stride;
};
// Rows [begin, end) of the output. A row of q, or keys, that are not finite give NaN, a column of v its own.
void attention_int8_forward(const Int8Head& head, std::int64_t begin, std::int64_t end, float* scratch);

// The parts that have a copy for each instruction set (attention_int8_kernel.cpp).
// to = k - the mean of its rows; to [N, K rounded up to 16].
void subtract_mean(const float* k, std::int64_t stride, std::int64_t rows, std::int64_t width, float* to);
// v [N, V] to panels of bytes [V / 16][to_rows / 4][16][4], zeros behind row N; scales [V rounded up to 16].
void pack_value_bytes(const float* v, std::int64_t stride, std::int64_t rows, std::int64_t width,
                      std::int64_t to_rows, std::byte* to, float* scales);
// One row: sums [N rounded up to 16], which are overwritten, to the two bytes of p; both are filled up with
// zeros to `places`. Returns sum_j p_j, or NaN when a score is not finite.
struct ScoreRow {
  std::int32_t* sums;
  const std::int32_t* offsets;
  const float *key_scales, *bias;  // bias: [N], may be null; all are readable up to 16
  float row_scale;
  std::int64_t keys, places;
  std::uint8_t *high, *low;
};
float probability_bytes(const ScoreRow& row);
// y = (256 high + low) * scale / total
void weighted_values(const std::int32_t* high, const std::int32_t* low, const float* scales, float total,
                     std::int64_t width, float* y);

}  // namespace lyceum::kernels
