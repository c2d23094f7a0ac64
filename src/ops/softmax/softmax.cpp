#include "ops/softmax/softmax.h"

#include <algorithm>
#include <utility>

#include "base/parallel.h"
#include "ops/softmax/softmax_kernel.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

std::int64_t grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(1, cols));
}

}  // namespace

Tensor softmax(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape());
  const std::int64_t cols = x.cols();
  float* to = y.mutable_data<float>();
  parallel_for(x.rows(), grain(cols), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) kernels::softmax_row(x.row<float>(r), to + r * cols, cols);
  });
  if (Tape* tape = recording({&x}))
    tape->record("softmax", {&y}, [x, y = y.detached(), cols](BackwardPass& pass) {  // dx = y (dy - <y, dy>)
      const Tensor& dy = pass.cotangent();
      Tensor dx = Tensor::empty(x.shape());
      float* into = dx.mutable_data<float>();
      parallel_for(x.rows(), grain(cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
          kernels::softmax_backward_row(y.row<float>(r), dy.row<float>(r), into + r * cols, cols);
      });
      pass.add(x, std::move(dx));
    });
  return y;
}

}  // namespace lyceum
