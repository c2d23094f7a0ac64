#include "tasks/common/finite.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {

void check_finite(const Tensor& vectors, std::span<const std::string> texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const float* v = vectors.row<float>(static_cast<std::int64_t>(i));
    if (std::all_of(v, v + vectors.cols(), [](float x) { return std::isfinite(x); })) continue;
    std::string start = texts[i].substr(0, 80);
    repair_utf8(start);  // the cut may go through a character
    fail(Errc::kData, "the model gives a vector that is not finite for the text '{}'", start);
  }
}

}  // namespace lyceum
