// Two vectors, four measures.
#include <cmath>

#include "kernels/dot.h"
#include "tasks/common/nearest.h"
#include "tasks/evaluate/forms.h"

namespace lyceum {

Comparisons compare_texts(std::span<const std::string> first, std::span<const std::string> second,
                          BlockEncoder& encoder) {
  Comparisons out;
  for (std::size_t begin = 0; begin < first.size(); begin += kBlockTexts) {
    const std::size_t count = std::min(kBlockTexts, first.size() - begin);
    Tensor x = encoder.encode(first.subspan(begin, count)), y = encoder.encode(second.subspan(begin, count));
    const std::int64_t width = x.cols();
    for (std::int64_t r = 0; r < x.rows(); ++r) {
      const float *a = x.row<float>(r), *b = y.row<float>(r);
      double manhattan = 0, squares = 0;
      for (std::int64_t c = 0; c < width; ++c) {
        const double d = static_cast<double>(a[c]) - static_cast<double>(b[c]);
        manhattan += std::abs(d);
        squares += d * d;
      }
      out[kDot].push_back(static_cast<double>(kernels::dot(a, b, width)));
      out[kManhattan].push_back(manhattan);
      out[kEuclidean].push_back(std::sqrt(squares));
    }
    normalize_rows(x);
    normalize_rows(y);
    for (std::int64_t r = 0; r < x.rows(); ++r)
      out[kCosine].push_back(static_cast<double>(kernels::dot(x.row<float>(r), y.row<float>(r), width)));
  }
  return out;
}

}  // namespace lyceum
