// Approximate search as a whole: what is found, when a structure is believed, what it costs to keep.
#include <sqlite3.h>

#include <fstream>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "tasks/search/ann_test_index.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::expect_error;

struct AnnSearch : testing::TestWithParam<AnnKind>, AnnIndex {
  void SetUp() override {
    std::string trouble;
    if (ann_engine(&trouble) == nullptr) {
      ASSERT_FALSE(LYCEUM_WITH_ANN) << trouble;
      GTEST_SKIP() << trouble;
    }
    write_notes(0, 400);
    update();
  }
  AnnSettings settings{.kind = GetParam(), .links = 8, .build_effort = 40};
  fs::path path = cache(GetParam());

  struct Answer {
    std::vector<SearchHit> hits;
    SearchReport report;
  };
  Answer ask(const std::string& query, const SearchOptions& options = {}) const {
    Answer answer;
    answer.hits = SearchIndex::open(file).search(query, words, options, &answer.report);
    return answer;
  }
  // As if the index had nothing but its passages.
  void expect_exact(const std::string& trouble) const {
    for (const std::string& query : {sentence(7), std::string("word1 word2")}) {
      const Answer answer = ask(query, {.effort = 60});
      EXPECT_EQ(answer.hits, ask(query, {.exact = true}).hits);
      EXPECT_FALSE(answer.report.approximate);
      EXPECT_NE(answer.report.trouble.find(trouble), std::string::npos) << answer.report.trouble;
    }
  }
  void expect_approximate() const {
    const Answer answer = ask(sentence(7), {.effort = 60});
    EXPECT_TRUE(answer.report.approximate) << answer.report.trouble;
    EXPECT_EQ(answer.report.trouble, "");
    EXPECT_EQ(answer.hits.size(), 10u);
    EXPECT_EQ(answer.hits[0], ask(sentence(7), {.exact = true}).hits[0]);
  }
  std::string bytes() const { return read_text(path); }
  void sql(const std::string& statement) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, AnnSearch, testing::Values(AnnKind::kHnsw, AnnKind::kIvfPq),
                         [](const auto& kind) { return std::string(ann_name(kind.param)); });

TEST_P(AnnSearch, FindsNearlyAllOfTheBestWithTheScoresAndTheOrderOfTheExactSearch) {
  for (const bool normalized : {true, false}) {
    words = WordVectors(normalized);
    fs::remove(file);
    update();
    build(settings);
    const SearchIndex index = SearchIndex::open(file);
    std::size_t found = 0, wanted = 0;
    for (std::uint64_t q = 0; q < 100; ++q) {
      const std::string query = sentence(5000 + q);
      SearchReport report;
      const auto hits = index.search(query, words, {.effort = 80}, &report);
      ASSERT_TRUE(report.approximate) << report.trouble;
      const auto all = index.search(query, words, {.top = 400, .exact = true});
      ASSERT_EQ(hits.size(), 10u);
      auto at = all.begin();  // hits are some of all, in the same order, bit for bit
      for (const SearchHit& hit : hits) {
        at = std::find(at, all.end(), hit);
        ASSERT_NE(at, all.end()) << hit.file << " " << hit.score;
        found += at - all.begin() < 10;
        ++at;
      }
      wanted += 10;
    }
    // 80 of 400 are looked at closely: chance would find 0.2 of the best. Codes of 3 bytes lose more than
    // links.
    EXPECT_GE(static_cast<double>(found) / static_cast<double>(wanted), 0.9) << "normalized " << normalized;
  }
}

TEST_P(AnnSearch, AnEffortOfAllPassagesIsTheExactSearch) {
  build(settings);
  for (std::uint64_t q = 0; q < 20; ++q) {
    const auto exact = ask(sentence(6000 + q), {.top = 20, .exact = true});
    EXPECT_EQ(ask(sentence(6000 + q), {.top = 20, .effort = 400}).hits, exact.hits);
    EXPECT_EQ(ask(sentence(6000 + q), {.top = 500}).hits.size(), 400u) << "as many as there are";
  }
  EXPECT_FALSE(ask("word1", {.exact = true}).report.approximate);
}

