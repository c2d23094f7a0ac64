// A good file of an approximate structure with changed bytes, under a digest that is right: the first byte
// chooses the graph or the lists; then three bytes for the place, one for the value; a place behind its end
// cuts it there. What is read is searched, so that a link or a row that leads nowhere would show.
#include "tasks/search/ann_cache.h"

#include <cstring>
#include <filesystem>

#include "base/digest.h"
#include "base/file.h"
#include "check/temporary_folder.h"
#include "fuzz/fuzz.h"
#include "tasks/search/ann_engine.h"
#include "tasks/search/nearest_centroids.h"

namespace {

using namespace lyceum;

constexpr std::size_t kDigestAt = 8, kDigestBytes = 32;
const AnnTruth kTruth{.identity = "model", .passages = 12, .width = 4, .sum = VectorSum()};

AnnCache good(AnnKind kind) {
  AnnCache cache{.settings = {.kind = kind, .links = 2, .lists = 3, .bytes = 2}};
  for (std::int32_t row = 0; row < kTruth.passages; ++row) {
    cache.ids.push_back(row + 1);
    cache.firsts.push_back(row);
  }
  if (kind == AnnKind::kHnsw) {
    HnswGraph graph{.links = 2};
    for (std::int32_t row = 0; row < 12; ++row) {
      graph.levels.push_back(row % 4 == 0 ? 2 : 1);
      for (const std::int32_t step : {1, 5, 11}) graph.neighbours.push_back((row + step) % 12);
      graph.neighbours.push_back(-1);
      if (row % 4 == 0) graph.neighbours.insert(graph.neighbours.end(), {(row + 4) % 12, -1});
    }
    cache.structure = graph;
  } else {
    IvfPq lists{.width = 4, .lists = 3, .bytes = 2, .list_sizes = {4, 0, 8}};
    for (int i = 0; i < 12; ++i) lists.centroids.push_back(static_cast<float>(i % 5));
    for (int i = 0; i < 1024; ++i) lists.books.push_back(static_cast<float>(i % 7));
    for (std::int32_t row = 0; row < 12; ++row) {
      lists.list_rows.push_back(11 - row);
      lists.codes.insert(lists.codes.end(), {static_cast<std::uint8_t>(row), 255});
    }
    cache.structure = lists;
  }
  return cache;
}

class Distances final : public AnnDistances {
 public:
  float to_query(std::int64_t row) override { return check(row) * 0.5f; }
  float between(std::int64_t row, std::int64_t other) override { return check(row) - check(other); }

 private:
  static float check(std::int64_t row) {
    fuzz::require(row >= 0 && row < kTruth.passages, "a structure that was read leads to its own rows only");
    return static_cast<float>(row);
  }
};

void search(AnnCache cache) {
  const AnnEngine* const engine = ann_engine();
  if (engine == nullptr) return;
  NearestCentroids nearest;
  std::unique_ptr<AnnSearcher> searcher;
  if (auto* graph = std::get_if<HnswGraph>(&cache.structure))
    searcher = engine->open(std::move(*graph));
  else
    searcher = engine->open(std::get<IvfPq>(std::move(cache.structure)), nearest);
  const float query[] = {0.5f, 0.5f, 0.5f, 0.5f};
  Distances distances;
  for (const std::int32_t row :
       searcher->search({.vector = query, .distances = &distances, .most = 5, .lists = 2}))
    distances.to_query(row);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const check::TemporaryFolder folder;
  if (size == 0) return 0;
  const AnnCache cache = good(data[0] % 2 == 0 ? AnnKind::kHnsw : AnnKind::kIvfPq);
  const std::filesystem::path path = folder / "cache";
  write_ann_cache(path, cache, kTruth);
  std::string bytes = read_text(path);
  for (++data, --size; size >= 4 && !bytes.empty(); data += 4, size -= 4) {
    const std::size_t at =
        data[0] | static_cast<std::size_t>(data[1]) << 8 | static_cast<std::size_t>(data[2]) << 16;
    if (at < bytes.size())
      bytes[at] = static_cast<char>(data[3]);
    else
      bytes.resize(at % bytes.size());
  }
  if (bytes.size() >= kDigestAt + kDigestBytes) {
    Digest digest(Digest::Kind::kSha256);
    digest.update(bytes.data() + kDigestAt + kDigestBytes, bytes.size() - kDigestAt - kDigestBytes);
    std::memcpy(bytes.data() + kDigestAt, digest.bytes().data(), kDigestBytes);
  }
  check::write_file(path, bytes);
  fuzz::answer([&] { search(read_ann_cache(path, cache.settings, kTruth).cache); });
  return 0;
}
