#include "ops/rows/rows.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernels/rows.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

void check_indices(const char* op, std::span<const std::int64_t> indices, std::int64_t rows) {
  for (std::size_t i = 0; i < indices.size(); ++i)
    if (indices[i] < -1 || indices[i] >= rows)
      fail(Errc::kData, "{}: index {} is {}, expected -1 to {}", op, i, indices[i], rows - 1);
}

Tensor taken(const Tensor& x, std::span<const std::int64_t> indices) {
  Tensor y = Tensor::zeros({static_cast<std::int64_t>(indices.size()), x.cols()});
  for (std::size_t i = 0; i < indices.size(); ++i)
    if (indices[i] >= 0)
      std::copy_n(x.row<float>(indices[i]), x.cols(), y.mutable_row<float>(static_cast<std::int64_t>(i)));
  return y;
}

Tensor added(const Tensor& x, std::span<const std::int64_t> indices, const Shape& shape) {
  Tensor y = Tensor::zeros(shape);
  for (std::size_t i = 0; i < indices.size(); ++i)
    if (indices[i] >= 0)
      kernels::add_to(y.mutable_row<float>(indices[i]), x.row<float>(static_cast<std::int64_t>(i)), x.cols());
  return y;
}

std::vector<std::int64_t> copy(std::span<const std::int64_t> indices) {
  return {indices.begin(), indices.end()};
}

}  // namespace

Tensor gather_rows(const Tensor& x, std::span<const std::int64_t> indices) {
  check_indices("gather_rows", indices, x.rows());
  Tensor y = taken(x, indices);
  if (Tape* tape = recording({&x}))
    tape->record("gather_rows", {&y}, [x, from = copy(indices)](BackwardPass& pass) {
      pass.add(x, added(pass.cotangent(), from, x.shape()));
    });
  return y;
}

Tensor scatter_rows(const Tensor& x, std::span<const std::int64_t> indices, std::int64_t rows) {
  Legend d("scatter_rows");
  d.set('N', static_cast<std::int64_t>(indices.size()), "indices");
  d.bind("x", x.shape(), "N C");
  check_indices("scatter_rows", indices, rows);
  Tensor y = added(x, indices, Shape{rows, x.cols()});
  if (Tape* tape = recording({&x}))
    tape->record("scatter_rows", {&y},
                 [x, to = copy(indices)](BackwardPass& pass) { pass.add(x, taken(pass.cotangent(), to)); });
  return y;
}

}  // namespace lyceum
