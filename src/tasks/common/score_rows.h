// Inner products of rows with rows, without ever holding all of them.
#pragma once

#include <cstdint>
#include <span>

#include "base/function_ref.h"
#include "tensor/tensor.h"

namespace lyceum {

// use(q, scores) once for every row q of queries [Q, D], from several threads at once: scores[v] is the inner
// product of queries[q] and vectors[v] (vectors [N, D]; both f32). Every score is one chain of fused
// multiply-adds over D ascending (kernels/gemm), so the bits depend on the two rows alone, and a with b gives
// those of b with a. Takes N D floats for a packed copy of `vectors` and at most max(96 N, 2^18) floats a
// thread.
void for_each_score_row(const Tensor& queries, const Tensor& vectors,
                        FunctionRef<void(std::int64_t query, std::span<const float> scores)> use);

}  // namespace lyceum
