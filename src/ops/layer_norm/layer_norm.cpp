#include "ops/layer_norm/layer_norm.h"

#include <algorithm>
#include <utility>

#include "base/parallel.h"
#include "kernels/rows.h"
#include "ops/layer_norm/layer_norm_kernel.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

std::int64_t grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, (1 << 15) / std::max<std::int64_t>(1, cols));
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, float epsilon) {
  return residual_layer_norm(x, {}, gamma, beta, epsilon);
}

Tensor residual_layer_norm(const Tensor& x, const Tensor& residual, const Tensor& gamma, const Tensor& beta,
                           float epsilon) {
  Legend d("layer_norm");
  d.bind("gamma", gamma.shape(), "C");
  d.bind("beta", beta.shape(), "C");
  d.set('T', x.rows(), "x");
  d.bind("x", Shape{x.rows(), x.cols()}, "T C");
  if (residual.defined()) d.bind("residual", Shape{residual.rows(), residual.cols()}, "T C");
  const std::int64_t rows = d['T'], cols = d['C'];
  Tape* tape = recording({&x, &residual, &gamma, &beta});
  Tensor y = Tensor::empty(x.shape()), normalized, inverse;
  if (tape != nullptr) normalized = Tensor::empty({rows, cols}), inverse = Tensor::empty({rows});
  const kernels::LayerNormRows args{.x = x.data<float>(),
                                    .residual = residual.defined() ? residual.data<float>() : nullptr,
                                    .gamma = gamma.data<float>(),
                                    .beta = beta.data<float>(),
                                    .y = y.mutable_data<float>(),
                                    .normalized = tape ? normalized.mutable_data<float>() : nullptr,
                                    .inverse_sigma = tape ? inverse.mutable_data<float>() : nullptr,
                                    .x_stride = x.row_stride(),
                                    .residual_stride = residual.defined() ? residual.row_stride() : 0,
                                    .cols = cols,
                                    .epsilon = epsilon};
  parallel_for(rows, grain(cols),
               [&](std::int64_t begin, std::int64_t end) { kernels::layer_norm_rows(args, begin, end); });
  if (tape == nullptr) return y;

  // n = normalized, g = dy gamma:  dx = (g - mean(g) - n mean(g n)) / sigma;  dgamma = sum dy n;  dbeta = sum
  // dy
  tape->record("layer_norm", {&y},
               [x, residual, gamma, beta, normalized, inverse, rows, cols](BackwardPass& pass) {
                 const Tensor& dy = pass.cotangent();
                 if (x.variable() != 0 || residual.variable() != 0) {
                   Tensor dx = Tensor::empty(x.shape());
                   float* to = dx.mutable_data<float>();
                   parallel_for(rows, grain(cols), [&](std::int64_t begin, std::int64_t end) {
                     kernels::layer_norm_backward_rows(dy.data<float>(), normalized.data<float>(),
                                                       inverse.data<float>(), gamma.data<float>(), to, cols,
                                                       begin, end);
                   });
                   pass.add(x, dx);
                   pass.add(residual, std::move(dx));
                 }
                 if (gamma.variable() != 0) {
                   Tensor products = Tensor::empty({rows, cols}), dgamma = Tensor::empty({cols});
                   float* to = products.mutable_data<float>();
                   for (std::int64_t i = 0; i < rows * cols; ++i)
                     to[i] = dy.data<float>()[i] * normalized.data<float>()[i];
                   kernels::sum_rows(to, cols, rows, cols, dgamma.mutable_data<float>());
                   pass.add(gamma, std::move(dgamma));
                 }
                 if (beta.variable() != 0) {
                   Tensor dbeta = Tensor::empty({cols});
                   kernels::sum_rows(dy.data<float>(), cols, rows, cols, dbeta.mutable_data<float>());
                   pass.add(beta, std::move(dbeta));
                 }
               });
  return y;
}

}  // namespace lyceum
