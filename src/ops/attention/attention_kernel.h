// Tiled attention of one head of one sequence: plain pointers, no checks.
#pragma once

#include <cstdint>

namespace lyceum::kernels {

constexpr std::int64_t kKeyTile =
    64;  // keys of a tile; tiles begin at multiples of it, counted from the first key
constexpr std::int64_t kQueryBlock = 72;  // query rows that share the tile while it is hot
constexpr std::int64_t kGroupRows = 24;   // of a block, whose scores are made together (a multiple of 6)

// What a query sees and what is added to its scores.
struct HeadRules {
  float scale = 1.0f, softcap = 0.0f, slope = 0.0f;
  std::int64_t left = 0, right = 0, prefix = 0;  // as in AttentionSpec; unlimited: INT64_MAX
  const float* bias = nullptr;                   // [2 * bias_reach + 1] or null
  std::int64_t bias_reach = 0;
  const std::int32_t* places = nullptr;  // [N and kKeyTile more]: the bias's distances are between these
  float dropout = 0.0f;
  std::uint64_t seed = 0, stream = 0;  // stream: sequence id and head
};

struct HeadShape {
  std::int64_t queries, keys, width, value_width;  // M, N, K, V
};

// Floats of scratch that a thread needs.
std::int64_t attention_scratch(const HeadShape& shape);
std::int64_t attention_backward_scratch(const HeadShape& shape);

// Rows [begin, end) of the output. row_max and row_sum [M] may be null. keys_packed: written by
// attention_pack, values_packed by attention_pack_rows.
struct ForwardHead {
  HeadShape shape;
  HeadRules rules;
  const float *q, *keys_packed, *values_packed;
  float *out, *row_max, *row_sum;
  std::int64_t q_stride, out_stride;
};
void attention_forward(const ForwardHead& head, std::int64_t begin, std::int64_t end,
                       float* scratch) noexcept;

// x [rows, width] to tiles [ceil(rows / 64)][width][64], the last filled up with zeros.
void attention_pack(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width,
                    float* to) noexcept;
std::int64_t attention_packed_floats(std::int64_t rows, std::int64_t width) noexcept;
// x [rows, width] to [rows][width rounded up to 16], filled up with zeros. A tile of it is one piece: rows
// that stand a model's width apart would push one another out of the first-level cache.
void attention_pack_rows(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t width,
                         float* to) noexcept;

// Adds to dk [N, K] and dv [N, V] (strided), writes dq [M, K] (set to zero before), adds to dbias [2 R + 1]
// if not null.
struct BackwardHead {
  HeadShape shape;
  HeadRules rules;
  const float *q, *k, *v, *out, *dout, *row_max, *row_sum;
  float *dq, *dk, *dv, *dbias;
  std::int64_t q_stride, k_stride, v_stride, out_stride, dq_stride, dk_stride, dv_stride;
};
void attention_backward(const BackwardHead& head, float* scratch) noexcept;

}  // namespace lyceum::kernels
