#include "tasks/search/search_index.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::TemporaryFolder;
using check::write_file;

// A bag of hashed words: deterministic, and near where texts share words. Counts what it is asked.
class WordBags final : public TextEncoder {
 public:
  explicit WordBags(std::string identity = "bags-1", bool normalized = true, std::string settings = "")
      : identity_(std::move(identity)), settings_(std::move(settings)), normalized_(normalized) {
    std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\n";
    tokenizer_ = Tokenizer::from_vocabulary(lines, "test");
  }
  std::int64_t width() const override { return 16; }
  std::int64_t max_tokens() const override { return 64; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  bool is_normalized() const override { return normalized_; }
  std::string identity() const override { return identity_; }
  std::string settings() const override { return settings_; }
  Tensor encode(std::span<const std::string> texts, TextRole role) const override {
    if (role == TextRole::kDocument) {
      seen += static_cast<std::int64_t>(texts.size());
      largest = std::max(largest, static_cast<std::int64_t>(texts.size()));
    }
    if (interrupt_at >= 0 && seen >= interrupt_at) request_interrupt();
    Tensor out = Tensor::zeros({static_cast<std::int64_t>(texts.size()), 16});
    for (std::size_t i = 0; i < texts.size(); ++i) {
      float* row = out.mutable_row<float>(static_cast<std::int64_t>(i));
      std::uint32_t h = 2166136261u;
      for (const char c : texts[i] + " ") {
        if (c == ' ' || c == '\n' || c == '.') {
          if (h != 2166136261u) row[h % 16] += 1;
          h = 2166136261u;
        } else {
          h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
        }
      }
      float length = 0;
      for (int c = 0; c < 16; ++c) length += row[c] * row[c];
      for (int c = 0; c < 16 && normalized_ && length > 0; ++c) row[c] /= std::sqrt(length);
    }
    return out;
  }
  mutable std::int64_t seen = 0, largest = 0;
  std::int64_t interrupt_at = -1;

 private:
  std::string identity_, settings_;
  bool normalized_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

constexpr ChunkOptions kSmall{.tokens = 8, .overlap = 0};

struct SearchIndexTest : testing::Test {
  TemporaryFolder t;
  WordBags bags;
  fs::path file = t / "x.index", notes = t / "notes";

  void note(const std::string& name, const std::string& text) const {
    fs::create_directories((notes / name).parent_path());
    std::ofstream(notes / name, std::ios::binary) << text;
  }
  UpdateStats update(const UpdateOptions& options = {}) {
    SearchIndex index = SearchIndex::open_for_writing(file, bags, kSmall);
    const std::vector<fs::path> roots{notes};
    const UpdateStats stats = index.update(roots, bags, options);
    index.verify();
    return stats;
  }
  std::vector<SearchHit> ask(const std::string& query, const SearchOptions& options = {}) {
    return SearchIndex::open(file).search(query, bags, options);
  }
  std::vector<std::string> names(const std::string& query, const SearchOptions& options = {}) {
    std::vector<std::string> out;
    for (const SearchHit& hit : ask(query, options)) out.push_back(fs::path(hit.file).filename());
    return out;
  }
  void sql(const char* statement) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, statement, nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(db);
  }
  template <class F>
  static void expect_error(Errc code, const std::string& part, F run) {
    try {
      run();
      ADD_FAILURE() << "nothing was thrown, expected a message with '" << part << "'";
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
};

TEST_F(SearchIndexTest, FindsWhatWasAdded) {
  note("a.md", "The passport office opens at nine.");
  note("b.md", "Line one is here.\n\nBananas are yellow today.");
  const UpdateStats stats = update();
  EXPECT_EQ(stats.added, 2);
  EXPECT_EQ(stats.embedded, bags.seen);
  const auto hits = ask("Bananas are yellow today");
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits[0].file, (notes / "b.md").string());
  EXPECT_EQ(hits[0].text, "Bananas are yellow today.");
  EXPECT_EQ(hits[0].line, 3);
}

TEST_F(SearchIndexTest, OnlyWhatChangedIsEmbeddedAgain) {
  // eight tokens fit into a passage: each sentence is one
  note("a.md",
       "One two three four five six. Seven eight nine ten eleven twelve. Red green blue white black grey.");
  note("b.md", "Other words stand in this one.");
  EXPECT_EQ(update().embedded, 4);
  bags.seen = 0;
  UpdateStats stats = update();
  EXPECT_EQ(stats.unchanged, 2);
  EXPECT_EQ(bags.seen, 0);
  note("a.md",
       "One two three four five six. Seven eight nine ten eleven CHANGED. Red green blue white black grey.");
  stats = update();
  EXPECT_EQ(stats.updated, 1);
  EXPECT_EQ(stats.embedded, 1);
  EXPECT_EQ(stats.reused, 2);
  EXPECT_EQ(bags.seen, 1);
  EXPECT_EQ(names("eight nine CHANGED", {.top = 1, .hybrid = true}), std::vector<std::string>{"a.md"});
}

TEST_F(SearchIndexTest, WhatIsGoneFromAFolderIsGoneFromTheIndex) {
  note("a.md", "Cats sleep.");
  note("b.md", "Dogs bark.");
  update();
  fs::remove(notes / "b.md");
  EXPECT_EQ(update().deleted, 1);
  EXPECT_EQ(names("Dogs bark", {.hybrid = true}), std::vector<std::string>{"a.md"});
}

TEST_F(SearchIndexTest, FilesOutsideTheGivenFolderStay) {
  note("a.md", "Cats sleep.");
  note("sub/b.md", "Dogs bark.");
  note("submarine/c.md", "Fish swim.");
  update();
  fs::remove(notes / "a.md");
  fs::remove(notes / "submarine/c.md");
  SearchIndex index = SearchIndex::open_for_writing(file, bags);
  EXPECT_EQ(index.update(std::vector<fs::path>{notes / "sub"}, bags).deleted, 0);
  EXPECT_EQ(index.files(), 3);
}

TEST_F(SearchIndexTest, ARenamedOrCopiedFileIsNotEmbeddedAgain) {
  note("a.md", "Cats sleep on the mat all day.");
  update();
  bags.seen = 0;
  fs::rename(notes / "a.md", notes / "z.md");
  note("copy.md", "Cats sleep on the mat all day.");
  const UpdateStats stats = update();
  EXPECT_EQ(stats.added, 2);
  EXPECT_EQ(stats.deleted, 1);
  EXPECT_EQ(bags.seen, 0);
  EXPECT_EQ(names("Cats sleep"), (std::vector<std::string>{"copy.md", "z.md"}));
}

TEST_F(SearchIndexTest, RemoveTakesFilesAndFoldersOut) {
  note("a.md", "Cats sleep.");
  note("sub/b.md", "Dogs bark.");
  note("sub/c.md", "Fish swim.");
  update();
  SearchIndex index = SearchIndex::open_for_writing(file, bags);
  EXPECT_EQ(index.remove(std::vector<fs::path>{notes / "sub"}), 2);
  EXPECT_EQ(index.remove(std::vector<fs::path>{notes / "nothing"}), 0);
  index.verify();
  EXPECT_EQ(index.files(), 1);
  EXPECT_EQ(index.chunks(), 1);
  EXPECT_EQ(index.search("Dogs bark", bags, {.hybrid = true}).size(), 1u);
}

TEST_F(SearchIndexTest, AnIndexThatWasSearchedBeforeAnUpdateSeesIt) {
  note("a.md", "Cats sleep.");
  update();
  const SearchIndex reader = SearchIndex::open(file);
  EXPECT_EQ(reader.search("Dogs bark", bags).size(), 1u);
  note("b.md", "Dogs bark.");
  update();  // as another process would
  EXPECT_EQ(reader.search("Dogs bark", bags).size(), 2u);
  SearchIndex writer = SearchIndex::open_for_writing(file, bags);
  EXPECT_EQ(writer.search("Dogs bark", bags).size(), 2u);
  writer.remove(std::vector<fs::path>{notes / "a.md"});
  EXPECT_EQ(writer.search("Dogs bark", bags).size(), 1u);
  note("c.md", "Fish swim.");
  writer.update(std::vector<fs::path>{notes / "c.md"}, bags);
  EXPECT_EQ(fs::path(writer.search("Fish swim", bags, {.top = 1})[0].file).filename(), "c.md");
}

TEST_F(SearchIndexTest, SearchesWhileAnotherWriterIsAtWork) {
  for (int i = 0; i < 300; ++i)
    note(fmt::format("{:03}.md", i), fmt::format("Word{} and other words stand here.", i));
  update();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    SearchIndex index = SearchIndex::open_for_writing(file, bags, kSmall);
    for (int round = 0; !stop; ++round) {
      for (int i = 0; i < 20; ++i)
        note(fmt::format("{:03}.md", i), fmt::format("Word{} and other words in round {}.", i, round));
      index.update(std::vector<fs::path>{notes}, bags);
    }
  });
  const SearchIndex reader = SearchIndex::open(file);
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(reader.search("other words", bags, {.top = 1000, .hybrid = true}).size(), 300u);
  stop = true;
  writer.join();
}

