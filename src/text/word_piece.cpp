#include "text/word_piece.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace lyceum {

void TokenTable::reserve(std::size_t count) {
  std::size_t size = 16;
  while (size < 2 * count) size *= 2;
  slots_.assign(size, {});
}

void TokenTable::grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(std::max<std::size_t>(16, 2 * old.size()), {});
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t at = hash({bytes_.data() + slot.begin, slot.length}) & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

void TokenTable::insert(std::string_view token, std::int32_t id) {
  if (2 * (count_ + 1) > slots_.size()) grow();
  const std::uint64_t h = hash(token);
  if (find(token, h) >= 0) return;
  std::size_t at = h & (slots_.size() - 1);
  while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(token.size()), static_cast<std::uint32_t>(h >> 32), id};
  bytes_ += token;
  ++count_;
  longest_ = std::max(longest_, token.size());
}

std::int32_t TokenTable::find(std::string_view token, std::uint64_t h) const noexcept {
  if (slots_.empty()) return -1;
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  for (std::size_t at = h & (slots_.size() - 1); slots_[at].id >= 0; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.tag == tag && slot.length == token.size() && std::memcmp(bytes_.data() + slot.begin, token.data(), token.size()) == 0) return slot.id;
  }
  return -1;
}

WordPiece::WordPiece(std::vector<std::pair<std::string, std::int32_t>> vocabulary, std::string prefix, std::int32_t unknown, std::int64_t max_chars)
    : prefix_(std::move(prefix)), unknown_(unknown), max_chars_(max_chars) {
  starts_.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary) {
    starts_.insert(token, id);
    if (token.starts_with(prefix_)) continuations_.insert(std::string_view(token).substr(prefix_.size()), id);
  }
}

void WordPiece::split(std::string_view word, std::int64_t chars, std::vector<Piece>& out) const {
  const auto unknown = [&] { out.push_back({unknown_, 0, static_cast<std::uint32_t>(word.size())}); };
  if (chars > max_chars_) return unknown();
  const std::size_t first = out.size();
  std::size_t begin = 0;
  std::array<std::uint64_t, 512> hashes;  // of the prefixes of what is left; longer pieces than that do not occur in words
  while (begin < word.size()) {
    const TokenTable& table = begin == 0 ? starts_ : continuations_;
    const std::size_t most = std::min({word.size() - begin, table.longest(), hashes.size()});
    std::uint64_t h = TokenTable::kSeed;
    for (std::size_t i = 0; i < most; ++i) hashes[i] = h = TokenTable::step(h, word[begin + i]);
    std::size_t length = most;
    std::int32_t id = -1;
    for (; length > 0; --length) {
      const bool inside_char = begin + length < word.size() && (static_cast<unsigned char>(word[begin + length]) & 0xC0) == 0x80;
      if (!inside_char && (id = table.find(word.substr(begin, length), hashes[length - 1])) >= 0) break;
    }
    if (id < 0) {
      out.resize(first);
      return unknown();
    }
    out.push_back({id, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(begin + length)});
    begin += length;
  }
}

WordLevel::WordLevel(const std::vector<std::pair<std::string, std::int32_t>>& vocabulary, std::int32_t unknown) : unknown_(unknown) {
  for (const auto& [token, id] : vocabulary) words_.insert(token, id);
}

void WordLevel::split(std::string_view word, std::int64_t, std::vector<Piece>& out) const {
  const std::int32_t found = words_.find(word);
  if (found >= 0 || unknown_ >= 0) out.push_back({found >= 0 ? found : unknown_, 0, static_cast<std::uint32_t>(word.size())});
}

}  // namespace lyceum
