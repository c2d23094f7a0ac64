// Answers from an index: exact over all vectors, or approximate over candidates that are scored exactly.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tasks/search/ann_engine.h"
#include "tasks/search/nearest_centroids.h"
#include "tasks/search/passage_vectors.h"
#include "tasks/search/search_index.h"

namespace lyceum {

struct IndexQuestion {
  const std::string& text;
  const float* vector;  // [width]
  bool is_normalized;   // that one and those of the passages have length 1
};

// One question at a time. Keeps what was read of the newest state of the file.
class IndexSearch {
 public:
  explicit IndexSearch(const IndexStore& store) : store_(store), vectors_(store) {}
  std::vector<SearchHit> run(const IndexQuestion& question, const SearchOptions& options,
                             SearchReport* report);
  void forget();

 private:
  struct Scored {
    double score;
    std::int64_t row;
    bool operator<(const Scored& other) const {
      return score != other.score ? score > other.score : row < other.row;
    }
  };
  static void keep_best(std::vector<Scored>& scored, std::int64_t most);
  void open_approximate();
  void drop_approximate(const std::string& why);
  // Empty where only the exact search can answer.
  std::vector<Scored> approximate(const IndexQuestion& question, Cosines& cosines, std::int64_t most,
                                  std::int64_t effort);
  std::vector<Scored> exact(const Cosines& cosines);
  std::vector<Scored> join_with_words(const std::string& text, const std::vector<Scored>& scored,
                                      std::int64_t depth) const;

  const IndexStore& store_;
  PassageVectors vectors_;
  NearestCentroids nearest_;  // of the searcher
  std::unique_ptr<AnnSearcher> searcher_;
  std::vector<std::int32_t> next_equal_;  // of its rows, the next with the same vector; -1: there is none
  std::string trouble_;                   // why there is none
  std::int64_t lists_ = 0;                // of the searcher; 0: it is a graph
};

}  // namespace lyceum
