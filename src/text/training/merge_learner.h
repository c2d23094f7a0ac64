// Which pairs of neighbours to join, the most frequent first. Source: Sennrich et al. 2016, algorithm 1; what
// is counted, and in which order ties go, are the reference's (tokenizers 0.23, BpeTrainer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/function_ref.h"

namespace lyceum {

using SymbolPair = std::pair<std::uint32_t, std::uint32_t>;

// Words are rows of symbols in one array. A symbol that was joined keeps the places of its parts: its first
// place has its name, its first and last place have its length, and what lies between is dead, so that both
// neighbours of a place are found in one step, in words of megabytes too. A pair knows the places where it
// stands; joining it looks at these alone.
// A pair gets its places all at once: at the beginning, or when one of its symbols arises. For no symbol
// arises twice. Between two borders that no join crosses, joins go as they go in a word of that text alone;
// so where a text was first joined to one symbol, it was joined wherever it stood with its ends apart.
// Memory: 12 bytes a symbol and 12 more for the places of pairs, 8 while they are counted first.
class MergeLearner {
 public:
  // Symbols are numbers below 2^31. Throws Errc::kLimit above 2^30 symbols.
  void add_word(std::span<const std::uint32_t> symbols, std::uint64_t count);

  // Joins the pair of highest count, of equals the one with the smaller left symbol, then the smaller right
  // one, until none is seen `min_frequency` times (nor once) or `join` says no. join(left, right) gives the
  // number of the joined symbol, one that no word has yet, or kStop. Returns the pairs in the order in which
  // they were joined. Throws Errc::kInterrupted.
  static constexpr std::uint32_t kStop = ~std::uint32_t{0};
  std::vector<SymbolPair> learn(std::uint64_t min_frequency,
                                FunctionRef<std::uint32_t(std::uint32_t left, std::uint32_t right)> join);

 private:
  static constexpr std::uint32_t kDead = ~std::uint32_t{0}, kBorder = kDead - 1;  // no symbol's number
  struct Place {
    std::uint32_t symbol, length, word;
  };
  struct Pair {
    std::int64_t count = 0;
    std::uint32_t step = 0;    // in which it arose
    std::uint32_t places = 0;  // made in that step
    std::uint32_t cursor = 0;  // in places_, while they are put there
  };
  struct Candidate {
    std::uint64_t count;
    SymbolPair pair;
    std::uint32_t index;       // of the pair
    std::uint32_t begin, end;  // in places_
    // Whether b comes before a.
    friend bool operator<(const Candidate& a, const Candidate& b) noexcept {
      return a.count != b.count ? a.count < b.count : a.pair > b.pair;
    }
  };
  struct Fresh {
    std::uint32_t pair, place;
  };
  // The number of a pair with the symbol in whose row it stands, looked up once in a step.
  struct Known {
    std::uint32_t step = 0, pair = 0;
  };

  std::uint32_t index_of(std::uint32_t left, std::uint32_t right);
  std::uint32_t index_of(std::vector<Known>& known, std::uint32_t by, std::uint32_t left,
                         std::uint32_t right);
  void grow_pairs();
  void count_pairs();
  void put_candidate(std::uint32_t index);
  void join_at(std::uint32_t place, const Candidate& candidate, std::uint32_t joined);
  void gain(std::uint32_t pair, std::uint32_t place, std::int64_t count);
  void put_fresh();

  std::vector<Place> line_;  // of all words, with a border before, between and behind
  std::vector<std::uint64_t> counts_;
  std::vector<std::uint32_t> places_;

  std::vector<Pair> pairs_;
  std::vector<SymbolPair> names_;     // of pairs_
  std::vector<std::uint32_t> table_;  // from the hash of a pair to its number + 1; 0: empty
  std::vector<Candidate> queue_;      // a heap
  std::uint32_t step_ = 0;
  std::vector<Known> left_lost_, left_gained_, right_lost_, right_gained_;  // by the neighbour
  std::vector<std::uint32_t> arisen_;                                       // pairs, in this step
  std::vector<Fresh> fresh_;
};

}  // namespace lyceum