TEST_P(AnnSearch, HybridSearchJoinsTheCandidatesWithTheWords) {
  write_notes(400, 1200);
  update();
  build(settings);
  const Answer answer = ask("word3 word4", {.hybrid = true});
  const auto exact = ask("word3 word4", {.hybrid = true, .exact = true}).hits;
  EXPECT_TRUE(answer.report.approximate);
  ASSERT_EQ(answer.hits.size(), 10u);
  EXPECT_EQ(answer.hits[0], exact[0]);
}

TEST_P(AnnSearch, EveryChangeOfThePassagesIsNoticedUntilTheStructureIsBroughtUpToDate) {
  EXPECT_EQ(build(settings).added, 400);
  expect_approximate();
  EXPECT_EQ(build().added, 0) << "nothing changed";

  write_notes(400, 410);  // added
  update();
  expect_exact("another state");
  EXPECT_EQ(ask(sentence(405), {.effort = 60}).hits[0].text, sentence(405));
  EXPECT_EQ(build().passages, 410);
  expect_approximate();

  fs::remove(notes / "00405.md");  // deleted
  update();
  expect_exact("another state");
  EXPECT_NE(ask(sentence(405), {.effort = 60}).hits[0].text, sentence(405));
  EXPECT_EQ(build().added, 409) << "all anew";
  expect_approximate();
  EXPECT_NE(ask(sentence(405), {.effort = 60}).hits[0].text, sentence(405));

  check::write_file(notes / "00003.md", sentence(9999));  // changed; as many passages as before
  update();
  expect_exact("another state");
  build();
  EXPECT_EQ(ask(sentence(9999), {.effort = 60}).hits[0].text, sentence(9999));

  SearchIndex index = writer();
  index.remove(std::vector<fs::path>{notes / "00004.md"});
  expect_exact("another state");
}

TEST_P(AnnSearch, AnOpenReaderSeesWhatOthersWrite) {
  build(settings);
  const SearchIndex reader = SearchIndex::open(file);
  SearchReport report;
  reader.search("word1", words, {.effort = 60}, &report);
  EXPECT_TRUE(report.approximate);
  write_notes(400, 401);
  update();
  EXPECT_EQ(reader.search(sentence(400), words, {.effort = 60}, &report)[0].text, sentence(400));
  EXPECT_FALSE(report.approximate);
  build();
  check::write_file(notes / "00401.md", sentence(401));
  update();
  build();
  EXPECT_EQ(reader.search(sentence(401), words, {.effort = 60}, &report)[0].text, sentence(401));
  EXPECT_TRUE(report.approximate) << report.trouble;
}

TEST_P(AnnSearch, WithoutItsFileTheIndexLosesNothing) {
  build(settings);
  const std::string before = bytes();
  fs::remove(path);
  expect_exact("x.index." + std::string(ann_name(GetParam())));
  EXPECT_EQ(build().added, 400);
  EXPECT_EQ(bytes(), before);
}

TEST_P(AnnSearch, ADamagedOrCutFileIsNotUsedAndMadeAnew) {
  build(settings);
  const std::string good = bytes();
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 4);
  for (const std::string& bad :
       {flipped, good.substr(0, good.size() / 3), std::string(), std::string(5000, 'x')}) {
    check::write_file(path, bad);
    expect_exact(path.string());
    expect_error(Errc::kFormat, path.string(), [&] { SearchIndex::open(file).verify(); });
    EXPECT_EQ(build().added, 400);
    EXPECT_EQ(bytes(), good);
    SearchIndex::open(file).verify();
  }
}

TEST_P(AnnSearch, AFileOfAnotherIndexOrModelIsNotUsed) {
  build(settings);
  AnnIndex other;
  other.write_notes(1000, 1400);
  other.update();
  other.build(settings);
  fs::copy_file(other.cache(GetParam()), path, fs::copy_options::overwrite_existing);
  expect_exact("another state");

  // the same passages by another model
  AnnIndex same;
  same.words = WordVectors(true, "words-2");
  same.write_notes(0, 400);
  same.update();
  same.build(settings);
  fs::copy_file(same.cache(GetParam()), path, fs::copy_options::overwrite_existing);
  expect_exact("another model");
}

