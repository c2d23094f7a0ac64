#include "tasks/search/ann_structures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "base/error.h"
#include "base/random.h"

namespace lyceum {

std::int64_t count_firsts(const FirstRows& firsts) {
  std::int64_t count = 0;
  for (std::size_t row = 0; row < firsts.size(); ++row)
    count += firsts[row] == static_cast<std::int32_t>(row);
  return count;
}

std::string_view ann_name(AnnKind kind) noexcept {
  return kind == AnnKind::kHnsw ? "hnsw" : kind == AnnKind::kIvfPq ? "ivfpq" : "none";
}

AnnKind ann_kind(std::string_view name) {
  for (const AnnKind kind : {AnnKind::kNone, AnnKind::kHnsw, AnnKind::kIvfPq})
    if (name == ann_name(kind)) return kind;
  fail(Errc::kUsage, "approximate search: found '{}', expected hnsw, ivfpq or none", name);
}

void check_ann_settings(const AnnSettings& s, std::int64_t width, Errc code, const std::string& where) {
  const auto within = [&](const char* what, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value < low || value > high)
      fail(code, "{}: {}: found {}, expected {} to {}", where, what, value, low, high);
  };
  if (s.kind == AnnKind::kHnsw) {
    within("links of a passage", s.links, 2, 256);
    within("effort of making the graph", s.build_effort, 1, 10000);
  }
  if (s.kind == AnnKind::kIvfPq) {
    within("lists", s.lists, 0, 1 << 20);
    within("bytes of a passage", s.bytes, 0, width);
    if (s.bytes > 0 && width % s.bytes != 0)
      fail(code, "{}: bytes of a passage: found {}, expected a divisor of the vectors' width {}", where,
           s.bytes, width);
  }
}

std::string ann_text(const AnnSettings& s) {
  return fmt::format("{} {} {} {} {}", ann_name(s.kind), s.links, s.build_effort, s.lists, s.bytes);
}

AnnSettings ann_from_text(const std::string& text, std::int64_t width, const std::string& where) {
  if (text.empty()) return {};
  std::istringstream in(text);
  std::string name, rest;
  AnnSettings s;
  const bool read = static_cast<bool>(in >> name >> s.links >> s.build_effort >> s.lists >> s.bytes);
  const bool complete = read && !(in >> rest);
  for (const AnnKind kind : {AnnKind::kNone, AnnKind::kHnsw, AnnKind::kIvfPq})
    if (complete && name == ann_name(kind)) {
      s.kind = kind;
      check_ann_settings(s, width, Errc::kFormat, where);
      return s;
    }
  fail(Errc::kFormat, "{}: 'ann': found '{}', expected hnsw, ivfpq or none and four numbers", where, text);
}

std::int64_t ann_lists(const AnnSettings& s, std::int64_t rows) {
  const auto fitting = static_cast<std::int64_t>(4 * std::sqrt(static_cast<double>(rows)));
  return std::clamp<std::int64_t>(s.lists > 0 ? s.lists : fitting, 1, std::max<std::int64_t>(1, rows));
}

std::int64_t ann_bytes(const AnnSettings& s, std::int64_t width) {
  if (s.bytes > 0) return s.bytes;
  std::int64_t bytes = std::max<std::int64_t>(1, width / 8);
  while (width % bytes != 0) --bytes;
  return bytes;
}

std::uint8_t hnsw_level(std::int64_t row, std::int64_t links) {
  constexpr std::uint64_t kKey = 0x4C594345;  // O: any; a graph has to be the same tomorrow
  const PhiloxBlock block = philox(kKey, static_cast<std::uint64_t>(row), 0);
  const float u = unit_float(block[0]);
  int level = 1;
  float threshold = 1;
  while (level < HnswGraph::kMostLevels) {
    threshold /= static_cast<float>(links);
    if (u >= threshold || u == 0) break;  // 0 would be a member of every layer
    ++level;
  }
  return static_cast<std::uint8_t>(level);
}

}  // namespace lyceum
