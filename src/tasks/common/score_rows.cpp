#include "tasks/common/score_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/gemm/gemm.h"

namespace lyceum {
namespace {

constexpr std::int64_t kRows = 96;
constexpr double kSmallWork = 1 << 18;  // multiply-adds: some ten microseconds

}  // namespace

void for_each_score_row(const Tensor& queries, const Tensor& vectors,
                        FunctionRef<void(std::int64_t query, std::span<const float> scores)> use) {
  const std::int64_t width = queries.cols(), count = vectors.rows(), rows = queries.rows();
  if (vectors.cols() != width)
    fail(Errc::kInternal, "scores: vectors have {} values, queries {}", vectors.cols(), width);
  if (rows == 0) return;
  static thread_local kernels::Panels own_panels;
  kernels::Panels& panels = own_panels;  // the caller's, whichever thread runs the lambda
  const kernels::PackSource source{
      .data = vectors.data<float>(), .n = count, .k_stride = 1, .n_stride = vectors.row_stride()};
  kernels::pack({&source, 1}, width, panels);
  // The product's own block of rows; fewer where threads would have nothing to do, and all of them where the
  // work is less than what waking a thread costs.
  const std::int64_t threads = thread_count();
  std::int64_t group = std::clamp<std::int64_t>((rows + threads - 1) / threads, 1, kRows);
  if (static_cast<double>(rows) * static_cast<double>(count) * static_cast<double>(width) < kSmallWork)
    group = rows;
  parallel_for(rows, group, [&](std::int64_t begin, std::int64_t end) {
    static thread_local kernels::AlignedFloats scratch;
    float* scores = scratch.grow((end - begin) * count);
    kernels::product({.data = queries.row<float>(begin), .stride = queries.row_stride()}, end - begin, panels,
                     scores, count);
    for (std::int64_t q = begin; q < end; ++q)
      use(q, {scores + (q - begin) * count, static_cast<std::size_t>(count)});
  });
}

}  // namespace lyceum
