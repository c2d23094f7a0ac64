#include "tasks/search/nearest_centroids.h"

#include <algorithm>
#include <numeric>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "kernels/dot.h"

namespace lyceum {

void NearestCentroids::set(const float* vectors, std::int64_t count, std::int64_t width) {
  const kernels::PackSource source{
      .data = vectors, .type = kernels::PackType::kF32, .n = count, .k_stride = 1, .n_stride = width};
  kernels::pack({&source, 1}, width, panels_);
  minus_half_squares_.resize(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    minus_half_squares_[static_cast<std::size_t>(i)] =
        -0.5f * kernels::dot(vectors + i * width, vectors + i * width, width);
}

void NearestCentroids::search(const float* x, std::int64_t rows, std::int64_t most, bool euclidean,
                              std::int64_t* which, float* values) {
  const std::int64_t count = panels_.n(), width = panels_.k();
  const std::int64_t kept = std::min(most, count);
  // |x - c|^2 = |x|^2 - 2 (<x, c> - |c|^2 / 2): the nearest has the largest bracket
  const kernels::Epilogue epilogue{.bias = euclidean ? minus_half_squares_.data() : nullptr};
  constexpr std::int64_t kRows = 64;  // O: 64 rows of 4096 products are 1 MB, and stay in the cache
  check_interrupt();
  parallel_for(rows, kRows, [&](std::int64_t begin, std::int64_t end) {
    static thread_local std::vector<float> products;
    static thread_local std::vector<std::int64_t> order;
    products.resize(static_cast<std::size_t>((end - begin) * count));
    kernels::product({.data = x + begin * width, .stride = width}, end - begin, panels_, products.data(),
                     count, epilogue);
    for (std::int64_t r = begin; r < end; ++r) {
      const float* p = products.data() + (r - begin) * count;
      const auto better = [p](std::int64_t a, std::int64_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; };
      order.assign(1, std::max_element(p, p + count) - p);
      if (most > 1) {
        order.resize(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + kept, order.end(), better);
      }
      const float square = euclidean ? kernels::dot(x + r * width, x + r * width, width) : 0;
      for (std::int64_t i = 0; i < most; ++i) {
        const std::int64_t found = i < kept ? order[static_cast<std::size_t>(i)] : -1;
        which[r * most + i] = found;
        const float value = found < 0 ? 0 : p[found];
        values[r * most + i] = euclidean ? square - 2 * value : value;
      }
    }
  });
}

}  // namespace lyceum
