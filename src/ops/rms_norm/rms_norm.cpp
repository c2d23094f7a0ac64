#include "ops/rms_norm/rms_norm.h"

#include <algorithm>
#include <utility>

#include "base/parallel.h"
#include "kernels/rows.h"
#include "ops/rms_norm/rms_norm_kernel.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

std::int64_t grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, (1 << 15) / std::max<std::int64_t>(1, cols));
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, float epsilon) {
  Legend d("rms_norm");
  d.bind("weight", weight.shape(), "C");
  d.set('T', x.rows(), "x");
  d.bind("x", Shape{x.rows(), x.cols()}, "T C");
  const std::int64_t rows = d['T'], cols = d['C'];
  Tape* tape = recording({&x, &weight});
  Tensor y = Tensor::empty(x.shape()), inverse;
  if (tape != nullptr) inverse = Tensor::empty({rows});
  const kernels::RmsNormRows args{.x = x.data<float>(),
                                  .weight = weight.data<float>(),
                                  .y = y.mutable_data<float>(),
                                  .inverse_rms = tape ? inverse.mutable_data<float>() : nullptr,
                                  .x_stride = x.row_stride(),
                                  .cols = cols,
                                  .epsilon = epsilon};
  parallel_for(rows, grain(cols),
               [&](std::int64_t begin, std::int64_t end) { kernels::rms_norm_rows(args, begin, end); });
  if (tape == nullptr) return y;

  // n = x / rms, g = dy weight:  dx = (g - n mean(g n)) / rms;  dweight = sum over rows of dy n
  tape->record("rms_norm", {&y}, [x, weight, inverse, rows, cols](BackwardPass& pass) {
    const Tensor& dy = pass.cotangent();
    if (x.variable() != 0) {
      Tensor dx = Tensor::empty(x.shape());
      const kernels::RmsNormBackwardRows back{.dy = dy.data<float>(),
                                              .x = x.data<float>(),
                                              .weight = weight.data<float>(),
                                              .inverse_rms = inverse.data<float>(),
                                              .dx = dx.mutable_data<float>(),
                                              .x_stride = x.row_stride(),
                                              .cols = cols};
      parallel_for(rows, grain(cols), [&](std::int64_t begin, std::int64_t end) {
        kernels::rms_norm_backward_rows(back, begin, end);
      });
      pass.add(x, std::move(dx));
    }
    if (weight.variable() != 0) {
      Tensor products = Tensor::empty({rows, cols}), dweight = Tensor::empty({cols});
      for (std::int64_t r = 0; r < rows; ++r) {
        const float *g = dy.data<float>() + r * cols, *from = x.row<float>(r),
                    scale = inverse.data<float>()[r];
        float* to = products.mutable_row<float>(r);
        for (std::int64_t c = 0; c < cols; ++c) to[c] = g[c] * (from[c] * scale);
      }
      kernels::sum_rows(products.data<float>(), cols, rows, cols, dweight.mutable_data<float>());
      pass.add(weight, std::move(dweight));
    }
  });
  return y;
}

}  // namespace lyceum