TEST_P(AnnSearch, ThePassagesOfACopyAreTheSamePassages) {
  build(settings);
  fs::create_directory(t / "copy");
  fs::copy_file(file, t / "copy/y.index");
  fs::copy_file(path, ann_cache_path(t / "copy/y.index", GetParam()));
  SearchReport report;
  SearchIndex::open(t / "copy/y.index").search("word1", words, {.effort = 60}, &report);
  EXPECT_TRUE(report.approximate) << report.trouble;
}

TEST_P(AnnSearch, OtherSettingsMakeAnotherStructureAndNoneRemovesIt) {
  build(settings);
  const std::string before = bytes();
  AnnSettings other = settings;
  other.links = 4;
  other.bytes = 4;
  EXPECT_EQ(build(other).added, 400);
  EXPECT_NE(bytes(), before);
  expect_approximate();
  check::write_file(path.string() + ".tmp-1-0", "what a killed writer left");
  const AnnKind another = GetParam() == AnnKind::kHnsw ? AnnKind::kIvfPq : AnnKind::kHnsw;
  EXPECT_EQ(build({.kind = another, .links = 8, .build_effort = 40}).added, 400);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(fs::exists(path.string() + ".tmp-1-0"));
  EXPECT_TRUE(fs::exists(cache(another)));
  build({.kind = AnnKind::kNone});
  EXPECT_FALSE(fs::exists(cache(another)));
  expect_exact("");
  EXPECT_TRUE(fs::exists(file));
}

TEST_P(AnnSearch, TheSameBytesForAnyNumberOfThreads) {
  std::string first;
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    fs::remove(path);
    build(settings);
    if (first.empty()) first = bytes();
    EXPECT_EQ(bytes() == first, true) << threads << " threads";
  }
  set_thread_count(0);
}

TEST_P(AnnSearch, TheIndexDoesNotIndexItsOwnFiles) {
  file = notes / "x.index";
  path = cache(GetParam());
  update();
  build(settings);
  check::write_file(path.string() + ".tmp-1-0", "what a killed writer left");
  SearchIndex index = writer();
  const UpdateStats stats = index.update(std::vector<fs::path>{notes}, words);
  EXPECT_EQ(stats.skipped, 0);
  EXPECT_EQ(stats.added, 0);
  EXPECT_EQ(index.files(), 400);
}

TEST_P(AnnSearch, AnInterruptedBuildLeavesWhatWasThere) {
  build(settings);
  const std::string before = bytes();
  write_notes(400, 700);
  update();
  SearchIndex index = writer();
  request_interrupt();
  expect_error(Errc::kInterrupted, "", [&] { index.build_approximate(words); });
  clear_interrupt();
  EXPECT_EQ(bytes(), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(t.path()), fs::directory_iterator()), 4)
      << "notes, index, lock and structure; no half file";
  EXPECT_EQ(index.build_approximate(words).passages, 700);
}

TEST_P(AnnSearch, SmallIndexesAndEqualPassages) {
  for (const int passages : {0, 1, 2, 3, 20}) {
    SCOPED_TRACE(passages);
    fs::remove_all(notes);
    fs::create_directories(notes);
    for (int i = 0; i < passages; ++i) check::write_file(notes / fmt::format("{}.md", i), "word1 word2.");
    fs::remove(file);
    update();
    build(settings);
    const Answer answer = ask("word1 word2", {.top = 1, .effort = 1});
    EXPECT_EQ(answer.hits.size(), passages > 0 ? 1u : 0u);
    EXPECT_EQ(ask("word1", {.top = 2, .effort = 2}).hits.size(),
              static_cast<std::size_t>(std::min(passages, 2)));
    EXPECT_EQ(answer.report.trouble, "");
  }
}

