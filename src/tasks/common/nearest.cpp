#include "tasks/common/nearest.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "kernels/dot.h"
#include "tasks/common/score_rows.h"

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

void NearestSearch::offer(std::vector<Hit>& heap, const Hit& hit) const {
  const auto order = [this](const Hit& a, const Hit& b) { return before(a, b); };
  if (static_cast<std::int64_t>(heap.size()) == k_) {
    if (!before(hit, heap.front())) return;
    std::pop_heap(heap.begin(), heap.end(), order);
    heap.pop_back();
  }
  heap.push_back(hit);
  std::push_heap(heap.begin(), heap.end(), order);
}

void NearestSearch::add(const Tensor& vectors) {
  constexpr std::int64_t kTile = 1024;  // vectors whose scores are held at once
  for (std::int64_t first = 0; first < vectors.rows(); first += kTile) {
    const Tensor tile = vectors.row_range(first, std::min(vectors.rows(), first + kTile));
    for_each_score_row(queries_, tile, [&](std::int64_t query, std::span<const float> scores) {
      auto& heap = heaps_[static_cast<std::size_t>(query)];
      for (std::size_t v = 0; v < scores.size(); ++v) {
        const bool is_full = static_cast<std::int64_t>(heap.size()) == k_;
        if (is_full && scores[v] < heap.front().score) continue;  // most of them
        offer(heap, {scores[v], seen_ + static_cast<std::int64_t>(v)});
      }
    });
    seen_ += tile.rows();
  }
}

std::vector<std::vector<Hit>> NearestSearch::finish() {
  for (auto& heap : heaps_)
    std::sort(heap.begin(), heap.end(), [this](const Hit& a, const Hit& b) { return before(a, b); });
  return std::move(heaps_);
}

}  // namespace lyceum
