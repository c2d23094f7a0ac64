// What the program asks of the module that holds Faiss, and what it lends to it. The module is a library of
// its own that is loaded when it is needed: Faiss brings BLAS and LAPACK with it, which no other verb should
// have to load. Nothing here is Faiss's; files are neither read nor written on the other side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "tasks/search/ann_structures.h"

namespace lyceum {

// Distances between passages, and to the question; smaller is nearer.
class AnnDistances {
 public:
  virtual ~AnnDistances() = default;
  virtual float to_query(std::int64_t row) = 0;
  virtual float between(std::int64_t row, std::int64_t other) = 0;
};

// Which of a set of vectors are nearest: our own product, so that BLAS decides no bit and a result is the
// same for any number of threads.
class AnnNearest {
 public:
  virtual ~AnnNearest() = default;
  virtual void set(const float* vectors, std::int64_t count, std::int64_t width) = 0;
  // For each row of x [rows, width] the `most` largest inner products, or with `euclidean` the smallest
  // squared distances, best first: which [rows, most], values [rows, most]. Where there are fewer, -1.
  virtual void search(const float* x, std::int64_t rows, std::int64_t most, bool euclidean,
                      std::int64_t* which, float* values) = 0;
};

struct AnnQuestion {
  const float* vector = nullptr;      // [width], of length 1: for lists
  AnnDistances* distances = nullptr;  // to it: for a graph
  std::int64_t most = 0;              // answers
  std::int64_t lists = 0;             // to look into
};

// A structure that answers questions, one at a time.
class AnnSearcher {
 public:
  virtual ~AnnSearcher() = default;
  // Up to `most` rows, each once, in no promised order.
  virtual std::vector<std::int32_t> search(const AnnQuestion& question) = 0;
};

class AnnEngine {
 public:
  virtual ~AnnEngine() = default;
  virtual std::string version() const = 0;
  // Puts the rows [graph.rows(), graph.rows() + new_levels.size()) in, those of level 0 excepted, one after
  // another: a graph depends on the order, so there is nothing to divide between threads.
  // `distances.to_query` is of the row of the last `next`, which may throw.
  virtual void extend(HnswGraph& graph, const std::vector<std::uint8_t>& new_levels,
                      std::int64_t build_effort, AnnDistances& distances,
                      FunctionRef<void(std::int64_t row)> next) const = 0;
  // Centroids and books from `rows` vectors; no list has a member yet.
  virtual IvfPq train(const float* sample, std::int64_t rows, std::int64_t width, std::int64_t lists,
                      std::int64_t bytes, AnnNearest& nearest) const = 0;
  // For each of the vectors its list, and its code [rows, bytes].
  virtual void encode(const IvfPq& trained, const float* vectors, std::int64_t rows, AnnNearest& nearest,
                      std::int64_t* lists, std::uint8_t* codes) const = 0;
  // `nearest` must outlive the searcher; the graph needs none.
  virtual std::unique_ptr<AnnSearcher> open(HnswGraph graph) const = 0;
  virtual std::unique_ptr<AnnSearcher> open(IvfPq lists, AnnNearest& nearest) const = 0;
};

// The module's one function; its name changes whenever something above does.
constexpr const char* kAnnEntry = "lyceum_ann_engine_2";
using AnnEntry = const AnnEngine* (*)();

// The engine, loaded once. nullptr where it is not there: then `trouble` says why.
const AnnEngine* ann_engine(std::string* trouble = nullptr);
// The same, or Errc::kUnsupported with how to get it.
const AnnEngine& require_ann_engine();
// "Faiss 1.7.3", or why there is none; for `lyceum doctor`.
std::string ann_engine_name();

}  // namespace lyceum
