#include "tensor/layout.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace lyceum {

SequenceLayout::SequenceLayout() : data_(std::make_shared<Data>()) {}

SequenceLayout SequenceLayout::from_lengths(std::span<const std::int64_t> lengths) {
  std::vector<std::int64_t> positions;
  for (const std::int64_t length : lengths)
    for (std::int64_t i = 0; i < length; ++i) positions.push_back(i);
  std::vector<std::uint64_t> ids(lengths.size());
  std::iota(ids.begin(), ids.end(), std::uint64_t{0});
  return from(lengths, std::move(positions), std::move(ids));
}

SequenceLayout SequenceLayout::from(std::span<const std::int64_t> lengths,
                                    std::vector<std::int64_t> positions, std::vector<std::uint64_t> ids) {
  auto data = std::make_shared<Data>();
  for (const std::int64_t length : lengths) {
    if (length < 0) fail(Errc::kData, "sequence layout: found the length {}, expected 0 or more", length);
    constexpr std::int64_t kLimit = std::int64_t{1} << 62;
    if (length > kLimit - data->offsets.back())
      fail(Errc::kData, "sequence layout: found more than 2^62 tokens");
    data->offsets.push_back(data->offsets.back() + length);
    data->longest = std::max(data->longest, length);
  }
  if (static_cast<std::int64_t>(positions.size()) != data->offsets.back() || ids.size() != lengths.size())
    fail(Errc::kData, "sequence layout: found {} positions and {} ids, expected {} and {}", positions.size(),
         ids.size(), data->offsets.back(), lengths.size());
  data->positions = std::move(positions);
  data->ids = std::move(ids);
  SequenceLayout layout;
  layout.data_ = std::move(data);
  return layout;
}

}  // namespace lyceum
