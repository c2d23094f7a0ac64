// Words seen before on this thread, with their pieces: prose repeats itself.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "text/token_model.h"

namespace lyceum {

class WordCache {
 public:
  static constexpr std::size_t kWord = 24;  // bytes at most
  struct Key {
    std::uint64_t parts[3] = {};
    std::uint8_t length = 0;
    bool operator==(const Key& o) const noexcept {
      return parts[0] == o.parts[0] && parts[1] == o.parts[1] && parts[2] == o.parts[2] && length == o.length;
    }
    // `readable` bytes may be read at word.data().
    static Key of(std::string_view word, std::size_t readable) noexcept {
      Key key;
      key.length = static_cast<std::uint8_t>(word.size());
      if (readable >= kWord && std::endian::native == std::endian::little) {
        std::memcpy(key.parts, word.data(), kWord);
        for (std::size_t i = 0, bytes = word.size(); i < 3; ++i) {
          if (bytes >= 8) {
            bytes -= 8;
            continue;
          }
          key.parts[i] &= (std::uint64_t{1} << 8 * bytes) - 1;
          bytes = 0;
        }
      } else {
        std::memcpy(key.parts, word.data(), word.size());
      }
      return key;
    }
    std::uint64_t hash() const noexcept {
      std::uint64_t h = (parts[0] ^ length) * 0x9E3779B97F4A7C15u;
      if (length > 8) {
        h = (h ^ h >> 29 ^ parts[1]) * 0xD6E8FEB86659FD93u;
        h = (h ^ h >> 29 ^ parts[2]) * 0x9E3779B97F4A7C15u;
      }
      return h ^ h >> 32;
    }
  };
  struct Entry {
    Key key;
    std::uint8_t count = 0;  // 0: empty
    std::uint8_t ends[6] = {};
    std::int32_t ids[6] = {};

    void put(const Key& word, std::span<const Piece> pieces) {
      if (pieces.empty() || pieces.size() > std::size(ids)) return;
      key = word;
      count = static_cast<std::uint8_t>(pieces.size());
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        ids[i] = pieces[i].id;
        ends[i] = static_cast<std::uint8_t>(pieces[i].end);
      }
    }
  };
  // The slot where a word belongs, emptied when another tokenizer filled the cache.
  Entry& slot(std::uint64_t owner, const Key& key) {
    if (owner != owner_) {
      entries_.assign(kEntries, {});
      owner_ = owner;
    }
    return entries_[key.hash() & (kEntries - 1)];
  }

 private:
  static constexpr std::size_t kEntries = 1 << 14;
  std::vector<Entry> entries_;
  std::uint64_t owner_ = 0;
};

}  // namespace lyceum