// What lines that every file begins with are: a graph over them all has its links among equals.
TEST_P(AnnSearch, ManyEqualPassagesHideNeitherOthersNorEachOther) {
  for (int i = 400; i < 1600; ++i)
    check::write_file(notes / fmt::format("{:05}.md", i), sentence(static_cast<std::uint64_t>(i % 4)));
  update();
  EXPECT_EQ(build(settings).passages, 1600);
  const SearchIndex index = SearchIndex::open(file);
  std::size_t found = 0, wanted = 0;
  for (std::uint64_t q = 0; q < 60; ++q) {
    SearchReport report;
    const auto hits = index.search(sentence(5000 + q), words, {.effort = 60}, &report);
    ASSERT_TRUE(report.approximate) << report.trouble;
    const auto best = index.search(sentence(5000 + q), words, {.exact = true});
    for (const SearchHit& hit : hits) found += hit.score >= best.back().score;
    wanted += best.size();
  }
  EXPECT_GE(static_cast<double>(found) / static_cast<double>(wanted), 0.85);
  const auto equal = index.search(sentence(2), words, {.top = 301, .effort = 60});
  ASSERT_EQ(equal.size(), 301u) << "all of them, from one candidate";
  for (const SearchHit& hit : equal) EXPECT_EQ(hit.text, sentence(2));
  EXPECT_EQ(equal, index.search(sentence(2), words, {.top = 301, .exact = true}));
}

TEST_P(AnnSearch, VectorsThatAnotherProgramChangedAreNoticed) {
  sql("UPDATE chunks SET vector = (SELECT vector FROM chunks WHERE id = 2) WHERE id = 1");
  expect_error(Errc::kFormat, "sum", [&] { build(settings); });
  expect_error(Errc::kFormat, "sum", [&] { SearchIndex::open(file).verify(); });
  EXPECT_FALSE(fs::exists(path));
}

TEST_P(AnnSearch, AnIndexOfVersion1IsReadAndBroughtUpToDateByItsNextWriter) {
  sql("DELETE FROM meta WHERE key = 'vectors'; PRAGMA user_version = 1");
  expect_exact("");
  SearchIndex::open(file).verify();
  EXPECT_EQ(build(settings).added, 400);
  expect_approximate();
  SearchIndex::open(file).verify();
  sql("DELETE FROM meta WHERE key = 'vectors'");  // version 2 cannot be without it
  expect_error(Errc::kFormat, "'vectors'", [&] { SearchIndex::open(file); });
}

TEST_P(AnnSearch, SettingsOfAHostileIndexAreRefused) {
  build(settings);
  for (const char* value :
       {"hnsw 1099511627776 1 0 0", "ivfpq 32 1 0 7", "tree 1 1 1 1", "hnsw 8", "hnsw 8 8 0 0 0"}) {
    sql(fmt::format("UPDATE meta SET value = '{}' WHERE key = 'ann'", value));
    expect_exact("x.index");
    expect_error(Errc::kFormat, "x.index", [&] { build(); });
  }
  expect_error(Errc::kUsage, "links", [&] { build({.kind = AnnKind::kHnsw, .links = 1}); });
  expect_error(Errc::kUsage, "divisor", [&] { build({.kind = AnnKind::kIvfPq, .bytes = 7}); });
}

struct AnnGraph : AnnSearch {};
INSTANTIATE_TEST_SUITE_P(Graph, AnnGraph, testing::Values(AnnKind::kHnsw));

TEST_P(AnnGraph, AGraphThatGrewIsTheGraphThatIsMadeAtOnce) {
  build(settings);
  for (const int end : {401, 500}) {
    write_notes(end == 401 ? 400 : 401, end);
    check::write_file(notes / fmt::format("{:05}.md", end - 1), sentence(7));  // equals an earlier one
    update();
    EXPECT_EQ(build().added, end == 401 ? 1 : 99);
  }
  const std::string grown = bytes();
  fs::remove(path);
  EXPECT_EQ(build().added, 500);
  EXPECT_EQ(bytes() == grown, true);
}

}  // namespace
}  // namespace lyceum
