#include "tasks/search/ann_build.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/function_ref.h"
#include "base/interrupt.h"
#include "kernels/dot.h"
#include "tasks/search/ann_engine.h"
#include "tasks/search/nearest_centroids.h"
#include "tasks/search/passage_vectors.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kBlockRows = 16384;       // encoded at a time
constexpr std::int64_t kTrainingOfAList = 256;   // Faiss's own number
constexpr std::int64_t kMostTraining = 1 << 18;  // O: 0.4 GB of 384 values

using Progress = std::function<void(std::int64_t, std::int64_t)>;

// Every vector once, in the order of the ids. Tells what is there, and that it is what the index wrote.
struct Census {
  std::vector<std::int64_t> ids;
  std::optional<VectorSum> at_prefix;  // of the first `prefix` vectors, if there are so many
};
Census take_census(const IndexStore& store, const AnnTruth& truth, std::int64_t prefix) {
  Census census;
  VectorSum sum;
  if (prefix == 0) census.at_prefix = sum;
  store.each_vector([&](std::int64_t id, const float* vector) {
    sum.add(id, vector, truth.width);
    census.ids.push_back(id);
    if (static_cast<std::int64_t>(census.ids.size()) == prefix) census.at_prefix = sum;
  });
  if (sum != truth.sum || static_cast<std::int64_t>(census.ids.size()) != truth.passages)
    fail(Errc::kFormat,
         "{}: its vectors are not those that were written (their sum differs): another program changed it. "
         "Fix: make the index anew.",
         store.where());
  return census;
}

// The cache there is, if its graph can be added to.
std::optional<AnnCacheFile> old_graph(const fs::path& path, const AnnSettings& settings,
                                      const AnnTruth& truth) {
  if (settings.kind != AnnKind::kHnsw) return std::nullopt;
  try {
    return read_ann_cache(path, settings, truth, AnnMatch::kPrefix);
  } catch (const Error&) {
    return std::nullopt;  // it is made anew
  }
}

HnswGraph make_graph(const AnnEngine& engine, const AnnSettings& settings, HnswGraph graph,
                     PassageVectors& vectors, Cosines& cosines, const Progress& progress) {
  const std::int64_t first = graph.rows(), rows = vectors.rows();
  graph.links = settings.links;
  std::vector<std::uint8_t> levels;
  for (std::int64_t row = first; row < rows; ++row) levels.push_back(hnsw_level(row, settings.links));
  CosineDistances distances(cosines);
  engine.extend(graph, levels, settings.build_effort, distances, [&](std::int64_t row) {
    if (row % 256 == 0) {
      check_interrupt();
      if (progress) progress(row - first, rows - first);
    }
    cosines.ask(vectors.vector(row));
  });
  return graph;
}

// Vectors of length 1 in the order of the ids: visit(row, vector).
void each_unit_vector(const IndexStore& store, bool is_normalized,
                      FunctionRef<void(std::int64_t row, const float* vector)> visit) {
  const std::int64_t width = store.width();
  std::vector<float> unit(static_cast<std::size_t>(width));
  std::int64_t row = 0;
  store.each_vector([&](std::int64_t, const float* vector) {
    const float length = is_normalized ? 1.0f : std::sqrt(kernels::dot(vector, vector, width));
    for (std::int64_t c = 0; c < width; ++c)
      unit[static_cast<std::size_t>(c)] = vector[c] / std::max(1e-12f, length);
    visit(row++, unit.data());
  });
}

// Centroids and books from rows that are spread evenly over the index.
IvfPq train(const AnnEngine& engine, const AnnSettings& settings, const IndexStore& store, std::int64_t rows,
            bool is_normalized, NearestCentroids& nearest) {
  const std::int64_t width = store.width(), lists = ann_lists(settings, rows);
  const std::int64_t most = std::max(lists, std::min(kMostTraining, lists * kTrainingOfAList));
  const std::int64_t training = std::min(rows, most);
  std::vector<float> sample;
  sample.reserve(static_cast<std::size_t>(training * width));
  std::int64_t taken = 0;
  each_unit_vector(store, is_normalized, [&](std::int64_t row, const float* vector) {
    if (taken == training || row != taken * rows / training) return;
    sample.insert(sample.end(), vector, vector + width);
    ++taken;
  });
  return engine.train(sample.data(), training, width, lists, ann_bytes(settings, width), nearest);
}

