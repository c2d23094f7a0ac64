// Search indexes.
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

class HostileIndex : public Hostile {
 protected:
  void SetUp() override {
    Hostile::SetUp();
    model_ = model({.max_positions = 64});
    write_file(folder / "notes/a.txt", "The cat sat on the mat. The dog ran. The cat is playing.");
    write_file(folder / "notes/b.txt", "A dog ran on the mat.");
    const RunResult r =
        run({"index", (folder / "notes").string(), "--model", model_.string(), "--output",
             (folder / "good.index").string(), "--chunk-tokens", "8", "--chunk-overlap", "2"});
    ASSERT_EQ(r.status, 0) << r.text();
  }
  fs::path copy(const std::string& name) const {
    fs::copy_file(folder / "good.index", folder / name, fs::copy_options::overwrite_existing);
    return folder / name;
  }
  // A good index changed by SQL, as somebody who has the file can.
  fs::path changed(const std::string& name, const std::string& sql) const {
    const fs::path path = copy(name);
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(db);
    return path;
  }
  // What it says its embedder was loaded with.
  fs::path with_options(const std::string& name, const std::string& options) const {
    return changed(name, "INSERT INTO meta VALUES('embedding_options', '" + options + "')");
  }
  RunResult search(const fs::path& index, const Words& options = {}) const {
    Words arguments{"search", index.string(), "cat", "--model", model_.string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(arguments);
  }
  RunResult update(const fs::path& index) const {
    return run(
        {"index", (folder / "notes").string(), "--model", model_.string(), "--output", index.string()});
  }
  fs::path model_;
};

TEST_F(HostileIndex, TheIndexThatTheCasesSpoilIsGood) {
  EXPECT_EQ(search(folder / "good.index").status, 0);
  EXPECT_EQ(search(folder / "good.index", {"--hybrid"}).status, 0);
  EXPECT_EQ(update(folder / "good.index").status, 0);
}

TEST_F(HostileIndex, IndexesThatAreNot) {
  write_file(folder / "text.index",
             "this is a text, long enough to be more than the sixteen bytes of SQLite's mark and then some "
             "more of them" +
                 std::string(2000, '.'));
  write_file(folder / "mark.index", std::string("SQLite format 3\0", 16) + std::string(2000, '\xFF'));
  fs::copy_file(model_ / "model.safetensors", folder / "tensors.index");
  const std::string bytes = read_text(folder / "good.index");
  write_file(folder / "cut.index", bytes.substr(0, bytes.size() / 2));
  const struct {
    fs::path path;
    Words says;
  } cases[] = {
      {folder / "text.index", {"text.index"}},
      {folder / "mark.index", {"mark.index"}},
      {folder / "tensors.index", {"tensors.index"}},
      {folder / "cut.index", {"cut.index"}},
      {changed("other.index", "PRAGMA application_id = 7"), {"other.index", "not a search index"}},
      {changed("version.index", "PRAGMA user_version = 99"), {"version.index", "version 99"}},
      {changed("empty.index", "DROP TABLE words; DROP TABLE chunks; DROP TABLE files"), {"empty.index"}},
      {changed("width.index", "UPDATE meta SET value = 9 WHERE key = 'width'"), {"width.index", "9"}},
      {changed("huge.index", "UPDATE meta SET value = '99999999999' WHERE key = 'width'"),
       {"huge.index", "width"}},
      {changed("words.index", "UPDATE meta SET value = 'eight' WHERE key = 'width'"),
       {"words.index", "width", "eight"}},
      {changed("nothing.index", "DELETE FROM meta WHERE key = 'width'"), {"nothing.index", "width"}},
      {changed("model.index", "UPDATE meta SET value = 'another' WHERE key = 'identity'"),
       {"model.index", "another"}},
      {with_options("o1.index", "x"), {"o1.index", "embedding_options"}},
      {with_options("o2.index", std::string(1 << 18, '[')), {"o2.index", "embedding_options", "nested"}},
      {with_options("o3.index", R"({"truncate_dim":7})"), {"o3.index", "truncate_dim", "found 7", "8"}},
      {with_options("o4.index", R"({"truncate_dim":99999999999999999999})"), {"o4.index", "truncate_dim"}},
      {with_options("o5.index", R"({"pooling":["\u001b[31m"]})"), {"o5.index", "pooling"}},
      {with_options("o6.index", R"({"normalize":"yes"})"), {"o6.index", "normalize", "yes"}},
      {with_options("o7.index", R"({"other":1})"), {"o7.index", "other"}},
      {with_options("o8.index", R"({"prompt":")" + std::string(2 << 20, 'x') + "\"}"),
       {"o8.index", "embedding_options", "bytes"}},
      // well formed, but the model cannot do it, or gives other vectors with it
      {with_options("o9.index", R"({"prompt_name":"x"})"), {"o9.index", "prompt 'x'"}},
      {with_options("o10.index", R"({"max_tokens":1})"), {"o10.index", "max_tokens"}},
      {with_options("o11.index", R"({"pooling":["cls","mean"]})"), {"o11.index", "made with the model"}},
      {with_options("o12.index", R"({"query_prompt":")" + std::string(1 << 19, 'x') + "\"}"),
       {"o12.index", "made with"}},
      {changed("o13.index",
               "INSERT INTO meta VALUES('embedding_options', '{\"truncate_dim\":9}');"
               "UPDATE meta SET value = 9 WHERE key = 'width'"),
       {"o13.index", "truncate_dim", "at most the 8"}},
      {changed("short.index", "UPDATE chunks SET vector = x'00000000' WHERE id = 2"),
       {"short.index", "passage 2", "4 bytes"}},
      {changed("nan.index", "UPDATE chunks SET vector = x'0000c07f' || substr(vector, 5) WHERE id = 1"),
       {"nan.index", "passage 1"}},
      {changed("endless.index",
               "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE tbl_name = 'chunks'; "
               "PRAGMA writable_schema = RESET;"
               "CREATE VIEW chunks AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
               "x AS id, x AS file, x AS line, '' AS text, '' AS hash, x'' AS vector FROM c"),
       {"endless.index", "view", "chunks"}},
      {changed("trigger.index", "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END"),
       {"trigger.index", "trigger", "'t'"}},
      {changed("more.index", "CREATE TABLE more(x)"), {"more.index", "table", "'more'"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.path.filename());
    expect_refused(search(c.path), 1, c.says);
    if (HasFailure()) return;
    if (c.says.size() > 1 && c.says[1].starts_with("passage "))
      continue;  // an update does not look at the vectors of unchanged files
    expect_refused(update(c.path), 1, {c.says[0]});
    if (HasFailure()) return;
  }
  for (const char* value : {"'9223372036854775807'", "'-1'", "''", "'1e3'"}) {
    SCOPED_TRACE(value);
    expect_refused(update(changed("chunk.index", std::string("UPDATE meta SET value = ") + value +
                                                     " WHERE key = 'chunk_overlap'")),
                   1, {"chunk.index", "chunk_overlap"});
  }
}

TEST_F(HostileIndex, EveryPageMayBeOverwritten) {
  const std::string bytes = read_text(folder / "good.index");
  const std::size_t page = 4096;
  for (std::size_t at = 0; at < bytes.size(); at += page) {
    SCOPED_TRACE(at / page);
    for (const char fill : {'\0', '\xFF'}) {
      std::string spoiled = bytes;
      std::fill_n(spoiled.begin() + static_cast<std::ptrdiff_t>(at + (at == 0 ? 100 : 0)),
                  at == 0 ? page - 100 : page, fill);
      write_file(folder / "spoiled.index", spoiled);
      const RunResult r = search(folder / "spoiled.index", {"--hybrid"});
      EXPECT_EQ(r.signal, 0) << r.text();
      EXPECT_FALSE(r.timed_out) << r.text();
      if (r.status != 0)
        expect_refused(r, 1, {"spoiled.index"});  // a page that the question does not touch may be anything
    }
  }
}

TEST_F(HostileIndex, PlacesWhereNoIndexCanBe) {
  ::mkfifo((folder / "pipe.index").c_str(), 0644);
  expect_refused(search(folder / "pipe.index"), 1, {"pipe.index"});
  expect_refused(update(folder / "pipe.index"), 1, {"pipe.index"});
  expect_refused(search(folder.path()), 1, {folder.path().string()});
  expect_refused(update(folder.path()), 1, {folder.path().string()});
  expect_refused(search("/dev/zero"), 1, {"/dev/zero"});
  expect_refused(update("/dev/zero"), 1, {"/dev/zero"});
  expect_refused(search(folder / "none.index"), 1, {"none.index"});
  expect_refused(update(folder / "no/folder.index"), 1, {"no/folder.index"});
  expect_refused(run({"index", (folder / "nothing").string(), "--model", model_.string(), "--output",
                      (folder / "x.index").string()}),
                 1, {"nothing"});
}

TEST_F(HostileIndex, NotesWithOddFilesAreIndexed) {
  ::mkfifo((folder / "notes/pipe.txt").c_str(), 0644);
  fs::create_symlink("/dev/zero", folder / "notes/zero.txt");
  fs::create_symlink("..", folder / "notes/up");
  write_file(folder / "notes/empty.txt", "");
  write_file(folder / "notes/binary.bin", std::string(1000, '\0'));
  write_file(folder / "notes/bad.txt", "the cat \xFF\xFE sat");
  write_file(folder / "notes/line.txt", std::string(300'000, 'a'));
  write_file(folder / "notes/.gitignore", repeated("**/*a*a*a*a*a*a*a*a*b\n", 500) + "[\n\\\n!\n/\n" +
                                              std::string(100'000, '*') + "\n\xFF\n");
  write_file(folder / "notes" / (std::string(200, 'a') + ".txt"), "the dog");
  const RunResult r = update(folder / "good.index");
  EXPECT_EQ(r.status, 0) << r.text();
  EXPECT_EQ(r.signal, 0) << r.text();
  EXPECT_FALSE(r.timed_out) << r.text();
}

}  // namespace
}  // namespace lyceum
