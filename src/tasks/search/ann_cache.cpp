#include "tasks/search/ann_cache.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kDigestBytes = 32;
constexpr std::array<char, 8> kMagic{'L', 'Y', 'C', 'E', 'A', 'N', 'N', '\n'};
constexpr std::uint32_t kCacheVersion = 2;

struct Header {
  std::uint32_t version = kCacheVersion, kind = 0;
  std::array<std::uint8_t, kDigestBytes> identity{};
  std::array<char, 64> sum{};
  std::int64_t passages = 0, width = 0;
  std::array<std::int64_t, 4> settings{};
};
static_assert(sizeof(Header) == 8 + kDigestBytes + 64 + 16 + 32);

std::array<std::uint8_t, kDigestBytes> digest_of(std::span<const std::byte> bytes) {
  Digest digest(Digest::Kind::kSha256);
  digest.update(bytes.data(), bytes.size());
  return digest.bytes();
}

Header header_of(const AnnSettings& s, const AnnTruth& truth) {
  Header h{.kind = static_cast<std::uint32_t>(s.kind), .passages = truth.passages, .width = truth.width};
  h.identity = digest_of(std::as_bytes(std::span(truth.identity)));
  std::copy_n(truth.sum.text().data(), h.sum.size(), h.sum.data());
  h.settings = {s.links, s.build_effort, s.lists, s.bytes};
  return h;
}

// Arrays one after another, and what they hold so far as a digest.
class Writer {
 public:
  explicit Writer(const fs::path& path) : file_(path), digest_(Digest::Kind::kSha256) {
    file_.write(kMagic.data(), kMagic.size());
    const std::array<std::uint8_t, kDigestBytes> none{};
    file_.write(none.data(), none.size());
  }
  template <class T>
  void put(std::span<const T> values) {
    file_.write(values.data(), values.size_bytes());
    digest_.update(values.data(), values.size_bytes());
  }
  void commit() {
    const auto digest = digest_.bytes();
    file_.write_at(kMagic.size(), digest.data(), digest.size());
    file_.commit();
  }

 private:
  AtomicFile file_;
  Digest digest_;
};

// The same arrays; a size is compared with what is left before anything is allocated.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& where) : left_(bytes), where_(where) {}
  template <class T>
  std::vector<T> take(std::int64_t count, const char* what) {
    if (count < 0 || static_cast<std::uint64_t>(count) > left_.size() / sizeof(T))
      fail(Errc::kFormat, "{}: '{}' has {} values, but the file has {} bytes left", where_, what, count,
           left_.size());
    std::vector<T> values(static_cast<std::size_t>(count));
    if (count > 0) std::memcpy(values.data(), left_.data(), values.size() * sizeof(T));
    left_ = left_.subspan(values.size() * sizeof(T));
    return values;
  }
  void finish() const {
    if (!left_.empty()) fail(Errc::kFormat, "{}: found {} bytes behind the end", where_, left_.size());
  }

 private:
  std::span<const std::byte> left_;
  const std::string& where_;
};

FirstRows read_firsts(Reader& reader, const std::string& where, std::int64_t rows) {
  FirstRows firsts = reader.take<std::int32_t>(rows, "first rows");
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int32_t first = firsts[static_cast<std::size_t>(row)];
    if (first < 0 || first > row || firsts[static_cast<std::size_t>(first)] != first)
      fail(Errc::kFormat, "{}: row {} is said to equal row {}, expected a first row before it", where, row,
           first);
  }
  return firsts;
}

