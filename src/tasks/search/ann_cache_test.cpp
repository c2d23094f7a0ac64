// The file of an approximate structure, without any engine: what is written is read, and nothing else is.
#include "tasks/search/ann_cache.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/digest.h"
#include "base/file.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::expect_error;

// Places in the file, as ann_cache.h describes it.
constexpr std::size_t kDigestAt = 8, kVersionAt = 40, kPassagesAt = kVersionAt + 8 + 32 + 64;
constexpr std::size_t kIdsAt = kPassagesAt + 16 + 32, kFirstsAt = kIdsAt + 3 * 8;

struct AnnFile : testing::Test {
  check::TemporaryFolder t;
  fs::path path = t / "x.index.hnsw";
  AnnSettings graph_settings{.kind = AnnKind::kHnsw, .links = 2, .build_effort = 5};
  AnnSettings list_settings{.kind = AnnKind::kIvfPq, .lists = 2, .bytes = 2};
  AnnTruth truth{.identity = "model-1", .passages = 3, .width = 4, .sum = VectorSum()};
  // row 1 has a second layer: 4 places below and 2 above
  AnnCache graph{
      .settings = graph_settings,
      .ids = {1, 5, 9},
      .firsts = {0, 1, 2},
      .structure = HnswGraph{
          .links = 2, .levels = {1, 2, 1}, .neighbours = {1, 2, -1, -1, 0, 2, -1, -1, -1, -1, 0, 1, -1, -1}}};
  AnnCache lists{.settings = list_settings,
                 .ids = {1, 5, 9},
                 .firsts = {0, 1, 2},
                 .structure = IvfPq{.width = 4,
                                    .lists = 2,
                                    .bytes = 2,
                                    .centroids = {1, 0, 0, 0, 0, 1, 0, 0},
                                    .books = std::vector<float>(256 * 4, 0.5f),
                                    .list_sizes = {1, 2},
                                    .list_rows = {2, 0, 1},
                                    .codes = {1, 2, 3, 4, 5, 255}}};

  const AnnSettings& settings_of(const AnnCache& cache) const {
    return &cache == &graph ? graph_settings : list_settings;
  }
  AnnCacheFile read(const AnnCache& as, AnnMatch match = AnnMatch::kSame) const {
    return read_ann_cache(path, settings_of(as), truth, match);
  }
  // Changed bytes under a digest that is right: what somebody can make who wants to do harm.
  template <class T>
  void forge(const AnnCache& cache, std::size_t at, T value) const {
    write_ann_cache(path, cache, truth);
    std::string bytes = read_text(path);
    ASSERT_LE(at + sizeof value, bytes.size());
    std::memcpy(bytes.data() + at, &value, sizeof value);
    seal(bytes);
  }
  void seal(std::string bytes) const {
    Digest digest(Digest::Kind::kSha256);
    digest.update(bytes.data() + kVersionAt, bytes.size() - kVersionAt);
    std::memcpy(bytes.data() + kDigestAt, digest.bytes().data(), 32);
    check::write_file(path, bytes);
  }
};

TEST_F(AnnFile, WhatIsWrittenIsRead) {
  write_ann_cache(path, graph, truth);
  const AnnCacheFile a = read(graph);
  EXPECT_EQ(a.cache.ids, graph.ids);
  EXPECT_EQ(a.cache.firsts, graph.firsts);
  EXPECT_EQ(a.cache.settings, graph_settings);
  EXPECT_EQ(a.sum, truth.sum);
  EXPECT_EQ(std::get<HnswGraph>(a.cache.structure).levels, std::get<HnswGraph>(graph.structure).levels);
  EXPECT_EQ(std::get<HnswGraph>(a.cache.structure).neighbours,
            std::get<HnswGraph>(graph.structure).neighbours);
  write_ann_cache(path, lists, truth);
  const IvfPq b = std::get<IvfPq>(read(lists).cache.structure), &written = std::get<IvfPq>(lists.structure);
  EXPECT_EQ(b.centroids, written.centroids);
  EXPECT_EQ(b.books, written.books);
  EXPECT_EQ(b.list_sizes, written.list_sizes);
  EXPECT_EQ(b.list_rows, written.list_rows);
  EXPECT_EQ(b.codes, written.codes);
}

TEST_F(AnnFile, AChangedByteIsNoticed) {
  for (const AnnCache* cache : {&graph, &lists}) {
    write_ann_cache(path, *cache, truth);
    const std::string good = read_text(path);
    for (std::size_t at = 0; at < good.size(); at += at < 400 ? 1 : 17) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      check::write_file(path, bad);
      EXPECT_THROW(read(*cache), Error) << "byte " << at;
    }
    check::write_file(path, good);
    EXPECT_NO_THROW(read(*cache));
  }
}

