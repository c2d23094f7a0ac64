#include "ops/dropout/dropout.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/random.h"
#include "ops/dropout/dropout_kernel.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

// The function and its gradient are the same map: each element times 0 or 1 / (1 - p).
Tensor drop(const Tensor& x, const SequenceLayout& layout, const DropoutSpec& spec) {
  const std::int64_t cols = x.cols();
  const std::uint64_t key = dropout_key(spec);
  Tensor y = Tensor::empty(x.shape());
  float* to = y.mutable_data<float>();
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 13) / std::max<std::int64_t>(1, cols));
  parallel_for(layout.tokens(), grain, [&](std::int64_t begin, std::int64_t end) {
    const auto offsets = layout.offsets();
    std::int64_t s = std::upper_bound(offsets.begin(), offsets.end(), begin) - offsets.begin() - 1;
    for (std::int64_t t = begin; t < end; ++t) {
      while (t >= layout.end(s)) ++s;
      kernels::dropout_row(
          {.key = key, .id = layout.ids()[static_cast<std::size_t>(s)], .probability = spec.probability},
          static_cast<std::uint32_t>(layout.positions()[static_cast<std::size_t>(t)]), x.row<float>(t),
          to + t * cols, cols);
    }
  });
  return y;
}

}  // namespace

// A key of its own for each (seed, stream).
std::uint64_t dropout_key(const DropoutSpec& spec) {
  constexpr std::uint64_t kName = 0x64726F706F757400;  // "dropout" in ASCII
  const PhiloxBlock block = philox(spec.seed, spec.stream, kName);
  return std::uint64_t{block[1]} << 32 | block[0];
}

Tensor dropout(const Tensor& x, const SequenceLayout& layout, const DropoutSpec& spec) {
  if (!(spec.probability >= 0 && spec.probability < 1))
    fail(Errc::kData, "dropout: found the probability {}, expected 0 <= p < 1", spec.probability);
  Legend d("dropout");
  d.set('T', layout.tokens(), "the layout");
  d.bind("x", x.shape(), "T C");
  if (spec.probability == 0) return x;
  Tensor y = drop(x, layout, spec);
  if (Tape* tape = recording({&x}))
    tape->record("dropout", {&y}, [input = x.variable(), layout, spec](BackwardPass& pass) {
      pass.add(input, drop(pass.cotangent(), layout, spec));
    });
  return y;
}

}  // namespace lyceum
