#include "text/training/merge_learner.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"

namespace lyceum {
namespace {

constexpr std::size_t kMostSymbols = std::size_t{1} << 30;
constexpr std::uint32_t kAhead = 12;  // places that are fetched before they are looked at

std::uint64_t hash_of(std::uint32_t left, std::uint32_t right) noexcept {
  const std::uint64_t h = (std::uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

}  // namespace

void MergeLearner::add_word(std::span<const std::uint32_t> symbols, std::uint64_t count) {
  if (symbols.size() < 2) return;  // no pair
  if (line_.size() + symbols.size() + 2 > kMostSymbols)
    fail(Errc::kLimit,
         "train-tokenizer: found distinct words of more than {} characters together, expected at most that. "
         "Fix: less text.",
         kMostSymbols);
  const auto word = static_cast<std::uint32_t>(counts_.size());
  if (line_.empty()) line_.push_back({kBorder, 1, 0});
  for (const std::uint32_t symbol : symbols) line_.push_back({symbol, 1, word});
  line_.push_back({kBorder, 1, word});
  counts_.push_back(count);
}

void MergeLearner::grow_pairs() {
  table_.assign(std::max<std::size_t>(1 << 12, 2 * table_.size()), 0);
  const std::size_t mask = table_.size() - 1;
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    std::size_t at = hash_of(names_[i].first, names_[i].second) & mask;
    while (table_[at] != 0) at = (at + 1) & mask;
    table_[at] = i + 1;
  }
}

std::uint32_t MergeLearner::index_of(std::uint32_t left, std::uint32_t right) {
  if (2 * pairs_.size() >= table_.size()) grow_pairs();
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash_of(left, right) & mask;; at = (at + 1) & mask) {
    if (table_[at] == 0) {
      pairs_.emplace_back();
      names_.emplace_back(left, right);
      table_[at] = static_cast<std::uint32_t>(pairs_.size());
      return table_[at] - 1;
    }
    if (names_[table_[at] - 1] == SymbolPair(left, right)) return table_[at] - 1;
  }
}

std::uint32_t MergeLearner::index_of(std::vector<Known>& known, std::uint32_t by, std::uint32_t left,
                                     std::uint32_t right) {
  if (by >= known.size()) known.resize(by + 1024);
  Known& k = known[by];
  if (k.step != step_) k = {step_, index_of(left, right)};
  return k.pair;
}

// Its places stand before its cursor.
void MergeLearner::put_candidate(std::uint32_t index) {
  const Pair& p = pairs_[index];
  queue_.push_back(
      {static_cast<std::uint64_t>(p.count), names_[index], index, p.cursor - p.places, p.cursor});
  std::push_heap(queue_.begin(), queue_.end());
}

void MergeLearner::count_pairs() {
  std::vector<std::uint32_t> pair_at(line_.size());
  for (std::size_t i = 0; i + 1 < line_.size(); ++i) {
    if (line_[i].symbol == kBorder || line_[i + 1].symbol == kBorder) continue;
    pair_at[i] = index_of(line_[i].symbol, line_[i + 1].symbol) + 1;
    Pair& pair = pairs_[pair_at[i] - 1];
    pair.count += static_cast<std::int64_t>(counts_[line_[i].word]);
    ++pair.places;
  }
  std::uint32_t total = 0;
  for (Pair& pair : pairs_) {
    pair.cursor = total;
    total += pair.places;
  }
  places_.resize(total);
  for (std::uint32_t i = 0; i < pair_at.size(); ++i)
    if (pair_at[i] != 0) places_[pairs_[pair_at[i] - 1].cursor++] = i;
  queue_.reserve(2 * pairs_.size());
  for (std::uint32_t i = 0; i < pairs_.size(); ++i) put_candidate(i);
}

void MergeLearner::gain(std::uint32_t index, std::uint32_t place, std::int64_t count) {
  Pair& pair = pairs_[index];
  if (pair.step != step_) {
    pair.step = step_;
    arisen_.push_back(index);
  }
  pair.count += count;
  ++pair.places;
  fresh_.push_back({index, place});
}

void MergeLearner::join_at(std::uint32_t place, const Candidate& candidate, std::uint32_t joined) {
  const auto [left, right] = candidate.pair;
  Place& first = line_[place];
  if (first.symbol != left) return;  // joined to something else since
  const std::uint32_t middle = place + first.length;
  if (line_[middle].symbol != right) return;
  const std::uint32_t length = first.length + line_[middle].length, behind = place + length;
  const auto count = static_cast<std::int64_t>(counts_[first.word]);
  line_[middle].symbol = kDead;
  first.symbol = joined;
  first.length = line_[behind - 1].length = length;
  const std::uint32_t before = place - line_[place - 1].length;
  if (const std::uint32_t x = line_[before].symbol; x != kBorder) {
    pairs_[index_of(left_lost_, x, x, left)].count -= count;
    gain(index_of(left_gained_, x, x, joined), before, count);
  }
  if (const std::uint32_t y = line_[behind].symbol; y != kBorder) {
    pairs_[index_of(right_lost_, y, right, y)].count -= count;
    gain(index_of(right_gained_, y, joined, y), place, count);
  }
}

// What arose in this step becomes candidates, each with its places side by side. Those that went again in the
// same step, as (X, a) does when the second ab of abab becomes X, have a count of 0 and never come up.
void MergeLearner::put_fresh() {
  auto total = static_cast<std::uint32_t>(places_.size());
  for (const std::uint32_t index : arisen_) {
    pairs_[index].cursor = total;
    total += pairs_[index].places;
  }
  places_.resize(total);
  for (const Fresh& f : fresh_) places_[pairs_[f.pair].cursor++] = f.place;
  for (const std::uint32_t index : arisen_) put_candidate(index);
  arisen_.clear();
  fresh_.clear();
}

std::vector<SymbolPair> MergeLearner::learn(std::uint64_t min_frequency,
                                            FunctionRef<std::uint32_t(std::uint32_t, std::uint32_t)> join) {
  std::vector<SymbolPair> joined_pairs;
  count_pairs();
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end());
    Candidate& top = queue_.back();
    const auto now = static_cast<std::uint64_t>(pairs_[top.index].count);
    if (top.count != now) {  // it fell while it waited
      top.count = now;
      std::push_heap(queue_.begin(), queue_.end());
      continue;
    }
    if (now < 1 || now < min_frequency) break;
    check_interrupt();
    const Candidate best = top;
    queue_.pop_back();
    const std::uint32_t joined = join(best.pair.first, best.pair.second);
    if (joined == kStop) break;
    joined_pairs.push_back(best.pair);
    ++step_;
    for (std::uint32_t i = best.begin; i < best.end; ++i) {
#if defined(__GNUC__)
      if (i + kAhead < best.end) __builtin_prefetch(&line_[places_[i + kAhead]]);
#endif
      join_at(places_[i], best, joined);
    }
    put_fresh();
  }
  return joined_pairs;
}

}  // namespace lyceum