TEST_F(AnnFile, ACutAndAnAdditionAreNoticed) {
  for (const AnnCache* cache : {&graph, &lists}) {
    write_ann_cache(path, *cache, truth);
    const std::string good = read_text(path);
    for (std::size_t size = 0; size < good.size(); size += size < kIdsAt + 100 ? 1 : 97) {
      check::write_file(path, good.substr(0, size));
      EXPECT_THROW(read(*cache), Error) << size << " bytes";
      if (size <= kVersionAt) continue;
      seal(good.substr(0, size));  // the digest may be right for what is left
      EXPECT_THROW(read(*cache), Error) << size << " bytes";
    }
    seal(good + "x");
    expect_error(Errc::kFormat, "behind the end", [&] { read(*cache); });
  }
  expect_error(Errc::kIo, path.string(), [&] {
    fs::remove(path);
    read(graph);
  });
}

TEST_F(AnnFile, AnotherTruthIsRefusedBeforeTheFileIsRead) {
  write_ann_cache(path, graph, truth);
  const std::vector<float> vector{1, 2, 3, 4};
  const AnnTruth before = truth;
  truth.sum.add(1, vector.data(), 4);
  expect_error(Errc::kData, "another state", [&] { read(graph); });
  EXPECT_NO_THROW(read(graph, AnnMatch::kPrefix));
  truth.passages = 2;
  expect_error(Errc::kData, "3", [&] { read(graph, AnnMatch::kPrefix); });
  truth = before;
  truth.identity = "model-2";
  expect_error(Errc::kData, "another model", [&] { read(graph, AnnMatch::kPrefix); });
  truth = before;
  truth.width = 8;
  expect_error(Errc::kData, "another model", [&] { read(graph); });
  truth = before;
  graph_settings.build_effort = 6;
  expect_error(Errc::kData, "another way", [&] { read(graph); });
  expect_error(Errc::kData, "another way", [&] { read(lists); });
}

// The digest is right: what remains are the checks.
TEST_F(AnnFile, AForgedGraphIsRefused) {
  const std::size_t levels = kFirstsAt + 3 * 4, links = levels + 3;
  forge<std::uint32_t>(graph, kVersionAt, 3);
  expect_error(Errc::kData, "version 3", [&] { read(graph); });
  forge<std::int64_t>(graph, kIdsAt + 8, 1);
  expect_error(Errc::kFormat, "ascend", [&] { read(graph); });
  for (const int level : {0, 17, 255}) {
    forge<std::uint8_t>(graph, levels, static_cast<std::uint8_t>(level));
    expect_error(Errc::kFormat, "level", [&] { read(graph); });
  }
  forge<std::uint8_t>(graph, levels, 16);  // more places than the file has
  expect_error(Errc::kFormat, "bytes left", [&] { read(graph); });
  for (const std::int32_t row : {3, -2, INT32_MAX, INT32_MIN}) {
    forge<std::int32_t>(graph, links + 4, row);
    expect_error(Errc::kFormat, "linked", [&] { read(graph); });
  }
  forge<std::int32_t>(graph, links + 8 * 4, 0);  // row 0 has no place in layer 1
  expect_error(Errc::kFormat, "layer 1", [&] { read(graph); });
  forge<std::int32_t>(graph, links + 8 * 4, 1);
  EXPECT_NO_THROW(read(graph)) << "row 1 has one";
}

TEST_F(AnnFile, ForgedListsAreRefused) {
  const std::size_t centroids = kFirstsAt + 3 * 4, books = centroids + 8 * 4, sizes = books + 1024 * 4,
                    rows = sizes + 2 * 4;
  for (const std::size_t at : {centroids, books + 4})
    for (const float value : {NAN, INFINITY, -5.0f}) {
      forge<float>(lists, at, value);
      expect_error(Errc::kFormat, "values from", [&] { read(lists); });
    }
  for (const std::uint32_t size : {0u, 3u, UINT32_MAX}) {
    forge<std::uint32_t>(lists, sizes, size);
    expect_error(Errc::kFormat, "members", [&] { read(lists); });
  }
  for (const std::int32_t row : {3, -1, 0}) {  // the last stands there already
    forge<std::int32_t>(lists, rows, row);
    expect_error(Errc::kFormat, "each of 3 first rows once", [&] { read(lists); });
  }
}

