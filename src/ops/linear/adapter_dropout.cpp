#include "ops/linear/adapter_dropout.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/dropout/dropout.h"
#include "ops/linear/linear.h"

namespace lyceum {
namespace {

AdapterDropout*& of_this_thread() {
  static thread_local AdapterDropout* here = nullptr;
  return here;
}

// Each row by itself, at its place in its sequence.
SequenceLayout picked(const SequenceLayout& batch, std::span<const std::int64_t> rows) {
  std::vector<std::int64_t> positions;
  std::vector<std::uint64_t> ids;
  for (const std::int64_t row : rows) {
    const auto offsets = batch.offsets();
    const auto s = std::upper_bound(offsets.begin(), offsets.end(), row) - offsets.begin() - 1;
    positions.push_back(batch.positions()[static_cast<std::size_t>(row)]);
    ids.push_back(batch.ids()[static_cast<std::size_t>(s)]);
  }
  return SequenceLayout::from(std::vector<std::int64_t>(rows.size(), 1), std::move(positions),
                              std::move(ids));
}

}  // namespace

SequenceLayout one_row_each(const SequenceLayout& batch) {
  const auto rows = static_cast<std::size_t>(batch.sequences());
  return SequenceLayout::from(std::vector<std::int64_t>(rows, 1), std::vector<std::int64_t>(rows, 0),
                              {batch.ids().begin(), batch.ids().end()});
}

AdapterDropout::AdapterDropout(SequenceLayout layout, std::optional<std::uint64_t> seed)
    : layout_(std::move(layout)), seed_(seed), outer_(of_this_thread()) {
  of_this_thread() = this;
}

AdapterDropout::AdapterDropout(const SequenceLayout& batch, std::span<const std::int64_t> rows,
                               std::optional<std::uint64_t> seed)
    : AdapterDropout(picked(batch, rows), seed) {}

AdapterDropout::~AdapterDropout() { of_this_thread() = outer_; }

std::optional<std::uint64_t> AdapterDropout::seed() {
  const AdapterDropout* here = of_this_thread();
  return here == nullptr ? std::nullopt : here->seed_;
}

Tensor AdapterDropout::apply(const Tensor& x, const LowRank& adapter) {
  const AdapterDropout* here = of_this_thread();
  if (here == nullptr || !here->seed_ || adapter.dropout == 0) return x;
  const DropoutSpec spec{.probability = adapter.dropout, .seed = *here->seed_, .stream = adapter.stream};
  if (x.rows() == here->layout_.tokens()) return dropout(x, here->layout_, spec);
  if (x.rows() == here->layout_.sequences()) return dropout(x, one_row_each(here->layout_), spec);
  fail(Errc::kInternal, "adapter '{}': found {} rows to drop of, expected those of {} tokens or {} sequences",
       adapter.down->name(), x.rows(), here->layout_.tokens(), here->layout_.sequences());
}

}  // namespace lyceum
