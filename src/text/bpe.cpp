#include "text/bpe.h"

#include <algorithm>
#include <queue>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_level.h"

namespace lyceum {
namespace {

constexpr std::size_t kScanned = 24;  // O: symbols; longer words go through the queue

std::size_t char_count(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

}  // namespace

Bpe::Bpe(const std::vector<std::pair<std::string, std::int32_t>>& vocabulary, const Merges& merges,
         BpeOptions options, const std::string& what)
    : options_(std::move(options)) {
  ids_.reserve(vocabulary.size());
  for (const auto& [token, id] : vocabulary) ids_.insert(token, id);
  if (!options_.unknown.empty()) unknown_ = ids_.find(options_.unknown);
  std::size_t size = 16;
  while (size < 2 * merges.size()) size *= 2, --shift_;
  table_.assign(size, {});
  const std::size_t cut = char_count(options_.prefix);  // R: characters, taken as bytes
  std::int32_t rank = 0;
  for (const auto& [left, right] : merges) {
    const std::int32_t a = ids_.find(left), b = ids_.find(right);
    if (a < 0 || b < 0)
      fail(Errc::kFormat, "{}: 'merges': merge {} joins '{}' and '{}'; the vocabulary lacks '{}'", what,
           rank + 1, left, right, a < 0 ? left : right);
    const bool cuts = cut <= right.size() &&
                      (cut == right.size() || (static_cast<unsigned char>(right[cut]) & 0xC0) != 0x80);
    const std::string joined = cuts ? left + right.substr(cut) : std::string();
    const std::int32_t id = cuts ? ids_.find(joined) : -1;
    if (id < 0)
      fail(Errc::kFormat, "{}: 'merges': merge {} joins '{}' and '{}' to '{}', which the vocabulary lacks",
           what, rank + 1, left, right, joined);
    if (cut >= right.size()) lengthens_ = false;
    put(pair_of(a, b), rank++, id);
  }
  bool all = true;
  for (unsigned byte = 0; byte < 256; ++byte) {
    byte_tokens_[byte] = ids_.find(fmt::format("<0x{:02X}>", byte));
    std::string symbol;
    append_utf8(symbol, byte_character(static_cast<unsigned char>(byte)));
    byte_symbols_[byte] = ids_.find(symbol);
    all = all && byte_symbols_[byte] >= 0;
  }
  reads_bytes_ = all && options_.prefix.empty() && options_.suffix.empty();
  std::string raw;
  if (reads_bytes_ && options_.ignore_merges)
    for (const auto& [token, id] : vocabulary)
      if (raw.clear(), bytes_of(token, raw)) raw_.insert(raw, id);
}

const Bpe::Merge* Bpe::find(std::int32_t a, std::int32_t b) const noexcept {
  const std::uint64_t pair = pair_of(a, b);
  for (std::size_t at = pair * 0x9E3779B97F4A7C15u >> shift_;; at = (at + 1) & (table_.size() - 1)) {
    if (table_[at].pair == pair) return &table_[at];
    if (table_[at].pair == kNoPair) return nullptr;
  }
}

bool Bpe::is_identity() const noexcept {
  const bool joins =
      std::any_of(table_.begin(), table_.end(), [](const Merge& m) { return m.pair != kNoPair; });
  for (std::int32_t byte = 0; byte < 256; ++byte)
    if (byte_symbols_[static_cast<std::size_t>(byte)] != byte) return false;
  return reads_bytes_ && !joins && !options_.ignore_merges;
}

void Bpe::put(std::uint64_t pair, std::int32_t rank, std::int32_t id) {
  std::size_t at = pair * 0x9E3779B97F4A7C15u >> shift_;
  while (table_[at].pair != pair && table_[at].pair != kNoPair) at = (at + 1) & (table_.size() - 1);
  table_[at] = {pair, rank, id};
}

void Bpe::merge(std::vector<Symbol>& symbols) const {
  const std::size_t count = symbols.size();
  if (count < 2) return;
  if (count > kScanned || !lengthens_) return merge_with_queue(symbols);
  std::array<const Merge*, kScanned> pairs;  // of each symbol with the next
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = find(symbols[i].id, symbols[i + 1].id);
  std::size_t left = count;
  for (;;) {
    const Merge* best = nullptr;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < left; ++i)
      if (pairs[i] != nullptr && (best == nullptr || pairs[i]->rank < best->rank)) best = pairs[i], at = i;
    if (best == nullptr) break;
    symbols[at] = {best->id, symbols[at].length + symbols[at + 1].length};
    --left;
    for (std::size_t i = at + 1; i < left; ++i) symbols[i] = symbols[i + 1], pairs[i - 1] = pairs[i];
    if (at + 1 < left) pairs[at] = find(symbols[at].id, symbols[at + 1].id);
    if (at > 0) pairs[at - 1] = find(symbols[at - 1].id, symbols[at].id);
  }
  symbols.resize(left);
}

// As the reference does it: a queue of pairs by rank, then place; an entry whose pair has changed is skipped
// when it comes up, unless what stands there now would give the same token.
void Bpe::merge_with_queue(std::vector<Symbol>& symbols) const {
  struct Entry {
    std::int32_t rank;
    std::uint32_t at;
    std::int32_t id;
    bool operator>(const Entry& o) const noexcept { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  constexpr std::uint32_t kNone = 0xFFFFFFFFu;
  const auto count = static_cast<std::uint32_t>(symbols.size());
  std::vector<std::uint32_t> previous(count), next(count);
  for (std::uint32_t i = 0; i < count; ++i) previous[i] = i - 1, next[i] = i + 1 < count ? i + 1 : kNone;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  const auto offer = [&](std::uint32_t at) {
    if (at == kNone || next[at] == kNone) return;
    if (const Merge* m = find(symbols[at].id, symbols[next[at]].id)) queue.push({m->rank, at, m->id});
  };
  for (std::uint32_t i = 0; i < count; ++i) offer(i);
  while (!queue.empty()) {
    const Entry top = queue.top();
    queue.pop();
    if (symbols[top.at].length == 0 || next[top.at] == kNone) continue;
    const std::uint32_t right = next[top.at];
    const Merge* now = find(symbols[top.at].id, symbols[right].id);
    if (now == nullptr || now->id != top.id) continue;
    symbols[top.at] = {top.id, symbols[top.at].length + symbols[right].length};
    symbols[right].length = 0;
    next[top.at] = next[right];
    if (next[right] != kNone) previous[next[right]] = top.at;
    offer(previous[top.at]);
    offer(top.at);
  }
  std::erase_if(symbols, [](const Symbol& s) { return s.length == 0; });
}

void Bpe::symbols_of(std::string_view word, std::vector<Symbol>& symbols) const {
  std::optional<Symbol> unknown;  // not yet put: the next one may join it
  const auto put_unknown = [&] {
    if (unknown) symbols.push_back(*unknown);
    unknown.reset();
  };
  std::string symbol;
  for (std::size_t i = 0; i < word.size();) {
    const auto bytes = static_cast<std::size_t>(decode_utf8(word.substr(i)).bytes);
    symbol.clear();
    if (i > 0) symbol = options_.prefix;
    symbol += word.substr(i, bytes);
    if (i + bytes == word.size()) symbol += options_.suffix;
    i += bytes;
    const auto length = static_cast<std::uint32_t>(bytes);
    if (const std::int32_t id = ids_.find(symbol); id >= 0) {
      put_unknown();
      symbols.push_back({id, length});
      continue;
    }
    if (options_.byte_fallback && std::all_of(symbol.begin(), symbol.end(), [&](char c) {
          return byte_tokens_[static_cast<unsigned char>(c)] >= 0;
        })) {
      for (const char c : symbol) symbols.push_back({byte_tokens_[static_cast<unsigned char>(c)], 1});
      continue;
    }
    if (options_.unknown.empty()) continue;
    if (unknown_ < 0)
      fail(Errc::kFormat, "tokenizer: 'unk_token': found '{}', which is not in the vocabulary",
           options_.unknown);
    if (unknown && options_.fuse_unknown) {
      unknown->length += length;
    } else {
      put_unknown();
      unknown = Symbol{unknown_, length};
    }
  }
  put_unknown();
}

void Bpe::append(const std::vector<Symbol>& symbols, std::vector<Piece>& out) const {
  std::uint32_t at = 0;
  for (const Symbol& s : symbols) {
    out.push_back({s.id, at, at + s.length});
    at += s.length;
  }
}

void Bpe::split(std::string_view word, std::int64_t, std::vector<Piece>& out) const {
  if (options_.ignore_merges)
    if (const std::int32_t id = ids_.find(word); id >= 0)
      return out.push_back({id, 0, static_cast<std::uint32_t>(word.size())});
  std::vector<Symbol> symbols;
  symbols_of(word, symbols);
  merge_with_queue(symbols);
  append(symbols, out);
}

void Bpe::split_bytes(std::string_view word, std::vector<Piece>& out) const {
  static thread_local std::vector<Symbol> symbols;
  if (options_.ignore_merges)
    if (const std::int32_t id = raw_.find(word); id >= 0)
      return out.push_back({id, 0, static_cast<std::uint32_t>(word.size())});
  symbols.clear();
  for (const char c : word) symbols.push_back({byte_symbols_[static_cast<unsigned char>(c)], 1});
  merge(symbols);
  append(symbols, out);
}

}  // namespace lyceum
