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
               [input = x.variable(), added = residual.defined() ? residual.variable() : 0, shape = x.shape(),
                gamma, beta, normalized, inverse, rows, cols](BackwardPass& pass) {
                 const Tensor& dy = pass.cotangent();
                 if (input != 0 || added != 0) {
                   Tensor dx = Tensor::empty(shape);
                   const float *from = dy.data<float>(), *n = normalized.data<float>(),
                               *sigma = inverse.data<float>(), *g = gamma.data<float>();
                   float* to = dx.mutable_data<float>();
                   parallel_for(rows, grain(cols), [&](std::int64_t begin, std::int64_t end) {
                     kernels::layer_norm_backward_rows(from, n, sigma, g, to, cols, begin, end);
                   });
                   pass.add(input, dx);
                   pass.add(added, std::move(dx));
                 }
                 if (gamma.variable() != 0) {
                   Tensor dgamma = Tensor::empty({cols});
                   kernels::sum_products(dy.data<float>(), normalized.data<float>(), rows, cols,
                                         dgamma.mutable_data<float>());
                   pass.add(gamma, std::move(dgamma));
                 }
                 if (beta.variable() != 0) {
                   Tensor dbeta = Tensor::empty({cols});
                   kernels::sum_rows(dy.data<float>(), cols, rows, cols, dbeta.mutable_data<float>());
                   pass.add(beta, std::move(dbeta));
                 }
               });
  tape->rebuilds(y, [shape = y.shape(), gamma, beta, normalized, rows, cols] {
    Tensor again = Tensor::empty(shape);
    const float *n = normalized.data<float>(), *g = gamma.data<float>(), *b = beta.data<float>();
    float* to = again.mutable_data<float>();
    parallel_for(rows, grain(cols), [&](std::int64_t begin, std::int64_t end) {
      kernels::layer_norm_outputs(n, g, b, to, cols, begin, end);
    });
    return again;
  });
  return y;
}

}  // namespace lyceum