TEST_F(SearchIndexTest, PathsGivenRelativelyAreFoundFromAnyWorkingDirectory) {
  note("a.md", "Cats sleep.");
  note("sub/b.md", "Dogs bark.");
  const fs::path before = fs::current_path();
  fs::current_path(t.path());
  SearchIndex::open_for_writing(file, bags).update(std::vector<fs::path>{"notes/"}, bags);
  EXPECT_EQ(ask("Dogs bark")[0].file, "notes/sub/b.md");
  fs::current_path(notes / "sub");
  EXPECT_EQ(ask("Dogs bark")[0].file, "b.md");
  EXPECT_EQ(ask("Cats sleep")[0].file, "../a.md");
  {
    // another way to the same files: nothing is new, and nothing is gone
    SearchIndex index = SearchIndex::open_for_writing("../../x.index", bags);
    for (const fs::path& root : {fs::path(".."), notes, fs::path("../../notes/sub/..")}) {
      const UpdateStats stats = index.update(std::vector<fs::path>{root}, bags);
      EXPECT_EQ(stats.unchanged, 2) << root;
      EXPECT_EQ(stats.added + stats.deleted, 0) << root;
    }
    EXPECT_EQ(index.update(std::vector<fs::path>{"."}, bags).unchanged, 1);
    EXPECT_EQ(index.remove(std::vector<fs::path>{"b.md"}), 1);
  }
  fs::current_path(before);
  // index and files move together
  fs::create_directory(t / "elsewhere");
  fs::rename(notes, t / "elsewhere/notes");
  fs::rename(file, t / "elsewhere/x.index");
  file = t / "elsewhere/x.index";
  fs::current_path(t / "elsewhere");
  EXPECT_EQ(ask("Cats sleep")[0].file, "notes/a.md");
  fs::current_path(before);
}

