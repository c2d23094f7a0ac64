// One attention for every family, every mask and every number of queries.
//
// For query i of a sequence with M queries and N keys, head h (its keys and values are those of head h / (H /
// G)):
//   s_ij = softcap(scale <q_i, k_j>) + slope_h (p_j - p_i) + bias_h[clamp(p_j - p_i)]     over the keys that
//   i sees y_i  = sum_j drop(softmax_j(s_i))_j v_j
// where p are positions counted from the sequence's first key: key j stands at j, query i at i + N - M
// (bottom-right alignment: the last query sees the last key). A query that sees no key gives zeros. Sources:
// Vaswani et al. 2017, section 3.2.1; Press et al. 2022 (ALiBi); Raffel et al. 2020 (relative bias); Dao et
// al. 2022 and 2023 (tiling, recomputation); soft-capping as c tanh(s / c).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "tensor/layout.h"
#include "tensor/tensor.h"

namespace lyceum {

struct AttentionSpec {
  static constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

  std::int64_t heads = 1;     // H, of the queries
  std::int64_t kv_heads = 0;  // G, a divisor of H; 0: as many as heads
  float scale = 0.0f;         // 0: 1 / sqrt(head width)
  float softcap = 0.0f;       // c; 0: none

  // Query at p sees the key at position j when p - left <= j <= p + right. Causal: right = 0.
  std::int64_t left = kUnlimited, right = kUnlimited;
  // ... and every key before prefix[s] of sequence s besides (prefix-LM). Empty: none.
  std::vector<std::int64_t> prefix;

  Tensor slopes;         // [H], constants: ALiBi
  Tensor relative_bias;  // [H, 2R + 1], the bias of the distances -R ... R, beyond which the ends hold; has a
                         // gradient
  // Where the tokens stand when the distances of relative_bias are not those of their positions p: one a
  // token, rising within a sequence, below 2^30; queries and keys are then the same tokens. Empty: p.
  std::vector<std::int32_t> bias_places;

  // Products in whole numbers (attention_int8.h) where every query sees every key, no more than a
  // relative bias of places without holes is added to a score, and no gradient is recorded; f32 elsewhere.
  bool int8 = false;

  float dropout = 0.0f;    // of the probabilities; kept ones are divided by 1 - dropout
  std::uint64_t seed = 0;  // Philox key; the counter is (sequence id, head, query position, key position)
};

// Where keys and values live when they are not two packed tensors: fixed-size pages of a pool, as a cache
// keeps them. Sequence s owns pages[first[s]], pages[first[s] + 1], ...; its key j is row j % page_tokens of
// page j / page_tokens.
struct PagedKeyValues {
  Tensor keys, values;  // [pages, page_tokens, G * head width]
  std::int64_t page_tokens = 0;
  std::vector<std::int64_t> first, pages;
};

// q [Tq, H K], k [Tk, G K], v [Tk, G V]; row strides are free. Returns [Tq, H V]. `queries` and `keys` have
// the same sequences in the same order. Gradients for q, k, v and relative_bias. Extra memory O(Tq + Tk):
// never [Tq, Tk]. The bits of a row depend on that row, its sequence's keys and values and the spec; not on
// the batch, the threads or the instruction set. Throws Errc::kData when shapes, spec and layouts do not
// agree.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceLayout& queries,
                 const SequenceLayout& keys, const AttentionSpec& spec);

// The same over a cache; keys.length(s) tells how many of the sequence's cached keys count. No gradients.
Tensor attention(const Tensor& q, const PagedKeyValues& cache, const SequenceLayout& queries,
                 const SequenceLayout& keys, const AttentionSpec& spec);

// The definition, in double, with the probabilities [H, M, N] of one sequence on request (a tapped layer
// shows them).
struct AttentionMaps {
  std::vector<Tensor> probabilities;  // one [H, M, N] a sequence, before dropout
};
Tensor attention_definition(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceLayout& queries,
                            const SequenceLayout& keys, const AttentionSpec& spec,
                            AttentionMaps* maps = nullptr);

}  // namespace lyceum
