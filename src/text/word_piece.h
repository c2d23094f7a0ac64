// WordPiece: the longest piece of the vocabulary first, again and again. Source: Devlin et al. 2018 (code),
// Wu et al. 2016.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_model.h"

namespace lyceum {

// Text to id, for many look-ups of byte ranges: open addressing over strings that stand one after another.
class TokenTable {
 public:
  void reserve(std::size_t count);
  void insert(std::string_view token, std::int32_t id);  // the first one with a text stays
  std::int32_t find(std::string_view token) const noexcept { return find(token, hash(token)); }  // -1: none
  std::int32_t find(std::string_view token, std::uint64_t hashed) const noexcept;
  std::size_t longest() const noexcept { return longest_; }  // bytes
  static constexpr std::uint64_t kSeed = 0x9E3779B97F4A7C15u;
  static std::uint64_t step(std::uint64_t h, char byte) noexcept {
    h = (h ^ static_cast<unsigned char>(byte)) * 0xD6E8FEB86659FD93u;
    return h ^ (h >> 32);
  }
  static std::uint64_t hash(std::string_view text, std::uint64_t h = kSeed) noexcept {
    for (const char c : text) h = step(h, c);
    return h;
  }

 private:
  struct Slot {
    std::uint32_t begin = 0, length = 0, tag = 0;
    std::int32_t id = -1;
  };
  void grow();
  std::vector<Slot> slots_;
  std::string bytes_;
  std::size_t count_ = 0, longest_ = 0;
};

class WordPiece final : public TokenModel {
 public:
  WordPiece(std::vector<std::pair<std::string, std::int32_t>> vocabulary, std::string prefix,
            std::int32_t unknown, std::int64_t max_chars);
  // Appends the pieces of a word of `chars` characters; a word that cannot be covered, or is longer than
  // max_chars, is one unknown piece.
  void split(std::string_view word, std::int64_t chars, std::vector<Piece>& out) const override;
  bool marks_continuations() const noexcept override { return !prefix_.empty(); }
  const std::string& prefix() const noexcept { return prefix_; }

 private:
  TokenTable starts_, continuations_;  // without their prefix
  std::string prefix_;
  std::int32_t unknown_;
  std::int64_t max_chars_;
};

// Whole words with an id each; an unknown word is `unknown`, or nothing when that is -1.
class WordLevel final : public TokenModel {
 public:
  WordLevel(const std::vector<std::pair<std::string, std::int32_t>>& vocabulary, std::int32_t unknown);
  void split(std::string_view word, std::int64_t chars, std::vector<Piece>& out) const override;

 private:
  TokenTable words_;
  std::int32_t unknown_;
};

}  // namespace lyceum