TEST_F(SearchIndexTest, WhatIsNoTextIsLeftOutWithAReason) {
  note("a.md", "Cats sleep.");
  note("b.bin", std::string("abc\0def", 7));
  note("c.pdf", "%PDF-1.7 text");
  note("d.txt", std::string("\xFF\xFE"
                            "a\0b\0",
                            6));
  note("e.txt", std::string(2000, 'x'));
  std::map<std::string, std::string> reasons;
  const UpdateStats stats =
      update({.max_file_bytes = 1000, .left_out = [&](const fs::path& path, const std::string& why) {
                reasons[path.filename()] = why;
              }});
  EXPECT_EQ(stats.added, 1);
  EXPECT_EQ(stats.skipped, 4);
  EXPECT_EQ(reasons["b.bin"], "binary");
  EXPECT_NE(reasons["c.pdf"].find("PDF"), std::string::npos);
  EXPECT_NE(reasons["d.txt"].find("UTF-16"), std::string::npos);
  EXPECT_EQ(reasons["e.txt"], "larger than 1000 bytes");
  // a text that became binary is out
  note("a.md", std::string("\0", 1));
  EXPECT_EQ(update().deleted, 1);
}

TEST_F(SearchIndexTest, TheIndexDoesNotIndexItself) {
  note("a.md", "Cats sleep.");
  file = notes / "x.index";
  EXPECT_EQ(update().skipped, 0);
  EXPECT_EQ(update().skipped, 0);
  EXPECT_EQ(SearchIndex::open(file).files(), 1);
}

