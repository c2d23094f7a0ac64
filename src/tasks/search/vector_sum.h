// Names a set of vectors: whoever holds one can tell whether another set is the same.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lyceum {

// The sum, in four lanes of 64 bits, of SHA-256(id, vector) over all passages: it follows each insertion and
// deletion without reading the rest, depends on what is there and not on how it came there, and can be
// counted anew. It tells accidents apart; somebody who may write the index can make any sum he likes.
class VectorSum {
 public:
  void add(std::int64_t id, const float* vector, std::int64_t width);
  void remove(std::int64_t id, const float* vector, std::int64_t width);
  std::string text() const;  // 64 hexadecimal digits
  static std::optional<VectorSum> parse(std::string_view text);
  bool operator==(const VectorSum&) const = default;

 private:
  std::array<std::uint64_t, 4> lanes_{};
};

}  // namespace lyceum
