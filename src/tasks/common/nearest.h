// The best k of many vectors for each of a few, found block by block: memory holds one block and k hits a
// query, never all scores.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace lyceum {

// Rows divided by max(length, 1e-12).
void normalize_rows(Tensor& vectors);

struct Hit {
  float score = 0;
  std::int64_t index = 0;  // of the vector, counted over all blocks
};

class NearestSearch {
 public:
  // `comes_first(a, b)`: of two vectors with the same score, whether a stands before b; a strict order.
  // Empty: the smaller index.
  using TieOrder = std::function<bool(std::int64_t a, std::int64_t b)>;
  // queries [Q, D] f32; k >= 1.
  NearestSearch(Tensor queries, std::int64_t k, TieOrder comes_first = {});

  // Looks at the next vectors [N, D]; scores are those of score_rows.h. Finite values only.
  void add(const Tensor& vectors);
  // Best first, min(k, vectors seen) hits for each query. The search is over then.
  std::vector<std::vector<Hit>> finish();

 private:
  bool before(const Hit& a, const Hit& b) const;
  void offer(std::vector<Hit>& heap, const Hit& hit) const;
  Tensor queries_;
  std::int64_t k_, seen_ = 0;
  TieOrder comes_first_;
  std::vector<std::vector<Hit>> heaps_;  // the worst hit at the front
};

}  // namespace lyceum