TEST_F(SearchIndexTest, WhatCannotBeReadTodayIsKept) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  note("a.md", "Cats sleep.");
  note("sub/b.md", "Dogs bark.");
  update();
  fs::permissions(notes / "a.md", fs::perms::none);
  fs::permissions(notes / "sub", fs::perms::none);
  const UpdateStats stats = update();
  fs::permissions(notes / "sub", fs::perms::owner_all);
  EXPECT_EQ(stats.skipped, 2);
  EXPECT_EQ(stats.deleted, 0);
  EXPECT_EQ(SearchIndex::open(file).files(), 2);
}

TEST_F(SearchIndexTest, AFolderThatIsGoneIsAnErrorThatSaysHowToTakeItOut) {
  note("a.md", "Cats sleep.");
  update();
  fs::remove_all(notes);
  expect_error(Errc::kIo, "--remove", [&] { update(); });
  EXPECT_EQ(SearchIndex::open(file).files(), 1);
}

TEST_F(SearchIndexTest, EmptyFilesAndFoldersAreNoTrouble) {
  fs::create_directories(notes);
  EXPECT_EQ(update().added, 0);
  EXPECT_TRUE(ask("anything", {.hybrid = true}).empty());
  note("empty.md", "");
  note("white.md", " \n ");
  EXPECT_EQ(update().added, 2);
  EXPECT_EQ(update().unchanged, 2);
  EXPECT_EQ(SearchIndex::open(file).chunks(), 0);
}

TEST_F(SearchIndexTest, InvalidUtf8IsRepairedAndCounted) {
  note("a.md", "Caf\xE9 opens.");
  EXPECT_EQ(update().repaired, 1);
  EXPECT_EQ(ask("opens")[0].text, "Caf\xEF\xBF\xBD opens.");
  EXPECT_EQ(update().unchanged, 1);
}

TEST_F(SearchIndexTest, ASecondWriterAnotherModelAndAnotherVersionAreRefused) {
  note("a.md", "Cats sleep.");
  {
    const SearchIndex first = SearchIndex::open_for_writing(file, bags);
    expect_error(Errc::kIo, "another process", [&] { SearchIndex::open_for_writing(file, bags); });
    EXPECT_EQ(SearchIndex::open(file).files(), 0) << "readers may come";
  }
  update();
  const WordBags other("bags-2");
  expect_error(Errc::kData, "bags-2", [&] { SearchIndex::open_for_writing(file, other); });
  expect_error(Errc::kData, "bags-2", [&] { SearchIndex::open(file).search("x", other); });
  sql("PRAGMA user_version = 7");
  expect_error(Errc::kFormat, "version 7", [&] { SearchIndex::open(file); });
  expect_error(Errc::kFormat, "version 7", [&] { update(); });
  sql("PRAGMA application_id = 1");
  expect_error(Errc::kFormat, "not a search index", [&] { SearchIndex::open(file); });
}

