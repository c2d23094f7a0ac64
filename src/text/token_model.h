// The model of a tokenizer: from a normalised word to pieces of the vocabulary. WordPiece, BPE.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lyceum {

struct Piece {
  std::int32_t id;
  std::uint32_t begin, end;  // bytes of the normalised word
};

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the pieces of a word of `chars` characters. Safe to call from several threads.
  virtual void split(std::string_view word, std::int64_t chars, std::vector<Piece>& out) const = 0;
  // Whether pieces inside a word begin with a mark.
  virtual bool marks_continuations() const noexcept { return false; }
};
using TokenModelPtr = std::unique_ptr<const TokenModel>;

}  // namespace lyceum
