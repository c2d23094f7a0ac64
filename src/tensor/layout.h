// A packed batch: its sequences stand one after another without padding, and this says where each begins.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lyceum {

class SequenceLayout {
 public:
  SequenceLayout();  // no sequences
  // Positions count 0, 1, ... in each sequence; ids are 0, 1, ... Lengths may be 0.
  static SequenceLayout from_lengths(std::span<const std::int64_t> lengths);
  // positions: one per token, as the model's position table or bias wants them. ids: one per sequence, stable
  // across batches (random numbers are keyed on them). Throws Errc::kData when the counts do not agree.
  static SequenceLayout from(std::span<const std::int64_t> lengths, std::vector<std::int64_t> positions,
                             std::vector<std::uint64_t> ids);

  std::int64_t sequences() const noexcept { return static_cast<std::int64_t>(data_->ids.size()); }
  std::int64_t tokens() const noexcept { return data_->offsets.back(); }
  std::int64_t begin(std::int64_t s) const noexcept { return data_->offsets[static_cast<std::size_t>(s)]; }
  std::int64_t end(std::int64_t s) const noexcept { return data_->offsets[static_cast<std::size_t>(s) + 1]; }
  std::int64_t length(std::int64_t s) const noexcept { return end(s) - begin(s); }
  std::int64_t longest() const noexcept { return data_->longest; }
  std::span<const std::int64_t> offsets() const noexcept {
    return data_->offsets;
  }  // sequences + 1, the first is 0
  std::span<const std::int64_t> positions() const noexcept { return data_->positions; }
  std::span<const std::uint64_t> ids() const noexcept { return data_->ids; }

 private:
  struct Data {
    std::vector<std::int64_t> offsets{0}, positions;
    std::vector<std::uint64_t> ids;
    std::int64_t longest = 0;
  };
  std::shared_ptr<const Data> data_;
};

}  // namespace lyceum