HnswGraph read_graph(Reader& reader, const std::string& where, const FirstRows& firsts, std::int64_t links) {
  const auto rows = static_cast<std::int64_t>(firsts.size());
  HnswGraph graph{.links = links};
  graph.levels = reader.take<std::uint8_t>(rows, "levels");
  std::int64_t places = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const int level = graph.levels[static_cast<std::size_t>(row)];
    const bool is_first = firsts[static_cast<std::size_t>(row)] == row;
    const int least = is_first ? 1 : 0, most = is_first ? HnswGraph::kMostLevels : 0;
    if (level < least || level > most)
      fail(Errc::kFormat, "{}: row {} has level {}, expected {} to {}", where, row, level, least, most);
    places += HnswGraph::places(links, level);
  }
  graph.neighbours = reader.take<std::int32_t>(places, "neighbours");
  std::size_t at = 0;
  for (std::int64_t row = 0; row < rows; ++row)
    for (int layer = 0; layer < graph.levels[static_cast<std::size_t>(row)]; ++layer)
      for (std::int64_t i = layer == 0 ? -links : 0; i < links; ++i, ++at) {
        const std::int32_t other = graph.neighbours[at];
        // a row that has no place in this layer would be read behind its end
        if (other < -1 || other >= rows ||
            (other >= 0 && graph.levels[static_cast<std::size_t>(other)] <= layer))
          fail(Errc::kFormat, "{}: row {} is linked to {} in layer {}, where that has no place", where, row,
               other, layer);
      }
  return graph;
}

// Parts of vectors of length 1, or what is left of them: sums over larger ones could overflow and be no
// number.
void check_values(const std::vector<float>& values, const char* what, const std::string& where) {
  constexpr float kMost = 4;
  for (const float v : values)
    if (!(std::abs(v) <= kMost))
      fail(Errc::kFormat, "{}: '{}' holds {}, expected values from -{} to {}", where, what, v, kMost, kMost);
}

IvfPq read_lists(Reader& reader, const std::string& where, const AnnSettings& s, const FirstRows& firsts,
                 std::int64_t width) {
  const std::int64_t rows = count_firsts(firsts), all = static_cast<std::int64_t>(firsts.size());
  IvfPq made{.width = width, .lists = ann_lists(s, rows), .bytes = ann_bytes(s, width)};
  made.centroids = reader.take<float>(made.lists * width, "centroids");
  made.books = reader.take<float>(256 * width, "books");
  check_values(made.centroids, "centroids", where);
  check_values(made.books, "books", where);
  made.list_sizes = reader.take<std::uint32_t>(made.lists, "list sizes");
  std::uint64_t members = 0;
  for (const std::uint32_t size : made.list_sizes) members += size;
  if (members != static_cast<std::uint64_t>(rows))
    fail(Errc::kFormat, "{}: the lists have {} members, expected {}", where, members, rows);
  made.list_rows = reader.take<std::int32_t>(rows, "rows");
  std::vector<bool> seen(firsts.size());
  for (const std::int32_t row : made.list_rows) {
    if (row < 0 || row >= all || firsts[static_cast<std::size_t>(row)] != row ||
        seen[static_cast<std::size_t>(row)])
      fail(Errc::kFormat, "{}: row {} stands in the lists, expected each of {} first rows once", where, row,
           rows);
    seen[static_cast<std::size_t>(row)] = true;
  }
  made.codes = reader.take<std::uint8_t>(rows * made.bytes, "codes");
  return made;
}

void check_header(const Header& found, const Header& expected, AnnMatch match, const std::string& where) {
  if (found.version != kCacheVersion)
    fail(Errc::kData, "{}: found version {}, expected {}", where, found.version, kCacheVersion);
  if (found.identity != expected.identity || found.width != expected.width)
    fail(Errc::kData, "{}: it was made with another model", where);
  if (found.kind != expected.kind || found.settings != expected.settings)
    fail(Errc::kData, "{}: it was made in another way than the index asks for", where);
  const bool same = found.passages == expected.passages && found.sum == expected.sum;
  if (!same && (match == AnnMatch::kSame || found.passages > expected.passages))
    fail(Errc::kData, "{}: it is of another state of the index ({} passages, found {})", where,
         expected.passages, found.passages);
}

}  // namespace

