// The approximate structures as plain data: what a cache file holds and an engine works on. Rows are passages
// in the order of their ids. Sources: HNSW, Malkov and Yashunin 2016 (arXiv:1603.09320); IVF-PQ, Jegou, Douze
// and Schmid 2011, "Product quantization for nearest neighbor search".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lyceum/error.h"

namespace lyceum {

enum class AnnKind : std::uint8_t { kNone, kHnsw, kIvfPq };
std::string_view ann_name(AnnKind kind) noexcept;  // "none", "hnsw", "ivfpq": also the file's ending
AnnKind ann_kind(std::string_view name);           // Errc::kUsage for another one

// How a structure is made. 0 stands for what fits the number of passages and the width.
struct AnnSettings {
  AnnKind kind = AnnKind::kNone;
  std::int64_t links = 32;          // hnsw: of a passage in the upper layers, twice as many in the lowest
  std::int64_t build_effort = 128;  // hnsw: passages looked at closely for each that is put in
  std::int64_t lists = 0;           // ivfpq: parts of the space; 0: 4 sqrt(different passages)
  std::int64_t bytes = 0;           // ivfpq: of a passage; divides the width; 0: about a byte for 8 values
  bool operator==(const AnnSettings&) const = default;
};
// Throws `code` for what cannot be made for vectors of this width. `where` begins the message.
void check_ann_settings(const AnnSettings& settings, std::int64_t width, Errc code, const std::string& where);
// As the index file has them.
std::string ann_text(const AnnSettings& settings);
AnnSettings ann_from_text(const std::string& text, std::int64_t width, const std::string& where);  // kFormat
std::int64_t ann_lists(const AnnSettings& settings, std::int64_t rows);   // with 0 resolved
std::int64_t ann_bytes(const AnnSettings& settings, std::int64_t width);  // with 0 resolved

// The first row with the same vector, of each row: itself where it is the first. Structures hold first rows
// only: among equal rows a graph would link each to its equals and to nothing else, and candidates would be
// the same vector again and again.
using FirstRows = std::vector<std::int32_t>;
std::int64_t count_firsts(const FirstRows& firsts);

// The graph. A row of level L has links in the layers [0, L): 2 * links places in layer 0, `links` in each
// above; a layer's links come first and -1 fills the rest. Level 0: a row that is not in the graph. The entry
// is the first row of the highest level.
struct HnswGraph {
  static constexpr int kMostLevels = 16;
  std::int64_t links = 0;
  std::vector<std::uint8_t> levels;      // [rows], from 0 to kMostLevels
  std::vector<std::int32_t> neighbours;  // row after row, layer after layer
  static std::int64_t places(std::int64_t links, int level) { return level == 0 ? 0 : links * (level + 1); }
  std::int64_t rows() const { return static_cast<std::int64_t>(levels.size()); }
};
// The level of a row: P(level > l) = links^-l. Depends on the row only, so that a graph that grows is the
// graph that is made at once.
std::uint8_t hnsw_level(std::int64_t row, std::int64_t links);

// Lists of passages near a centroid, each passage as `bytes` bytes: of what is left of its vector without the
// centroid, part by part the nearest of 256 in that part's book.
struct IvfPq {
  std::int64_t width = 0, lists = 0, bytes = 0;
  std::vector<float> centroids;           // [lists, width]
  std::vector<float> books;               // [bytes, 256, width / bytes]
  std::vector<std::uint32_t> list_sizes;  // [lists]
  std::vector<std::int32_t> list_rows;    // [first rows], list after list
  std::vector<std::uint8_t> codes;        // [first rows, bytes], in the same order
  std::int64_t rows() const { return static_cast<std::int64_t>(list_rows.size()); }
};

using AnnStructure = std::variant<std::monostate, HnswGraph, IvfPq>;

}  // namespace lyceum
