#include "ops/matmul/matmul.h"

#include <utility>

#include "kernels/gemm/gemm.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

kernels::LeftMatrix left(const Tensor& a, bool transposed = false) {
  return {.data = a.data<float>(), .stride = a.row_stride(), .transposed = transposed};
}

// B[k][n] = b[k][n]
kernels::PackSource right(const Tensor& b) {
  return {.data = b.data<float>(), .n = b.cols(), .k_stride = b.row_stride(), .n_stride = 1};
}

// B[k][n] = b[n][k]
kernels::PackSource right_transposed(const Tensor& b) {
  return {.data = b.data<float>(), .n = b.rows(), .k_stride = 1, .n_stride = b.row_stride()};
}

Tensor product(const kernels::LeftMatrix& a, std::int64_t rows, const kernels::PackSource& b,
               std::int64_t k) {
  Tensor y = Tensor::empty({rows, b.n});
  kernels::product_once(a, rows, b, k, y.mutable_data<float>(), b.n);
  return y;
}

}  // namespace

Tensor matmul_transposed(const Tensor& a, const Tensor& b) {
  Legend d("matmul_transposed");
  d.bind("a", a.shape(), "M K");
  d.bind("b", b.shape(), "N K");
  const std::int64_t M = d['M'], N = d['N'], K = d['K'];
  Tensor y = product(left(a), M, right_transposed(b), K);
  if (Tape* tape = recording({&a, &b}))
    tape->record("matmul_transposed", {&y}, [a, b, M, N](BackwardPass& pass) {
      const Tensor& dy = pass.cotangent();
      if (a.variable() != 0) pass.add(a, product(left(dy), M, right(b), N));
      if (b.variable() != 0) pass.add(b, product(left(dy, true), N, right(a), M));
    });
  return y;
}

}  // namespace lyceum
