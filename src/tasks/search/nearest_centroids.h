// The nearest of a set of vectors for each of many, by the f32 product.
#pragma once

#include "kernels/gemm/gemm.h"
#include "tasks/search/ann_engine.h"

namespace lyceum {

// Equal values: the earlier one. The bits depend on one row and the set, not on threads or the other rows.
class NearestCentroids final : public AnnNearest {
 public:
  void set(const float* vectors, std::int64_t count, std::int64_t width) override;
  void search(const float* x, std::int64_t rows, std::int64_t most, bool euclidean, std::int64_t* which,
              float* values) override;

 private:
  kernels::Panels panels_;
  std::vector<float> minus_half_squares_;  // of each vector's length
};

}  // namespace lyceum
