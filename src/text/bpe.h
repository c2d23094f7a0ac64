// Byte-pair encoding: neighbours are joined, the pair that was learned first first. Source: Sennrich et al.
// 2016; the details are those of the reference's BPE model.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/word_piece.h"

namespace lyceum {

struct BpeOptions {
  std::string unknown;         // the token for characters the vocabulary lacks; empty: they are left out
  std::string prefix, suffix;  // of symbols that continue a word, of the one that ends it
  bool fuse_unknown = false;   // neighbouring unknown characters are one token
  bool byte_fallback = false;  // an unknown character is its bytes, <0x00> to <0xFF>, where all are known
  bool ignore_merges = false;  // a word of the vocabulary is one token, whatever the merges say
};

class Bpe final : public TokenModel {
 public:
  using Merges = std::vector<std::pair<std::string, std::string>>;
  // The first merge has the lowest rank; of a pair that stands twice the later place counts. Throws
  // Errc::kFormat, naming `what`, for a merge whose parts or result the vocabulary lacks.
  Bpe(const std::vector<std::pair<std::string, std::int32_t>>& vocabulary, const Merges& merges,
      BpeOptions options, const std::string& what);
  void split(std::string_view word, std::int64_t chars, std::vector<Piece>& out) const override;
  bool marks_continuations() const noexcept override { return !options_.prefix.empty(); }

  // For words of raw bytes (byte-level vocabularies): the same pieces, with places in the raw bytes.
  bool reads_bytes() const noexcept {
    return reads_bytes_;
  }  // every byte is a symbol, and nothing else matters
  // ... and is its own id, which no merge joins to another.
  bool is_identity() const noexcept;
  void split_bytes(std::string_view word, std::vector<Piece>& out) const;

  struct Symbol {
    std::int32_t id;
    std::uint32_t length;  // bytes of the word
  };
  // Joins neighbours until no pair is left that may be joined: by a scan for short words, with a queue for
  // long ones. Both give the same; the queue alone is right when merges do not lengthen.
  void merge(std::vector<Symbol>& symbols) const;
  void merge_with_queue(std::vector<Symbol>& symbols) const;

 private:
  struct Merge {
    std::uint64_t pair = kNoPair;
    std::int32_t rank = 0, id = 0;
  };
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};
  static std::uint64_t pair_of(std::int32_t a, std::int32_t b) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) << 32 | static_cast<std::uint32_t>(b);
  }
  const Merge* find(std::int32_t a, std::int32_t b) const noexcept;
  void put(std::uint64_t pair, std::int32_t rank, std::int32_t id);
  void symbols_of(std::string_view word, std::vector<Symbol>& symbols) const;
  void append(const std::vector<Symbol>& symbols, std::vector<Piece>& out) const;

  TokenTable ids_, raw_;  // by text; by raw bytes, for ignore_merges
  std::vector<Merge> table_;
  int shift_ = 60;
  BpeOptions options_;
  std::int32_t unknown_ = -1;
  std::array<std::int32_t, 256> byte_tokens_{}, byte_symbols_{};
  bool lengthens_ = true, reads_bytes_ = false;
};

}  // namespace lyceum