fs::path ann_cache_path(const fs::path& index, AnnKind kind) {
  fs::path path = index;
  return path += "." + std::string(ann_name(kind));
}

bool is_ann_cache_of(const std::string& index, const std::string& path) {
  for (const AnnKind kind : {AnnKind::kHnsw, AnnKind::kIvfPq}) {
    const std::string cache = ann_cache_path(index, kind).string();
    if (path == cache || path.starts_with(cache + ".tmp-")) return true;
  }
  return false;
}

void remove_ann_caches(const fs::path& index, AnnKind except) {
  std::error_code error;
  const fs::path folder = index.has_parent_path() ? index.parent_path() : fs::path(".");
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path path = folder / entry.path().filename();
    if (is_ann_cache_of((folder / index.filename()).string(), path.string()) &&
        (except == AnnKind::kNone || path != ann_cache_path(folder / index.filename(), except)))
      gone.push_back(path);
  }
  for (const fs::path& path : gone) fs::remove(path, error);
}

void write_ann_cache(const fs::path& path, const AnnCache& cache, const AnnTruth& truth) {
  Writer writer(path);
  const Header header = header_of(cache.settings, truth);
  writer.put(std::span<const Header>(&header, 1));
  writer.put(std::span<const std::int64_t>(cache.ids));
  writer.put(std::span<const std::int32_t>(cache.firsts));
  if (const auto* graph = std::get_if<HnswGraph>(&cache.structure)) {
    writer.put(std::span<const std::uint8_t>(graph->levels));
    writer.put(std::span<const std::int32_t>(graph->neighbours));
  } else if (const auto* lists = std::get_if<IvfPq>(&cache.structure)) {
    writer.put(std::span<const float>(lists->centroids));
    writer.put(std::span<const float>(lists->books));
    writer.put(std::span<const std::uint32_t>(lists->list_sizes));
    writer.put(std::span<const std::int32_t>(lists->list_rows));
    writer.put(std::span<const std::uint8_t>(lists->codes));
  }
  writer.commit();
}

AnnCacheFile read_ann_cache(const fs::path& path, const AnnSettings& settings, const AnnTruth& truth,
                            AnnMatch match) {
  const std::string where = path.string();
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  constexpr std::size_t kBegin = kMagic.size() + kDigestBytes;
  if (bytes.size() < kBegin + sizeof(Header) || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    fail(Errc::kFormat, "{}: this is no file of approximate search", where);
  Header header;
  std::memcpy(&header, bytes.data() + kBegin, sizeof header);
  check_header(header, header_of(settings, truth), match, where);  // cheap: a stale file is not read whole
  const auto digest = digest_of(bytes.subspan(kBegin));
  if (std::memcmp(digest.data(), bytes.data() + kMagic.size(), digest.size()) != 0)
    fail(Errc::kFormat, "{}: its bytes are not those that were written (SHA-256)", where);
  const auto sum = VectorSum::parse({header.sum.data(), header.sum.size()});
  if (!sum || header.passages < 0 || header.passages > INT32_MAX)
    fail(Errc::kFormat, "{}: found {} passages, expected at most {}", where, header.passages, INT32_MAX);
  AnnCacheFile made{.cache = {.settings = settings}, .sum = *sum};
  Reader reader(bytes.subspan(kBegin + sizeof(Header)), where);
  made.cache.ids = reader.take<std::int64_t>(header.passages, "ids");
  if (std::adjacent_find(made.cache.ids.begin(), made.cache.ids.end(), std::greater_equal<>()) !=
      made.cache.ids.end())
    fail(Errc::kFormat, "{}: the ids do not ascend", where);
  made.cache.firsts = read_firsts(reader, where, header.passages);
  if (settings.kind == AnnKind::kHnsw)
    made.cache.structure = read_graph(reader, where, made.cache.firsts, settings.links);
  else
    made.cache.structure = read_lists(reader, where, settings, made.cache.firsts, header.width);
  reader.finish();
  return made;
}

}  // namespace lyceum
