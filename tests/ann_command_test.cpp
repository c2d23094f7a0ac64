// Approximate search and the remembered number format as a user meets them.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::RunResult;

class AnnCommand : public testing::Test {
 protected:
  AnnCommand() {
    check::write_tiny_bert(t / "model", {.max_positions = 64, .sentence = true});
    const auto& words = check::tiny_vocabulary();
    for (std::size_t i = 0; i < 60; ++i)
      check::write_file(
          t / fmt::format("notes/{:02}.md", i),
          fmt::format("{} {} {}.\n", words[5 + i % 11], words[5 + i * 3 % 11], words[5 + i / 11]));
    if (shell("$lyceum doctor").out.find("approximate search: Faiss") == std::string::npos)
      without_faiss = true;
    EXPECT_EQ(without_faiss, !LYCEUM_WITH_ANN) << "whether the module was built";
  }
  RunResult shell(const std::string& line) const {
    const std::string script = "cd '" + t.path().string() + "' && lyceum='" LYCEUM_COMMAND "' && " + line;
    return check::run_command("/bin/sh", {"-c", script});
  }
  static std::vector<nlohmann::json> objects(const RunResult& r) {
    EXPECT_EQ(r.status, 0) << r.text();
    std::vector<nlohmann::json> out;
    std::istringstream lines(r.out);
    for (std::string line; std::getline(lines, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }
  static void expect_failure(const RunResult& r, int status, const std::string& part) {
    EXPECT_EQ(r.status, status) << r.text();
    EXPECT_NE(r.err.find(part), std::string::npos) << r.text();
  }
  check::TemporaryFolder t;
  bool without_faiss = false;
  static constexpr const char* kIndex = "$lyceum index notes --model model --output x.index ";
};

TEST_F(AnnCommand, AnIndexIsMadeKeptUpToDateAndAsked) {
  if (without_faiss) GTEST_SKIP() << "built without Faiss";
  for (const std::string kind : {"hnsw", "ivfpq"}) {
    SCOPED_TRACE(kind);
    auto made = objects(shell(kIndex + ("--json --ann " + kind)));
    EXPECT_EQ(made[0]["ann"]["kind"], kind);
    EXPECT_EQ(made[0]["ann"]["added"], 60);
    EXPECT_EQ(made[0]["ann"]["bytes"], fs::file_size(t / ("x.index." + kind)));
    made = objects(shell("$lyceum index notes --output x.index --json"));
    EXPECT_EQ(made[0]["ann"]["added"], 0) << "remembered, and up to date";

    const std::string ask = "$lyceum search x.index 'the cat' --json --top 5 ";
    const auto exact = objects(shell(ask + "--exact"));
    EXPECT_EQ(exact.size(), 5u);
    const RunResult near = shell(ask + "--effort 30");
    EXPECT_EQ(near.err, "");
    EXPECT_EQ(objects(near)[0]["score"], exact[0]["score"]);
    EXPECT_EQ(objects(shell(ask + "--effort 60")), exact);

    check::write_file(t / ("x.index." + kind), "not what it was");
    const RunResult without = shell(ask + "--effort 30");
    EXPECT_EQ(objects(without), exact);
    EXPECT_NE(without.err.find("searching exactly: x.index." + kind), std::string::npos) << without.err;
    EXPECT_NE(without.err.find("Fix: `lyceum index`"), std::string::npos) << without.err;
    EXPECT_EQ(objects(shell("$lyceum index notes --output x.index --json"))[0]["ann"]["added"], 60);
    EXPECT_EQ(shell(ask + "--effort 30").err, "");
  }
  EXPECT_FALSE(fs::exists(t / "x.index.hnsw")) << "there is one kind at a time";
  const RunResult people = shell("$lyceum index notes --output x.index --ann hnsw");
  EXPECT_NE(people.out.find("x.index.hnsw: "), std::string::npos) << people.out;
  EXPECT_FALSE(objects(shell("$lyceum index notes --output x.index --ann none --json"))[0].contains("ann"));
  EXPECT_FALSE(fs::exists(t / "x.index.hnsw"));
}

TEST_F(AnnCommand, TheStructureIsOfTheCutVectors) {
  if (without_faiss) GTEST_SKIP() << "built without Faiss";
  expect_failure(shell(kIndex + std::string("--truncate-dim 3 --ann ivfpq --ann-bytes 2")), 2, "divisor");
  for (const std::string kind : {"hnsw", "ivfpq"})
    for (const std::string options : {"--truncate-dim 3", "--truncate-dim 3 --normalize"}) {
      SCOPED_TRACE(kind + " " + options);
      fs::remove(t / "x.index");
      ASSERT_EQ(shell(kIndex + options + " --ann " + kind).status, 0);
      EXPECT_EQ(objects(shell("$lyceum index notes --output x.index --json"))[0]["ann"]["added"], 0);
      const std::string ask = "$lyceum search x.index 'the cat' --json --top 5 ";
      const auto exact = objects(shell(ask + "--exact"));
      EXPECT_EQ(exact.size(), 5u);
      const RunResult near = shell(ask + "--effort 50");
      EXPECT_EQ(near.err, "") << "no trouble: it was used";
      EXPECT_EQ(objects(near)[0]["score"], exact[0]["score"]);
      EXPECT_EQ(shell("$lyceum index --output x.index --verify").status, 0);
    }
}

TEST_F(AnnCommand, WithoutFaissTheIndexIsMadeAndSearchedExactly) {
  if (!without_faiss) GTEST_SKIP() << "Faiss is here";
  expect_failure(shell(kIndex + std::string("--ann hnsw")), 3, "libfaiss-dev");
  EXPECT_EQ(shell(kIndex).status, 0);
  EXPECT_EQ(shell("$lyceum search x.index 'the cat'").status, 0);
}

TEST_F(AnnCommand, WhatAUserMayGetWrong) {
  expect_failure(shell(kIndex + std::string("--ann tree")), 2, "hnsw");
  expect_failure(shell(kIndex + std::string("--ann-links 4")), 2, "--ann");
  expect_failure(shell(kIndex + std::string("--ann hnsw --ann-links 1")), 2, "2");
  EXPECT_FALSE(fs::exists(t / "x.index")) << "nothing was begun";
  if (without_faiss) return;
  expect_failure(shell(kIndex + std::string("--ann ivfpq --ann-bytes 5")), 2, "divisor");
}

TEST_F(AnnCommand, TheNumberFormatIsRemembered) {
  ASSERT_EQ(shell(kIndex + std::string("--dtype int8")).status, 0);
  const std::string ask = "$lyceum search x.index 'the cat' --json --top 1 ";
  const auto answer = objects(shell(ask));
  EXPECT_EQ(objects(shell(ask + "--dtype int8")), answer);
  for (const std::string other : {"f32", "bf16"})
    expect_failure(shell(ask + "--dtype " + other), 1, "in the number format int8, found");
  check::write_file(t / "notes/new.md", "the dog.\n");
  expect_failure(shell("$lyceum index notes --output x.index --dtype bf16"), 1, "found bf16");
  EXPECT_EQ(objects(shell("$lyceum index notes --output x.index --json"))[0]["added"], 1);

  ASSERT_EQ(shell("$lyceum index notes --model model --output y.index").status, 0);
  EXPECT_EQ(shell("$lyceum search y.index 'the cat' --dtype f32").status, 0) << "as the files are";
  expect_failure(shell("$lyceum search y.index 'the cat' --dtype int8"), 1, "found int8");
}

}  // namespace
}  // namespace lyceum
