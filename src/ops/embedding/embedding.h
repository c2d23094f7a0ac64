// Rows of a table, and the sum of several: y_t = sum over tables of E[id_t].
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace lyceum {

struct EmbeddingTerm {
  Tensor table;                       // [V, C], F32, BF16 or F16
  std::span<const std::int64_t> ids;  // [T], each in [0, V)
  std::int64_t padding_id = -1;       // its row gets no gradient, as PyTorch's padding_idx; -1: none
};

// [T, C], f32; the terms are added in their order. Gradients for the tables: f32 [V, C], summed in the order
// of the tokens. Throws Errc::kData for an id outside its table, Errc::kUnsupported for a table of another
// number format.
Tensor embedding_sum(std::span<const EmbeddingTerm> terms);
Tensor embedding(const Tensor& table, std::span<const std::int64_t> ids, std::int64_t padding_id = -1);

}  // namespace lyceum