TEST_F(SearchIndexTest, TheEncodersSettingsAreKeptAndOthersAreRefused) {
  note("a.md", "Cats sleep.");
  const std::string kept = R"({"normalize":true,"truncate_dim":16})";
  const WordBags cut("bags-16d-bf16", true, kept), other("bags-8d-bf16", true, R"({"truncate_dim":8})"),
      plain("bags"), same_bits("bags-16d-bf16", true, R"({"normalize":true})");
  const std::vector<fs::path> roots{notes};
  SearchIndex::open_for_writing(file, cut).update(roots, cut);
  EXPECT_EQ(options_text(SearchIndex::open(file).options()), kept);
  EXPECT_EQ(SearchIndex::open(file).options().compute, Compute::kBF16);
  EXPECT_EQ(SearchIndex::open_for_writing(file, cut).update(roots, cut).unchanged, 1);
  EXPECT_EQ(SearchIndex::open_for_writing(file, same_bits).update(roots, same_bits).unchanged, 1);
  EXPECT_EQ(options_text(SearchIndex::open(file).options()), kept) << "as it was made";
  const std::string found = "embedding options " + kept + ", found ";
  expect_error(Errc::kData, found + R"({"truncate_dim":8})",
               [&] { SearchIndex::open_for_writing(file, other); });
  expect_error(Errc::kData, found + "none", [&] { SearchIndex::open_for_writing(file, plain); });
  expect_error(Errc::kData, found + "none", [&] { SearchIndex::open(file).search("x", plain); });
  expect_error(Errc::kData, "bags-16d-bf16",
               [&] { SearchIndex::open_for_writing(file, WordBags("other", true, kept)); });

  // a file from before there were settings: it opens, and learns them from a writer whose vectors are the
  // same
  sql("DELETE FROM meta WHERE key = 'embedding_options'");
  EXPECT_EQ(options_text(SearchIndex::open(file).options()), "");
  EXPECT_EQ(SearchIndex::open(file).search("Cats", cut).size(), 1u);
  EXPECT_EQ(options_text(SearchIndex::open(file).options()), "") << "a reader changes nothing";
  EXPECT_EQ(SearchIndex::open_for_writing(file, cut).update(roots, cut).unchanged, 1);
  EXPECT_EQ(options_text(SearchIndex::open(file).options()), kept);
}

TEST_F(SearchIndexTest, SettingsThatNobodyWroteAreRefused) {
  note("a.md", "Cats sleep.");
  update();
  for (const char* settings :
       {"x", "[]", R"({"truncate_dim":15})", R"({"truncate_dim":"16"})", R"({"pooling":["median"]})"}) {
    sql(fmt::format("INSERT OR REPLACE INTO meta VALUES('embedding_options', '{}')", settings).c_str());
    expect_error(Errc::kFormat, "x.index: 'embedding_options'", [&] { SearchIndex::open(file); });
    expect_error(Errc::kFormat, "x.index: 'embedding_options'", [&] { update(); });
  }
}

TEST_F(SearchIndexTest, OtherFilesAreRefusedAndLeftAsTheyAre) {
  write_file(file, std::string(5000, 'x'));
  expect_error(Errc::kFormat, "not a search index", [&] { update(); });
  expect_error(Errc::kFormat, "not a search index", [&] { SearchIndex::open(file); });
  EXPECT_EQ(fs::file_size(file), 5000u);
  expect_error(Errc::kIo, "lyceum index", [&] { SearchIndex::open(t / "missing"); });
}

