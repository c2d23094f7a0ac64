#include "tasks/evaluate/nearest.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/dot.h"

namespace lyceum {

void normalize_rows(Tensor& vectors) {
  const std::int64_t width = vectors.cols();
  for (std::int64_t r = 0; r < vectors.rows(); ++r) {
    float* v = vectors.mutable_row<float>(r);
    const float length = std::max(1e-12f, std::sqrt(kernels::dot(v, v, width)));
    for (std::int64_t c = 0; c < width; ++c) v[c] /= length;
  }
}

NearestSearch::NearestSearch(Tensor queries, std::int64_t k, TieOrder comes_first)
    : queries_(std::move(queries)),
      k_(k),
      comes_first_(std::move(comes_first)),
      heaps_(static_cast<std::size_t>(queries_.rows())) {
  if (k < 1) fail(Errc::kUsage, "nearest: found k = {}, expected at least 1", k);
}

bool NearestSearch::before(const Hit& a, const Hit& b) const {
  if (a.score != b.score) return a.score > b.score;
  return comes_first_ ? comes_first_(a.index, b.index) : a.index < b.index;
}

void NearestSearch::add(const Tensor& vectors) {
  const std::int64_t width = queries_.cols(), count = vectors.rows();
  if (vectors.cols() != width)
    fail(Errc::kInternal, "nearest: vectors have {} values, queries {}", vectors.cols(), width);
  const auto order = [this](const Hit& a, const Hit& b) { return before(a, b); };
  // Queries go to threads in small groups; a tile of vectors (64 x 384 floats are 96 KiB) stays in the cache
  // for all of a group.
  constexpr std::int64_t kGroup = 16, kTile = 64;
  parallel_for(queries_.rows(), kGroup, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = 0; tile < count; tile += kTile)
      for (std::int64_t q = begin; q < end; ++q) {
        auto& heap = heaps_[static_cast<std::size_t>(q)];
        for (std::int64_t v = tile; v < std::min(count, tile + kTile); ++v) {
          const Hit hit{kernels::dot(queries_.row<float>(q), vectors.row<float>(v), width), seen_ + v};
          if (static_cast<std::int64_t>(heap.size()) == k_) {
            if (!before(hit, heap.front())) continue;
            std::pop_heap(heap.begin(), heap.end(), order);
            heap.pop_back();
          }
          heap.push_back(hit);
          std::push_heap(heap.begin(), heap.end(), order);
        }
      }
  });
  seen_ += count;
}

std::vector<std::vector<Hit>> NearestSearch::finish() {
  for (auto& heap : heaps_)
    std::sort(heap.begin(), heap.end(), [this](const Hit& a, const Hit& b) { return before(a, b); });
  return std::move(heaps_);
}

}  // namespace lyceum