IvfPq make_lists(const AnnEngine& engine, const AnnSettings& settings, const IndexStore& store,
                 std::int64_t rows, bool is_normalized, const Progress& progress) {
  NearestCentroids nearest;
  IvfPq made = train(engine, settings, store, rows, is_normalized, nearest);
  std::vector<std::vector<std::int32_t>> list_rows(static_cast<std::size_t>(made.lists));
  std::vector<std::vector<std::uint8_t>> list_codes(static_cast<std::size_t>(made.lists));
  std::vector<float> block;
  std::vector<std::int64_t> assigned(static_cast<std::size_t>(kBlockRows));
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(kBlockRows * made.bytes));
  each_unit_vector(store, is_normalized, [&](std::int64_t row, const float* vector) {
    block.insert(block.end(), vector, vector + made.width);
    const auto size = static_cast<std::int64_t>(block.size()) / made.width;
    if (size < kBlockRows && row + 1 < rows) return;
    engine.encode(made, block.data(), size, nearest, assigned.data(), codes.data());
    for (std::int64_t i = 0; i < size; ++i) {
      const auto list = static_cast<std::size_t>(assigned[static_cast<std::size_t>(i)]);
      list_rows[list].push_back(static_cast<std::int32_t>(row + 1 - size + i));
      list_codes[list].insert(list_codes[list].end(), codes.begin() + i * made.bytes,
                              codes.begin() + (i + 1) * made.bytes);
    }
    block.clear();
    if (progress) progress(row + 1, rows);
  });
  for (std::size_t list = 0; list < list_rows.size(); ++list) {
    made.list_sizes[list] = static_cast<std::uint32_t>(list_rows[list].size());
    made.list_rows.insert(made.list_rows.end(), list_rows[list].begin(), list_rows[list].end());
    made.codes.insert(made.codes.end(), list_codes[list].begin(), list_codes[list].end());
    list_codes[list] = {};  // not all of it twice
  }
  return made;
}

}  // namespace

AnnSettings ann_settings(const IndexStore& store) {
  return ann_from_text(store.meta("ann"), store.width(), store.where());
}

AnnTruth ann_truth(const IndexStore& store) {
  const auto sum = store.vector_sum();
  return {store.meta("identity"), store.number("SELECT count(*) FROM chunks"), store.width(),
          sum ? *sum : VectorSum()};
}

void verify_ann_cache(const IndexStore& store) {
  const AnnSettings settings = ann_settings(store);
  if (settings.kind == AnnKind::kNone) return;
  try {
    read_ann_cache(ann_cache_path(store.where(), settings.kind), settings, ann_truth(store));
  } catch (const Error& error) {
    if (error.code() == Errc::kFormat) throw;  // missing or stale is no damage
  }
}

AnnBuilt build_ann_cache(const IndexStore& store, bool is_normalized, const Progress& progress) {
  const Transaction transaction = store.transaction(Transaction::Kind::kRead);
  const AnnSettings settings = ann_settings(store);
  const AnnTruth truth = ann_truth(store);
  AnnBuilt built{.kind = settings.kind, .passages = truth.passages};
  remove_ann_caches(store.where(), settings.kind);  // of another kind, and what a killed writer left
  if (settings.kind == AnnKind::kNone || truth.passages == 0) return built;
  if (truth.passages > INT32_MAX)
    fail(Errc::kLimit, "{}: has {} passages, approximate search takes at most {}", store.where(),
         truth.passages, INT32_MAX);
  const AnnEngine& engine = require_ann_engine();
  const fs::path path = ann_cache_path(store.where(), settings.kind);
  std::error_code error;
  try {
    read_ann_cache(path, settings, truth);
    built.bytes = fs::file_size(path, error);
    return built;
  } catch (const Error&) {
    // missing, stale or damaged: that is what we are here for
  }
  std::optional<AnnCacheFile> old = old_graph(path, settings, truth);
  const std::int64_t prefix = old ? static_cast<std::int64_t>(old->cache.ids.size()) : 0;
  Census census = take_census(store, truth, prefix);
  const bool goes_on = old && census.at_prefix == old->sum &&
                       std::equal(old->cache.ids.begin(), old->cache.ids.end(), census.ids.begin());
  AnnCache cache{.settings = settings};
  if (settings.kind == AnnKind::kHnsw) {
    HnswGraph graph;
    if (goes_on) graph = std::get<HnswGraph>(std::move(old->cache.structure));
    old.reset();
    PassageVectors vectors(store);
    vectors.know_rows(census.ids);
    if (!goes_on) vectors.load_all();  // what is only added to reads what it meets
    built.added = vectors.rows() - graph.rows();
    Cosines cosines(vectors, truth.width, is_normalized);
    cache.structure = make_graph(engine, settings, std::move(graph), vectors, cosines, progress);
  } else {
    built.added = truth.passages;
    cache.structure = make_lists(engine, settings, store, truth.passages, is_normalized, progress);
  }
  cache.ids = std::move(census.ids);
  write_ann_cache(path, cache, truth);
  built.bytes = fs::file_size(path, error);
  return built;
}

}  // namespace lyceum