// Exact and hybrid search against the formulas, over every passage.
TEST_F(SearchIndexTest, ResultsEqualBruteForceAndTiesKeepTheOrderOfThePassages) {
  const char* const kWords[] = {"cat", "dog", "mat", "sun", "sea", "red", "big", "old"};
  std::vector<std::string> texts;
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (int w = 0; w < 5; ++w) text += std::string(w ? " " : "") + kWords[(i * (w + 3) + i / 7) % 8];
    texts.push_back(text + ".");
    note(fmt::format("{:02}.md", i), texts.back());
  }
  for (const bool normalized : {true, false}) {
    SCOPED_TRACE(normalized);
    fs::remove(file);
    const WordBags encoder("bags", normalized);
    SearchIndex index = SearchIndex::open_for_writing(file, encoder, kSmall);
    index.update(std::vector<fs::path>{notes}, encoder);
    index.verify();
    const std::string query = "big cat on the sea";
    const WordBags unit;  // cosine = inner product of the normalised
    const Tensor q = unit.encode({&query, 1}, TextRole::kQuery), v = unit.encode(texts, TextRole::kPlain);
    std::vector<double> cosine(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
      for (int c = 0; c < 16; ++c)
        cosine[i] += double(q.row<float>(0)[c]) * v.row<float>(static_cast<std::int64_t>(i))[c];
    const auto hits = index.search(query, encoder, {.top = 100});
    ASSERT_EQ(hits.size(), texts.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const auto number = static_cast<std::size_t>(std::stoi(fs::path(hits[i].file).stem()));
      EXPECT_NEAR(hits[i].score, cosine[number], 1e-6);  // 16 products of values below 1 in f32
      if (i == 0) continue;
      EXPECT_GE(hits[i - 1].score, hits[i].score);
      EXPECT_TRUE(hits[i - 1].score != hits[i].score || hits[i - 1].file < hits[i].file) << hits[i].file;
    }
    // reciprocal ranks: the vector's list is `hits`; that of the words comes from FTS5 itself
    std::map<std::string, double> fused;
    for (std::size_t i = 0; i < hits.size(); ++i)
      fused[hits[i].file] += 1.0 / (60 + static_cast<double>(i) + 1);
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    sqlite3_stmt* s = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(db,
                                 "SELECT path FROM words JOIN chunks ON chunks.id = words.rowid JOIN files "
                                 "ON files.id = chunks.file "
                                 "WHERE words MATCH '\"big\" OR \"cat\" OR \"on\" OR \"the\" OR \"sea\"' "
                                 "ORDER BY bm25(words), words.rowid",
                                 -1, &s, nullptr),
              SQLITE_OK);
    int matches = 0;
    for (; sqlite3_step(s) == SQLITE_ROW; ++matches)
      fused[reinterpret_cast<const char*>(sqlite3_column_text(s, 0))] += 1.0 / (60 + matches + 1);
    sqlite3_finalize(s);
    sqlite3_close(db);
    EXPECT_GT(matches, 5);
    EXPECT_LT(matches, 60);
    const auto joined = index.search(query, encoder, {.top = 100, .hybrid = true});
    ASSERT_EQ(joined.size(), texts.size());
    for (std::size_t i = 0; i < joined.size(); ++i) {
      EXPECT_DOUBLE_EQ(joined[i].score, fused.at(joined[i].file));
      EXPECT_GE(joined[i == 0 ? 0 : i - 1].score, joined[i].score);
    }
    EXPECT_EQ(index.search(query, encoder, {.top = 3}).size(), 3u);
  }
}

TEST_F(SearchIndexTest, QuestionsOfAnyBytesAreNoSyntaxErrorOfTheWordIndex) {
  note("a.md", "Cats sleep.");
  update();
  for (const char* query :
       {"\"", "a AND", "NEAR(", "*", "-x", "col:x", "'; DROP TABLE files; --", "(((", "^", "\xC3\xA9", "{}"})
    EXPECT_EQ(ask(query, {.hybrid = true}).size(), 1u) << query;
}

