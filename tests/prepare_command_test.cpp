// `lyceum prepare` as a user types it.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "data/token_cache/token_cache.h"

namespace lyceum {
namespace {

using check::RunResult;
using nlohmann::json;

class PrepareCommand : public testing::Test {
 protected:
  PrepareCommand() {
    check::write_tiny_bert(t / "model", {});
    std::string text;
    for (int d = 0; d < 20; ++d)
      for (int s = 0; s < 4; ++s) text += s < 3 ? "the cat plays with the dog\n" : "\n";
    check::write_file(t / "texts/a.txt", text);
    check::write_file(t / "texts/b.txt", "the dog\n\nthe cat\n");
  }
  RunResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "prepare");
    return check::run_command(LYCEUM_COMMAND, arguments);
  }
  std::string at(const char* name) const { return (t / name).string(); }
  check::TemporaryFolder t;
};

TEST_F(PrepareCommand, WritesTheDocumentsOfAPattern) {
  const RunResult r = run({at("texts/*.txt"), "--tokenizer", at("model"), "--separator", "\\n\\n", "--output",
                           at("a.tokens"), "--json"});
  ASSERT_EQ(r.status, 0) << r.text();
  const json report = json::parse(r.out);
  EXPECT_EQ(report["documents"], 22);
  EXPECT_EQ(report["records"], 22);
  const auto cache = TokenCache::open(at("a.tokens"));
  EXPECT_EQ(cache->documents(), 22u);
  EXPECT_EQ(report["tokens"], cache->tokens());
}

TEST_F(PrepareCommand, ItsBytesDoNotDependOnTheThreads) {
  const auto bytes = [&](const char* threads) {
    const RunResult r =
        run({at("texts/a.txt"), "--tokenizer", at("model"), "--objective", "bert_pairs", "--copies", "2",
             "--seed", "5", "--threads", threads, "--output", at("a.tokens")});
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_NE(r.out.find("next sentence is random"), std::string::npos) << r.out;
    return read_text(at("a.tokens"));
  };
  const std::string one = bytes("1");
  EXPECT_EQ(one, bytes("2"));
  EXPECT_EQ(one, bytes("3"));
}

TEST_F(PrepareCommand, FailuresSayWhatToDoAndLeaveNoFile) {
  const auto expect_failure = [&](int status, const std::string& part,
                                  const std::vector<std::string>& arguments) {
    const RunResult r = run(arguments);
    EXPECT_EQ(r.status, status) << r.text();
    EXPECT_NE(r.err.find(part), std::string::npos) << r.text();
    EXPECT_EQ(r.out, "");
  };
  const std::string model = at("model"), out = at("x.tokens");
  expect_failure(1, "found no file", {at("no*.txt"), "--tokenizer", model, "--output", out});
  expect_failure(2, "expected a name in .tokens",
                 {at("texts/a.txt"), "--tokenizer", model, "--output", at("x.bin")});
  expect_failure(2, "--separator: found 'a\\x'",
                 {at("texts/a.txt"), "--tokenizer", model, "--output", out, "--separator", "a\\x"});
  check::write_file(t / "bad.jsonl", "{\"text\":\"the cat\"}\n{\"body\":1}\n");
  expect_failure(1, "bad.jsonl: line 2: field 'text' is missing",
                 {at("bad.jsonl"), "--tokenizer", model, "--output", out});
  EXPECT_FALSE(std::filesystem::exists(out));
  const RunResult lenient =
      run({at("bad.jsonl"), "--tokenizer", model, "--output", out, "--skip-bad-records", "--json"});
  EXPECT_EQ(lenient.status, 0) << lenient.text();
  EXPECT_EQ(json::parse(lenient.out)["bad_records"], 1);
  EXPECT_NE(lenient.err.find("1 of 2 records were bad"), std::string::npos) << lenient.err;
}

}  // namespace
}  // namespace lyceum
