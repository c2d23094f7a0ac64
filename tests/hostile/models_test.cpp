// Folders that are no models, files that may not be read, texts and outputs.
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

TEST_F(Hostile, TheModelThatTheCasesSpoilIsGood) {
  for (const TinyBertOptions& options : {TinyBertOptions{}, TinyBertOptions{.shards = 3},
                                         TinyBertOptions{.sentence = true, .dense_width = 4}}) {
    const RunResult r = run({"embed", model(options).string(), "the cat", "--json"});
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_NE(r.out.find("embedding"), std::string::npos) << r.text();
  }
}

TEST_F(Hostile, ModelsThatAreNone) {
  write_file(folder / "model.gguf", "GGUF");
  write_file(folder / "text.txt", "hello");
  fs::create_directory(folder / "empty");
  const std::pair<std::string, int> cases[] = {
      {folder / "nothing", 1},     {folder / "model.gguf", 3}, {folder / "text.txt", 3},
      {folder / "empty", 1},       {"/dev/zero", 3},           {"org/name", 1},
      {"../../nothing/passwd", 1}, {"bert-base-uncased", 1},   {"a/b@../../c", 1},
      {std::string(5000, 'x'), 1}};
  for (const auto& [name, status] : cases) {
    SCOPED_TRACE(name.substr(0, 100));
    const RunResult r = run({"embed", name, "the cat"});
    if (name.size() < 1000) expect_refused(r, status, {name});
    EXPECT_EQ(r.status, status) << r.text();
  }
  expect_refused(run({"embed", "", "the cat"}), 2, {"model"});
}

TEST_F(Hostile, FilesThatMayNotBeRead) {
  const fs::path m = model();
  ::chmod(folder.path().c_str(), 0755);
  ::chmod((m / "config.json").c_str(), 0);
  const RunResult r = run({"embed", m.string(), "the cat"}, "", true);
  if (r.status == 127) GTEST_SKIP() << "the program lies where nobody may run it";
  expect_refused(r, 1, {"config.json", "Permission denied"});
  ::chmod(m.c_str(), 0);
  expect_refused(run({"embed", m.string(), "the cat"}, "", true), 1, {m.filename().string()});
  ::chmod(m.c_str(), 0755);
}

TEST_F(Hostile, InvalidTextIsRepairedAndCountedOrRefused) {
  const fs::path m = model();
  const std::string bad = "the \xF0\x9F\x98 cat \xED\xA0\x80\n\xC0\xAF\n";  // 1, 3 and 2 maximal subparts
  write_file(folder / "bad.txt", bad);
  write_file(folder / "bad.jsonl", "{\"text\":\"the \xFF cat\"}\n");
  const auto expect_repaired = [&](const RunResult& r, const std::string& count) {
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_NE(r.err.find(count + " invalid UTF-8"), std::string::npos) << r.text();
  };
  for (const char* verb : {"embed", "tokenize"}) {
    expect_repaired(run({verb, m.string(), "--input", (folder / "bad.txt").string()}), "6");
    expect_repaired(run({verb, m.string(), "-"}, bad), "6");
    expect_repaired(run({verb, m.string(), "the \xFF\xFE cat"}), "2");
    expect_repaired(run({verb, m.string(), "--input", (folder / "bad.jsonl").string()}), "1");
    expect_refused(run({verb, m.string(), "--strict", "--input", (folder / "bad.txt").string()}), 1,
                   {"bad.txt", "line 1"});
    expect_refused(run({verb, m.string(), "--strict", "-"}, "good\n" + bad), 1, {"standard input", "line 2"});
  }
}

TEST_F(Hostile, InputFiles) {
  const fs::path m = model();
  const auto lines = [&](const std::string& name, const std::string& content, const Words& says) {
    SCOPED_TRACE(name);
    write_file(folder / name, content);
    expect_refused(run({"embed", m.string(), "--input", (folder / name).string(), "--json"}), 1, says);
  };
  const std::string good = "{\"text\":\"the cat\"}\n";
  lines("cut.jsonl", good + "{\"text\":\"the", {"cut.jsonl", "line 2"});
  lines("list.jsonl", "[\"the cat\"]\n", {"list.jsonl", "line 1"});
  lines("nothing.jsonl", good + "{}\n", {"nothing.jsonl", "line 2", "'text'"});
  lines("number.jsonl", good + good + "{\"text\":7}\n", {"number.jsonl", "line 3", "'text'"});
  lines("two.jsonl", "{\"text\":\"a\"} {\"text\":\"b\"}\n", {"two.jsonl", "line 1"});
  lines("twice.jsonl", "{\"text\":\"a\",\"text\":\"b\"}\n", {"twice.jsonl", "line 1", "text"});
  lines("bomb.jsonl", std::string(1 << 20, '[') + "\n", {"bomb.jsonl", "line 1", "nested"});
  lines("plain.jsonl", "the cat\n", {"plain.jsonl", "line 1"});
  expect_refused(run({"embed", m.string(), "--input", (folder / "missing.txt").string()}), 1,
                 {"missing.txt"});
  expect_refused(run({"embed", m.string(), "--input", folder.path().string()}), 1, {folder.path().string()});
  expect_refused(run({"embed", m.string(), "--input", "/dev/zero"}), 1, {"/dev/zero", "line 1"});
  expect_refused(run({"detokenize", m.string(), "5 99 7"}), 1, {"99"});
  expect_refused(run({"detokenize", m.string(), "5 -1"}), 1, {"-1"});
  expect_refused(run({"detokenize", m.string(), "99999999999999999999"}), 1, {"99999999999999999999"});
  expect_refused(run({"detokenize", m.string(), "five"}), 1, {"five"});
  expect_refused(run({"tokenize", m.string(), "--pairs", "no tab"}), 1, {"tab"});
}

TEST_F(Hostile, OutputsThatCannotBe) {
  const fs::path m = model();
  expect_refused(run({"embed", m.string(), "the cat", "--output", (folder / "no/v.npy").string()}), 1,
                 {"no/v.npy"});
  write_file(folder / "v.npy.part", std::string(500, 'x'));
  expect_refused(run({"embed", m.string(), "the cat", "--output", (folder / "v.npy").string(), "--resume"}),
                 1, {"v.npy.part"});
  fs::create_directory(folder / "w.npy.part");
  expect_refused(run({"embed", m.string(), "the cat", "--output", (folder / "w.npy").string()}), 1,
                 {"w.npy.part"});
}

}  // namespace
}  // namespace lyceum