TEST_F(SearchIndexTest, AnInterruptedUpdateKeepsWhatIsCommittedAndGoesOn) {
  for (int i = 0; i < 400; ++i)
    note(fmt::format("{:03}.md", i), fmt::format("Word{} and other words stand here.", i));
  bags.interrupt_at = 200;
  expect_error(Errc::kInterrupted, "the same command", [&] { update(); });
  clear_interrupt();
  bags.interrupt_at = -1;
  const std::int64_t before = bags.seen;
  {
    const SearchIndex index = SearchIndex::open(file);
    index.verify();
    EXPECT_GE(index.files(), 128);
    EXPECT_LT(index.files(), 400);
  }
  const UpdateStats stats = update();
  EXPECT_GE(stats.unchanged, 128);
  EXPECT_LE(bags.seen, 400 + 128) << "at most one block of passages is embedded twice; before: " << before;
  EXPECT_EQ(SearchIndex::open(file).files(), 400);
}

TEST_F(SearchIndexTest, AHugeFileIsEmbeddedInBlocksAndEntersWhole) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("Sentence number {} has some words here.\n\n", i);
  note("huge.md", text);
  bags.interrupt_at = 1000;
  expect_error(Errc::kInterrupted, "the same command", [&] { update(); });
  clear_interrupt();
  EXPECT_LE(bags.largest, 128) << "texts in one call of the encoder";
  EXPECT_EQ(SearchIndex::open(file).files(), 0) << "no file is there in part";
  EXPECT_EQ(SearchIndex::open(file).chunks(), 0);
  bags.interrupt_at = -1;
  const UpdateStats stats = update();
  EXPECT_EQ(stats.embedded + stats.reused, 3000);
  EXPECT_GE(stats.reused, 1000 - 128) << "what was embedded before the interruption";
  EXPECT_LE(bags.seen, 3000 + 128);
  EXPECT_EQ(SearchIndex::open(file).chunks(), 3000);
  // nothing stays behind that was only put aside
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  sqlite3_stmt* s = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db, "SELECT count(*) FROM ready", -1, &s, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_step(s), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_int(s, 0), 0);
  sqlite3_finalize(s);
  sqlite3_close(db);
}

// Files differ in size, so what is left is told by bytes: half way through the one large file, half is done.
TEST_F(SearchIndexTest, ProgressGoesOnWithinAFile) {
  std::string text;
  for (int i = 0; i < 1280; ++i) text += fmt::format("Sentence number {:04} has some words here.\n\n", i);
  note("a.md", "A short one.");
  note("huge.md", text);
  const std::uint64_t all = 12 + text.size();
  std::vector<IndexProgress> seen;
  const auto progress = [&](const IndexProgress& p) { seen.push_back(p); };
  update({.progress = progress});
  ASSERT_GE(seen.size(), 10u);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].all_bytes, all);
    EXPECT_GE(seen[i].bytes, i > 0 ? seen[i - 1].bytes : 0);
    EXPECT_NEAR(static_cast<double>(seen[i].bytes) / static_cast<double>(all),
                static_cast<double>(seen[i].chunks) / 1281, 0.01);
  }
  EXPECT_EQ(seen.back().bytes, all);
  seen.clear();
  update({.progress = progress});  // nothing is embedded again
  EXPECT_EQ(seen.back().bytes, all);
  EXPECT_EQ(seen.back().chunks, 0);
}

TEST_F(SearchIndexTest, VerifySeesDamage) {
  note("a.md", "Cats sleep.");
  update();
  SearchIndex::open(file).verify();
  sql("UPDATE chunks SET text = 'Dogs bark.'");  // the word index still knows cats
  expect_error(Errc::kFormat, "malformed", [&] { SearchIndex::open(file).verify(); });
  sql("UPDATE chunks SET text = 'Cats sleep.'");
  SearchIndex::open(file).verify();
  sql("UPDATE chunks SET vector = x'00'");
  expect_error(Errc::kFormat, "bytes", [&] { SearchIndex::open(file).verify(); });
}

}  // namespace
}  // namespace lyceum
