// Distinct words with how often each was seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum {

// Open addressing over words that stand one after another: 64 bytes and the word's own for each distinct
// word, at most twice that while it grows.
class WordCounts {
 public:
  static std::uint64_t hash(std::string_view word) noexcept {
    const char* p = word.data();
    const std::size_t n = word.size();
    std::uint64_t h = n * 0x9E3779B97F4A7C15u;
    if (n >= 8) {
      for (std::size_t i = 0; i + 8 < n; i += 8) h = mix(h ^ load<std::uint64_t>(p + i));
      h = mix(h ^ load<std::uint64_t>(p + n - 8));  // overlaps the one before it
    } else if (n >= 4) {
      h = mix(h ^ load<std::uint32_t>(p) ^ std::uint64_t{load<std::uint32_t>(p + n - 4)} << 32);
    } else if (n > 0) {
      const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
      h = mix(h ^ byte(0) ^ byte(n / 2) << 8 ^ byte(n - 1) << 16);
    }
    return h ^ h >> 29;
  }

  void add(std::string_view word, std::uint64_t hashed, std::uint64_t count);
  void add(std::string_view word) { add(word, hash(word), 1); }
  void add(const WordCounts& other);

  // f(word, count) for each distinct word, in an order that depends on the order in which they were added.
  template <class F>
  void for_each(F f) const {
    for (const Slot& slot : slots_)
      if (slot.count > 0) f(std::string_view(bytes_).substr(slot.begin, slot.length), slot.count);
  }

  std::uint64_t words() const noexcept { return words_; }
  std::size_t distinct() const noexcept { return distinct_; }
  std::size_t bytes() const noexcept { return bytes_.size(); }  // of the distinct words

 private:
  struct Slot {
    std::uint64_t hash = 0, count = 0, begin = 0;
    std::uint64_t length = 0;
  };
  template <class T>
  static T load(const char* p) noexcept {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  static std::uint64_t mix(std::uint64_t h) noexcept {
    h *= 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
  }
  void grow();

  std::vector<Slot> slots_;
  std::string bytes_;
  std::uint64_t words_ = 0;
  std::size_t distinct_ = 0;
};

}  // namespace lyceum