TEST_F(AnnFile, EqualRowsAreOutsideOfTheStructureAndForgedOnesAreRefused) {
  graph.firsts = lists.firsts = {0, 1, 0};
  auto& made = std::get<HnswGraph>(graph.structure);
  made.levels = {1, 2, 0};
  made.neighbours = {1, -1, -1, -1, 0, -1, -1, -1, -1, -1};
  auto& kept = std::get<IvfPq>(lists.structure);
  kept.list_sizes = {1, 1};
  kept.list_rows = {1, 0};
  kept.codes = {1, 2, 3, 4};
  for (const AnnCache* cache : {&graph, &lists}) {
    write_ann_cache(path, *cache, truth);
    EXPECT_EQ(read(*cache).cache.firsts, cache->firsts);
    for (const std::int32_t first : {-1, 2, 3, INT32_MAX}) {
      forge<std::int32_t>(*cache, kFirstsAt + 4, first);
      expect_error(Errc::kFormat, "row 1 is said to equal", [&] { read(*cache); });
    }
    forge<std::int32_t>(*cache, kFirstsAt + 4, 0);  // row 1 stands in the structure
    EXPECT_THROW(read(*cache), Error);
    forge<std::int32_t>(*cache, kFirstsAt + 8, 2);  // row 2 does not
    EXPECT_THROW(read(*cache), Error);
  }
  forge<std::int32_t>(graph, kFirstsAt + 12 + 3, 2);  // a link to row 2
  expect_error(Errc::kFormat, "linked to 2", [&] { read(graph); });
  forge<std::int32_t>(lists, kFirstsAt + 12 + (8 + 1024) * 4 + 2 * 4, 2);
  expect_error(Errc::kFormat, "row 2 stands in the lists", [&] { read(lists); });
}

TEST_F(AnnFile, SizesAreComparedWithTheFileBeforeAnythingIsAllocated) {
  for (const std::int64_t passages : {std::int64_t{1000}, std::int64_t{INT32_MAX}, std::int64_t{1} << 40,
                                      std::numeric_limits<std::int64_t>::max()})
    for (const AnnCache* cache : {&graph, &lists}) {
      forge<std::int64_t>(*cache, kPassagesAt, passages);
      truth.passages = passages;
      expect_error(Errc::kFormat, passages > INT32_MAX ? "at most" : "has", [&] { read(*cache); });
      truth.passages = 3;
    }
  forge<std::int64_t>(graph, kPassagesAt, -1);
  truth.passages = -1;
  expect_error(Errc::kFormat, "-1", [&] { read(graph); });
}

TEST_F(AnnFile, KnowsItsOwnNames) {
  EXPECT_TRUE(is_ann_cache_of("/a/x.index", "/a/x.index.hnsw"));
  EXPECT_TRUE(is_ann_cache_of("/a/x.index", "/a/x.index.ivfpq.tmp-17-0"));
  EXPECT_FALSE(is_ann_cache_of("/a/x.index", "/a/x.index.hnsw.md"));
  EXPECT_FALSE(is_ann_cache_of("/a/x.index", "/a/x.index"));
  EXPECT_FALSE(is_ann_cache_of("/a/x.index", "/a/y.index.hnsw"));
  for (const char* name : {"x.index", "x.index.hnsw", "x.index.ivfpq.tmp-1-2", "x.index.md", "y.index.hnsw"})
    check::write_file(t / name, "x");
  remove_ann_caches(t / "x.index", AnnKind::kHnsw);
  EXPECT_TRUE(fs::exists(t / "x.index.hnsw"));
  EXPECT_FALSE(fs::exists(t / "x.index.ivfpq.tmp-1-2"));
  remove_ann_caches(t / "x.index");
  EXPECT_FALSE(fs::exists(t / "x.index.hnsw"));
  for (const char* name : {"x.index", "x.index.md", "y.index.hnsw"})
    EXPECT_TRUE(fs::exists(t / name)) << name;
}

TEST(AnnSettings, AreWrittenAndReadAndResolved) {
  const AnnSettings s{.kind = AnnKind::kIvfPq, .links = 8, .build_effort = 9, .lists = 10, .bytes = 6};
  EXPECT_EQ(ann_from_text(ann_text(s), 24, "x"), s);
  EXPECT_EQ(ann_from_text("", 24, "x"), AnnSettings());
  EXPECT_EQ(ann_lists({}, 1'000'000), 4000);
  EXPECT_EQ(ann_lists({.lists = 100}, 7), 7) << "no more than passages";
  EXPECT_EQ(ann_bytes({}, 384), 48);
  EXPECT_EQ(ann_bytes({}, 100), 10) << "a divisor";
  EXPECT_EQ(ann_bytes({}, 7), 1);
  expect_error(Errc::kUsage, "expected hnsw", [] { ann_kind("tree"); });
}

TEST(HnswLevel, FollowsTheGeometricLawAndDependsOnTheRowOnly) {
  constexpr std::int64_t kRows = 100'000, kLinks = 8;
  std::vector<std::int64_t> above(HnswGraph::kMostLevels + 1);
  for (std::int64_t row = 0; row < kRows; ++row) {
    const int level = hnsw_level(row, kLinks);
    ASSERT_GE(level, 1);
    ASSERT_LE(level, HnswGraph::kMostLevels);
    ASSERT_EQ(level, hnsw_level(row, kLinks));
    for (int l = 1; l <= level; ++l) ++above[static_cast<std::size_t>(l)];
  }
  double expected = kRows;
  for (std::size_t level = 1; level <= 4; ++level, expected /= kLinks)
    // a binomial count lies within five deviations
    EXPECT_NEAR(static_cast<double>(above[level]), expected, 5 * std::sqrt(expected) + 1) << level;
}

}  // namespace
}  // namespace lyceum
