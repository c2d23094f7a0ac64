#include "tasks/search/ann_build.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "base/digest.h"
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

// The first row of each vector, by 128 bits of its SHA-256.
class FirstOfEqual {
 public:
  explicit FirstOfEqual(std::int64_t width) : bytes_(static_cast<std::size_t>(width) * sizeof(float)) {}
  std::int32_t of(const float* vector, std::int32_t row) {
    digest_.update(vector, bytes_);
    Key key;
    std::memcpy(&key, digest_.bytes().data(), sizeof key);
    return rows_.try_emplace(key, row).first->second;
  }

 private:
  using Key = std::array<std::uint64_t, 2>;
  struct Hash {
    std::size_t operator()(const Key& key) const { return key[0]; }
  };
  std::size_t bytes_;
  Digest digest_{Digest::Kind::kSha256};
  std::unordered_map<Key, std::int32_t, Hash> rows_;
};

// Every vector once, in the order of the ids. Tells what is there, and that it is what the index wrote.
struct Census {
  std::vector<std::int64_t> ids;
  FirstRows firsts;
  std::optional<VectorSum> at_prefix;  // of the first `prefix` vectors, if there are so many
};
Census take_census(const IndexStore& store, const AnnTruth& truth, std::int64_t prefix) {
  Census census;
  VectorSum sum;
  FirstOfEqual first(truth.width);
  if (prefix == 0) census.at_prefix = sum;
  store.each_vector([&](std::int64_t id, const float* vector) {
    sum.add(id, vector, truth.width);
    census.firsts.push_back(first.of(vector, static_cast<std::int32_t>(census.ids.size())));
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
                     const FirstRows& firsts, PassageVectors& vectors, Cosines& cosines,
                     const Progress& progress) {
  const std::int64_t first = graph.rows(), rows = vectors.rows();
  graph.links = settings.links;
  std::vector<std::uint8_t> levels;
  for (std::int64_t row = first; row < rows; ++row)
    levels.push_back(firsts[static_cast<std::size_t>(row)] == row ? hnsw_level(row, settings.links) : 0);
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

// Vectors of length 1 in the order of the ids, each once.
void each_unit_vector(const IndexStore& store, const FirstRows& firsts, bool is_normalized,
                      FunctionRef<void(std::int64_t row, const float* vector)> visit) {
  const std::int64_t width = store.width();
  std::vector<float> unit(static_cast<std::size_t>(width));
  std::int64_t row = -1;
  store.each_vector([&](std::int64_t, const float* vector) {
    ++row;
    if (firsts[static_cast<std::size_t>(row)] != row) return;
    const float length = is_normalized ? 1.0f : std::sqrt(kernels::dot(vector, vector, width));
    for (std::int64_t c = 0; c < width; ++c)
      unit[static_cast<std::size_t>(c)] = vector[c] / std::max(1e-12f, length);
    visit(row, unit.data());
  });
}

// Centroids and books from rows that are spread evenly over the index.
IvfPq train(const AnnEngine& engine, const AnnSettings& settings, const IndexStore& store,
            const FirstRows& firsts, bool is_normalized, NearestCentroids& nearest) {
  const std::int64_t rows = count_firsts(firsts), width = store.width(), lists = ann_lists(settings, rows);
  const std::int64_t most = std::max(lists, std::min(kMostTraining, lists * kTrainingOfAList));
  const std::int64_t training = std::min(rows, most);
  std::vector<float> sample;
  sample.reserve(static_cast<std::size_t>(training * width));
  std::int64_t taken = 0, seen = 0;
  each_unit_vector(store, firsts, is_normalized, [&](std::int64_t, const float* vector) {
    if (taken == training || seen++ != taken * rows / training) return;
    sample.insert(sample.end(), vector, vector + width);
    ++taken;
  });
  return engine.train(sample.data(), training, width, lists, ann_bytes(settings, width), nearest);
}

IvfPq make_lists(const AnnEngine& engine, const AnnSettings& settings, const IndexStore& store,
                 const FirstRows& firsts, bool is_normalized, const Progress& progress) {
  NearestCentroids nearest;
  IvfPq made = train(engine, settings, store, firsts, is_normalized, nearest);
  std::vector<std::vector<std::int32_t>> list_rows(static_cast<std::size_t>(made.lists));
  std::vector<std::vector<std::uint8_t>> list_codes(static_cast<std::size_t>(made.lists));
  const std::int64_t rows = count_firsts(firsts);
  std::int64_t done = 0;
  std::vector<float> block;
  std::vector<std::int32_t> block_rows;
  std::vector<std::int64_t> assigned(static_cast<std::size_t>(kBlockRows));
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(kBlockRows * made.bytes));
  each_unit_vector(store, firsts, is_normalized, [&](std::int64_t row, const float* vector) {
    block.insert(block.end(), vector, vector + made.width);
    block_rows.push_back(static_cast<std::int32_t>(row));
    const auto size = static_cast<std::int64_t>(block_rows.size());
    ++done;
    if (size < kBlockRows && done < rows) return;
    engine.encode(made, block.data(), size, nearest, assigned.data(), codes.data());
    for (std::int64_t i = 0; i < size; ++i) {
      const auto list = static_cast<std::size_t>(assigned[static_cast<std::size_t>(i)]);
      list_rows[list].push_back(block_rows[static_cast<std::size_t>(i)]);
      list_codes[list].insert(list_codes[list].end(), codes.begin() + i * made.bytes,
                              codes.begin() + (i + 1) * made.bytes);
    }
    block.clear();
    block_rows.clear();
    if (progress) progress(done, rows);
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
  if (!sum) fail(Errc::kData, "{}: is of version 1, which knows no approximate search", store.where());
  return {store.meta("identity"), store.number("SELECT count(*) FROM chunks"), store.width(), *sum};
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
    cache.structure =
        make_graph(engine, settings, std::move(graph), census.firsts, vectors, cosines, progress);
  } else {
    built.added = truth.passages;
    cache.structure = make_lists(engine, settings, store, census.firsts, is_normalized, progress);
  }
  cache.ids = std::move(census.ids);
  cache.firsts = std::move(census.firsts);
  write_ann_cache(path, cache, truth);
  built.bytes = fs::file_size(path, error);
  return built;
}

}  // namespace lyceum
