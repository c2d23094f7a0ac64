// HNSW by Faiss: its insertion and its search, over distances that we compute.
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/HNSW.h>
#include <omp.h>

#include <algorithm>

#include "tasks/search/faiss/module.h"

namespace lyceum::faiss_module {
namespace {

class Distances final : public faiss::DistanceComputer {
 public:
  explicit Distances(AnnDistances& from) : from_(from) {}
  void set_query(const float*) override {}  // the caller knows the question
  float operator()(idx_t row) override { return from_.to_query(row); }
  float symmetric_dis(idx_t a, idx_t b) override { return from_.between(a, b); }

 private:
  AnnDistances& from_;
};

struct Locks {  // Faiss takes them although there is one thread
  std::vector<omp_lock_t> all;
  explicit Locks(std::size_t count) : all(count) {
    for (omp_lock_t& lock : all) omp_init_lock(&lock);
  }
  ~Locks() {
    for (omp_lock_t& lock : all) omp_destroy_lock(&lock);
  }
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;
};

// Faiss's object around our arrays. What it would derive from floating-point logarithms stands in tables that
// we fill, so that a file means the same everywhere.
faiss::HNSW wrap(HnswGraph&& graph) {
  faiss::HNSW hnsw(static_cast<int>(graph.links));
  hnsw.cum_nneighbor_per_level.assign(1, 0);
  for (int level = 1; level <= HnswGraph::kMostLevels; ++level)
    hnsw.cum_nneighbor_per_level.push_back(static_cast<int>(HnswGraph::places(graph.links, level)));
  hnsw.levels.assign(graph.levels.begin(), graph.levels.end());
  hnsw.offsets.reserve(hnsw.levels.size() + 1);
  for (const int level : hnsw.levels)
    hnsw.offsets.push_back(hnsw.offsets.back() +
                           static_cast<std::size_t>(HnswGraph::places(graph.links, level)));
  hnsw.neighbors = std::move(graph.neighbours);
  const auto highest = std::max_element(hnsw.levels.begin(), hnsw.levels.end());  // the first of them
  if (highest != hnsw.levels.end()) {
    hnsw.entry_point = static_cast<int>(highest - hnsw.levels.begin());
    hnsw.max_level = *highest - 1;
  }
  return hnsw;
}

class GraphSearcher final : public AnnSearcher {
 public:
  explicit GraphSearcher(HnswGraph graph)
      : hnsw_(wrap(std::move(graph))), visited_(static_cast<int>(hnsw_.levels.size())) {}

  std::vector<std::int32_t> search(const AnnQuestion& question) override {
    Distances computer(*question.distances);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(question.most), -1);
    std::vector<float> values(rows.size());
    hnsw_.efSearch = static_cast<int>(question.most);
    try {
      hnsw_.search(computer, static_cast<int>(question.most), rows.data(), values.data(), visited_);
    } catch (...) {
      visited_.advance();  // a distance could not be read: the next question begins afresh
      throw;
    }
    std::vector<std::int32_t> found;
    for (const std::int64_t row : rows)
      if (row >= 0) found.push_back(static_cast<std::int32_t>(row));
    return found;
  }

 private:
  faiss::HNSW hnsw_;
  faiss::VisitedTable visited_;
};

}  // namespace

void extend_graph(HnswGraph& graph, const std::vector<std::uint8_t>& new_levels, std::int64_t build_effort,
                  AnnDistances& distances, FunctionRef<void(std::int64_t)> next) {
  const std::int64_t links = graph.links, first = graph.rows();
  faiss::HNSW hnsw = wrap(std::move(graph));
  hnsw.efConstruction = static_cast<int>(build_effort);
  hnsw.levels.insert(hnsw.levels.end(), new_levels.begin(), new_levels.end());
  hnsw.prepare_level_tab(new_levels.size(), true);
  const std::size_t rows = hnsw.levels.size();
  Locks locks(rows);
  faiss::VisitedTable visited(static_cast<int>(rows));
  Distances computer(distances);
  for (std::size_t row = static_cast<std::size_t>(first); row < rows; ++row) {
    next(static_cast<std::int64_t>(row));
    if (hnsw.levels[row] == 0) continue;
    hnsw.add_with_locks(computer, hnsw.levels[row] - 1, static_cast<int>(row), locks.all, visited);
  }
  graph.links = links;
  graph.levels.assign(hnsw.levels.begin(), hnsw.levels.end());
  graph.neighbours = std::move(hnsw.neighbors);
}

std::unique_ptr<AnnSearcher> open_graph(HnswGraph graph) {
  return std::make_unique<GraphSearcher>(std::move(graph));
}

}  // namespace lyceum::faiss_module
