#include "ops/pooling/pooling.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernels/dot.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

constexpr float kFloor = 1e-12f;  // of a vector's length

// The weight of token i (0-based) in its sequence for the modes that are weighted sums; zero: does not count.
class Weights {
 public:
  Weights(PoolingMode mode, std::int64_t length, std::int64_t skip)
      : mode_(mode), length_(length), skip_(std::min(skip, length)) {
    const auto counted = static_cast<float>(length_ - skip_);
    float divisor = 1;
    if (mode == PoolingMode::kMean) divisor = counted;
    if (mode == PoolingMode::kMeanSqrtLength) divisor = std::sqrt(counted);
    if (mode == PoolingMode::kWeightedMean)
      divisor = static_cast<float>(static_cast<double>(length_ + skip_ + 1) *
                                   static_cast<double>(length_ - skip_) / 2);
    divisor_ = divisor;
  }
  float operator()(std::int64_t i) const {
    switch (mode_) {
      case PoolingMode::kCls:
        return i == (skip_ < length_ ? skip_ : 0) ? 1.0f : 0.0f;
      case PoolingMode::kLastToken:
        return i == length_ - 1 ? 1.0f : 0.0f;
      case PoolingMode::kWeightedMean:
        return i < skip_ ? 0.0f : static_cast<float>(i + 1);
      default:
        return i < skip_ ? 0.0f : 1.0f;
    }
  }
  float divisor() const { return divisor_; }

 private:
  PoolingMode mode_;
  std::int64_t length_, skip_;
  float divisor_;
};

}  // namespace

Tensor pool(const Tensor& x, const SequenceLayout& layout, PoolingMode mode,
            std::span<const std::int64_t> skip) {
  Legend d("pool");
  d.set('T', layout.tokens(), "the layout");
  d.bind("x", x.shape(), "T C");
  if (!skip.empty() && static_cast<std::int64_t>(skip.size()) != layout.sequences())
    fail(Errc::kData, "pool: found {} numbers of tokens to skip, expected {}", skip.size(),
         layout.sequences());
  for (const std::int64_t n : skip)
    if (n < 0) fail(Errc::kData, "pool: found {} tokens to skip, expected 0 or more", n);
  const std::int64_t cols = d['C'], sequences = layout.sequences();
  const auto skipped = [&skip](std::int64_t s) {
    return skip.empty() ? 0 : skip[static_cast<std::size_t>(s)];
  };
  Tensor y = Tensor::zeros({sequences, cols});
  std::vector<std::int64_t> winners;  // of max: the token that gave each output
  if (mode == PoolingMode::kMax) winners.assign(static_cast<std::size_t>(sequences * cols), -1);
  for (std::int64_t s = 0; s < sequences; ++s) {
    float* out = y.mutable_row<float>(s);
    if (mode == PoolingMode::kMax) {
      for (std::int64_t t = layout.begin(s) + std::min(skipped(s), layout.length(s)); t < layout.end(s); ++t)
        for (std::int64_t c = 0; c < cols; ++c) {
          std::int64_t& winner = winners[static_cast<std::size_t>(s * cols + c)];
          const float value = x.row<float>(t)[c];
          if (winner >= 0 && !(value > out[c] || value != value)) continue;  // the first of equals; NaN stays
          out[c] = value;
          winner = t;
        }
      continue;
    }
    const Weights weights(mode, layout.length(s), skipped(s));
    bool any = false;
    for (std::int64_t i = 0; i < layout.length(s); ++i) {
      const float w = weights(i);
      if (w == 0) continue;
      any = true;
      const float* row = x.row<float>(layout.begin(s) + i);
      for (std::int64_t c = 0; c < cols; ++c) out[c] += w * row[c];
    }
    if (any && weights.divisor() != 1)
      for (std::int64_t c = 0; c < cols; ++c) out[c] /= weights.divisor();
  }
  if (Tape* tape = recording({&x}))
    tape->record("pool", {&y},
                 [x, layout, mode, cols, winners = std::move(winners),
                  skips = std::vector<std::int64_t>(skip.begin(), skip.end())](BackwardPass& pass) {
                   const Tensor& dy = pass.cotangent();
                   Tensor dx = Tensor::zeros(x.shape());
                   for (std::int64_t s = 0; s < layout.sequences(); ++s) {
                     const float* g = dy.row<float>(s);
                     if (mode == PoolingMode::kMax) {
                       for (std::int64_t c = 0; c < cols; ++c)
                         if (const std::int64_t t = winners[static_cast<std::size_t>(s * cols + c)]; t >= 0)
                           dx.mutable_row<float>(t)[c] = g[c];
                       continue;
                     }
                     const Weights weights(mode, layout.length(s),
                                           skips.empty() ? 0 : skips[static_cast<std::size_t>(s)]);
                     for (std::int64_t i = 0; i < layout.length(s); ++i) {
                       const float w = weights(i);
                       if (w == 0) continue;
                       float* row = dx.mutable_row<float>(layout.begin(s) + i);
                       for (std::int64_t c = 0; c < cols; ++c) row[c] = w * g[c] / weights.divisor();
                     }
                   }
                   pass.add(x, std::move(dx));
                 });
  return y;
}

// y = x / m, m = max(|x|, 1e-12);  dx = (dy - y <y, dy>) / m, without the second term where m is the floor
Tensor normalize(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape());
  for (std::int64_t r = 0; r < x.rows(); ++r) {
    const float* from = x.row<float>(r);
    const float length = std::max(kFloor, std::sqrt(kernels::dot(from, from, x.cols())));
    for (std::int64_t c = 0; c < x.cols(); ++c) y.mutable_row<float>(r)[c] = from[c] / length;
  }
  if (Tape* tape = recording({&x}))
    tape->record("normalize", {&y}, [x, y = y.detached()](BackwardPass& pass) {
      const Tensor& dy = pass.cotangent();
      Tensor dx = Tensor::empty(x.shape());
      for (std::int64_t r = 0; r < x.rows(); ++r) {
        const float *from = x.row<float>(r), *g = dy.row<float>(r), *out = y.row<float>(r);
        const float length = std::sqrt(kernels::dot(from, from, x.cols()));
        const float along = length > kFloor ? kernels::dot(out, g, x.cols()) : 0.0f;
        for (std::int64_t c = 0; c < x.cols(); ++c)
          dx.mutable_row<float>(r)[c] = (g[c] - out[c] * along) / std::max(kFloor, length);
      }
      pass.add(x, std::move(dx));
    });
  return y;
}

}  // namespace lyceum
