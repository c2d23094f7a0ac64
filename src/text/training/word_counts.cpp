#include "text/training/word_counts.h"

#include <algorithm>
#include <utility>

namespace lyceum {

void WordCounts::grow() {
  const std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(1024, 2 * slots_.size())));
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.count == 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].count > 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

void WordCounts::add(std::string_view word, std::uint64_t hashed, std::uint64_t count) {
  if (2 * distinct_ >= slots_.size()) grow();
  words_ += count;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hashed & mask;; at = (at + 1) & mask) {
    Slot& slot = slots_[at];
    if (slot.count == 0) {
      slot = {hashed, count, bytes_.size(), word.size()};
      bytes_ += word;
      ++distinct_;
      return;
    }
    if (slot.hash == hashed && slot.length == word.size() &&
        std::memcmp(bytes_.data() + slot.begin, word.data(), word.size()) == 0) {
      slot.count += count;
      return;
    }
  }
}

void WordCounts::add(const WordCounts& other) {
  for (const Slot& slot : other.slots_)
    if (slot.count > 0)
      add(std::string_view(other.bytes_).substr(slot.begin, slot.length), slot.hash, slot.count);
}

}  // namespace lyceum
