// Whose rows the adapters of this thread see, while it lives: what the dropout of their inputs is keyed on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tensor/layout.h"
#include "tensor/tensor.h"

namespace lyceum {

struct LowRank;

// A product knows no sequences, and a family's method does not know that a product is adapted. So the step
// that trains says it once, for its own thread and as long as it computes, the way back included; without
// one, and without a seed, nothing is dropped. One at a time.
class AdapterDropout {
 public:
  AdapterDropout(SequenceLayout layout, std::optional<std::uint64_t> seed);
  // Of rows that were picked from a batch.
  AdapterDropout(const SequenceLayout& batch, std::span<const std::int64_t> rows,
                 std::optional<std::uint64_t> seed);
  ~AdapterDropout();
  AdapterDropout(const AdapterDropout&) = delete;
  AdapterDropout& operator=(const AdapterDropout&) = delete;

  // Of this thread; nothing without one.
  static std::optional<std::uint64_t> seed();
  // x as an adapter sees it. Its rows are the tokens, or one for each sequence; else Errc::kInternal.
  static Tensor apply(const Tensor& x, const LowRank& adapter);

 private:
  SequenceLayout layout_;
  std::optional<std::uint64_t> seed_;
  AdapterDropout* outer_;
};

// One row for each sequence of a batch: what is left behind a pooling.
SequenceLayout one_row_each(const SequenceLayout& batch);

}  // namespace lyceum
