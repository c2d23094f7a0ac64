// index, search.
#include <sqlite3.h>

#include <cmath>

#include "base/file.h"
#include "formats/npy.h"
#include "tests/command/command.h"

namespace lyceum {
namespace {

class CommandIndex : public Command {
 protected:
  CommandIndex() {
    write_tiny_bert(t / "model", {.max_positions = 64, .sentence = true});
    write_file(t / "notes/a.md", "# Cat\nThe cat sat on the mat.\n");
    write_file(t / "notes/sub/b.md", "The dog ran.\n");
    write_file(t / "notes/c.pdf", "%PDF-1.7\n");
  }
  // The only vector of an index.
  static std::string vector_in(const fs::path& index) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(index.c_str(), &db), SQLITE_OK);
    sqlite3_stmt* s = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db, "SELECT vector FROM chunks", -1, &s, nullptr), SQLITE_OK);
    std::string out;
    while (sqlite3_step(s) == SQLITE_ROW)
      out.append(static_cast<const char*>(sqlite3_column_blob(s, 0)),
                 static_cast<std::size_t>(sqlite3_column_bytes(s, 0)));
    sqlite3_finalize(s);
    sqlite3_close(db);
    return out;
  }
  static constexpr const char* kIndex = "$lyceum index notes/ --model $m --output notes.index";
};

TEST_F(CommandIndex, IndexAndSearch) {
  const RunResult made = shell(std::string(kIndex) + " --json");
  const auto o = objects(made);
  ASSERT_EQ(o.size(), 1u);
  EXPECT_EQ(o[0]["added"], 2);
  EXPECT_EQ(o[0]["skipped"], 1);
  EXPECT_TRUE(contains(made.err, "notes/c.pdf")) << "what was left out is named: " << made.text();
  const auto hits = objects(shell("$lyceum search notes.index 'the dog ran.' --json --top 1"));
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0]["rank"], 1);
  EXPECT_NEAR(hits[0]["score"].get<double>(), 1, 1e-5);  // the passage itself: a sum of 8 products in f32
  EXPECT_EQ(hits[0]["file"], "notes/sub/b.md");
  EXPECT_EQ(hits[0]["line"], 1);
  EXPECT_EQ(hits[0]["text"], "The dog ran.");
  EXPECT_EQ(hits[0].size(), 5u);
  const RunResult people = shell("$lyceum search notes.index 'the dog ran.' --hybrid");
  EXPECT_TRUE(contains(people.out, "notes/sub/b.md:1\n")) << people.text();
  EXPECT_FALSE(contains(people.out, "\033")) << "no colours in a pipe";
}

TEST_F(CommandIndex, FromAnotherWorkingDirectory) {
  ASSERT_EQ(shell(kIndex).status, 0);
  EXPECT_EQ(objects(shell(
                "cd notes/sub && $lyceum search ../../notes.index 'the dog ran.' --json --top 1"))[0]["file"],
            "b.md");
  const auto o = objects(shell("cd notes && $lyceum index . --output ../notes.index --json"));
  EXPECT_EQ(o[0]["unchanged"], 2)
      << "neither the model's nor the files' names depend on the working directory";
  EXPECT_EQ(o[0]["deleted"], 0);
}

TEST_F(CommandIndex, SeveralQuestionsAndEachAnswerSaysWhichItBelongsTo) {
  ASSERT_EQ(shell(kIndex).status, 0);
  const auto hits = objects(shell("$lyceum search notes.index - --json --top 1", "the dog\n\nthe cat\n"));
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0]["query"], "the dog");
  EXPECT_EQ(hits[1]["query"], "the cat");
  EXPECT_EQ(objects(shell("$lyceum search notes.index 'the dog' 'the cat' --json --top 1")).size(), 2u);
  expect_failure(shell("$lyceum search notes.index ' '"), 2, "empty");
}

TEST_F(CommandIndex, WhatAUserMayGetWrong) {
  expect_failure(shell("$lyceum search notes.index cat"), 1, "lyceum index");
  expect_failure(shell("$lyceum index nowhere --model $m --output x.index"), 1, "nowhere");
  const RunResult empty = shell("mkdir empty && $lyceum index empty --model $m --output x.index --json");
  EXPECT_EQ(empty.status, 0);
  EXPECT_TRUE(contains(empty.err, "found no text file in empty")) << empty.text();
  const RunResult nothing = shell("$lyceum search x.index cat --json");
  EXPECT_EQ(nothing.status, 0);
  EXPECT_EQ(nothing.out, "");
  EXPECT_TRUE(contains(nothing.err, "empty"));
  ASSERT_EQ(shell(kIndex).status, 0);
  write_tiny_bert(t / "other", {.seed = 2, .max_positions = 64, .sentence = true});
  expect_failure(shell("$lyceum index notes --model other --output notes.index"), 1, "anew");
  expect_failure(shell("$lyceum search notes.index cat --model other"), 1, "anew");
  EXPECT_EQ(shell("mv model moved; $lyceum search notes.index cat --model moved").status, 0)
      << "the same model elsewhere";
}

// The vectors of an index are those of `embed` with the same options, to the bit; a score is their cosine.
TEST_F(CommandIndex, VectorsAreThoseOfEmbedWithTheSameOptionsWhichTheIndexRemembers) {
  write_tiny_bert(
      t / "prompts",
      {.max_positions = 64, .sentence = true, .prompts = {{"cat", "the cat: "}, {"mat", "mat: "}}});
  const std::string text = "The dog ran.", query = "the cat sat";
  const struct {
    std::string model, options, query_options;  // those of `embed` for the question
    std::size_t width;
  } cases[] = {
      {"model", "", "", 8},
      {"model", "--truncate-dim 3", "--truncate-dim 3", 3},
      {"model", "--truncate-dim 3 --normalize", "--truncate-dim 3 --normalize", 3},
      {"model", "--pooling cls,max --max-tokens 12", "--pooling cls,max --max-tokens 12", 16},
      {"prompts", "--prompt 'mat '", "--prompt 'mat '", 8},
      {"prompts", "--prompt-name cat --truncate-dim 5 --query-prompt-name mat",
       "--prompt-name mat --truncate-dim 5", 5},
      {"prompts", "--query-prompt 'cat, '", "--prompt 'cat, '", 8},
      {"model", "--truncate-dim 3 --dtype int8", "--truncate-dim 3 --dtype int8", 3},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.options);
    fs::remove(t / "x.index");
    const std::string m = "m=" + c.model + "; ";
    const RunResult made =
        shell(m + "$lyceum index notes/sub --model $m --output x.index " + c.options + " --json");
    ASSERT_EQ(made.status, 0) << made.text();
    const std::string without_query = c.options.substr(0, c.options.find(" --query"));
    const std::string of_text = c.options.starts_with("--query") ? "" : without_query;
    ASSERT_EQ(shell(m + "$lyceum embed $m '" + text + "' --output v.npy " + of_text).status, 0);
    ASSERT_EQ(shell(m + "$lyceum embed $m '" + query + "' --output q.npy " + c.query_options).status, 0);
    const std::vector<float> vector = read_npy(t / "v.npy").values<float>(),
                             question = read_npy(t / "q.npy").values<float>();
    ASSERT_EQ(vector.size(), c.width);
    const std::string blob = vector_in(t / "x.index");
    EXPECT_EQ(blob, std::string(reinterpret_cast<const char*>(vector.data()), c.width * sizeof(float)));
    const auto hits = objects(shell("$lyceum search x.index '" + query + "' --json"));
    ASSERT_EQ(hits.size(), 1u);
    double product = 0, a = 0, b = 0;
    for (std::size_t i = 0; i < c.width; ++i) {
      product += double(vector[i]) * question[i];
      a += double(vector[i]) * vector[i];
      b += double(question[i]) * question[i];
    }
    // a sum of at most 16 products in f32
    EXPECT_NEAR(hits[0]["score"].get<double>(), product / std::sqrt(a * b), 2e-6);
    EXPECT_EQ(objects(shell("$lyceum index notes/sub --output x.index --json"))[0]["unchanged"], 1);
    EXPECT_EQ(objects(shell("$lyceum index notes/sub --output x.index --json " + c.options))[0]["unchanged"],
              1);
  }
}

TEST_F(CommandIndex, OtherOptionsThanThoseOfTheIndexAreRefused) {
  ASSERT_EQ(shell(std::string(kIndex) + " --truncate-dim 3 --prompt 'cat '").status, 0);
  EXPECT_EQ(shell("$lyceum index notes --output notes.index --truncate-dim 3").status, 0)
      << "what is left out is remembered";
  const std::string bytes = read_text(t / "notes.index"),
                    made = R"(made with the embedding options {"prompt":"cat ","truncate_dim":3}, found )";
  const std::pair<const char*, const char*> cases[] = {
      {"--truncate-dim 4", R"("truncate_dim":4)"}, {"--normalize", R"("normalize":true)"},
      {"--prompt 'dog '", R"("prompt":"dog ")"},   {"--query-prompt 'cat '", R"("query_prompt":"cat ")"},
      {"--pooling cls", R"("pooling":["cls"])"},   {"--max-tokens 12", R"("max_tokens":12)"}};
  for (const auto& [options, found] : cases) {
    SCOPED_TRACE(options);
    const RunResult r = shell(std::string("$lyceum index notes --output notes.index ") + options);
    expect_failure(r, 1, made);
    EXPECT_TRUE(contains(r.err, found)) << r.err;
    EXPECT_TRUE(contains(r.err, "Fix: leave them out")) << r.err;
  }
  EXPECT_EQ(read_text(t / "notes.index"), bytes) << "nothing was changed";
  ASSERT_EQ(shell("$lyceum index notes --model $m --output plain.index").status, 0);
  expect_failure(shell("$lyceum index notes --output plain.index --truncate-dim 3"), 1,
                 R"(options none, found {"truncate_dim":3})");
  EXPECT_EQ(shell("$lyceum index notes --output plain.index --truncate-dim 8").status, 0)
      << "the same vectors";
  expect_failure(shell("$lyceum index notes --model $m --output y.index --truncate-dim 9"), 2, "found 9");
  expect_failure(shell("$lyceum index notes --model $m --output y.index --prompt-name x"), 2, "prompt 'x'");
  EXPECT_FALSE(fs::exists(t / "y.index"));
  write_tiny_bert(t / "small", {.width = 2, .max_positions = 64, .sentence = true});
  expect_failure(shell("$lyceum search notes.index cat --model small"), 1, "which the model small does not");
}

TEST_F(CommandIndex, RemoveAndVerify) {
  ASSERT_EQ(shell(kIndex).status, 0);
  EXPECT_EQ(objects(shell("$lyceum index notes/sub --output notes.index --remove --json"))[0]["deleted"], 1);
  const auto o = objects(shell("$lyceum index --output notes.index --verify --json"));
  EXPECT_EQ(o[0]["files"], 1);
  EXPECT_EQ(o[0]["verified"], true);
}

TEST_F(CommandIndex, ColoursOnATerminalUnlessNoColorSaysSo) {
  ASSERT_EQ(shell(kIndex).status, 0);
  const std::string ask = "script -qec \"$lyceum search notes.index 'the dog'\" /dev/null < /dev/null";
  if (shell("command -v script").status != 0) GTEST_SKIP() << "script is not installed";
  EXPECT_TRUE(contains(shell("unset NO_COLOR; TERM=xterm " + ask).out, "\033[1m"));
  EXPECT_FALSE(contains(shell("export NO_COLOR=1; TERM=xterm " + ask).out, "\033[1m"));
  EXPECT_FALSE(contains(shell("unset NO_COLOR; TERM=dumb " + ask).out, "\033[1m"));
}

}  // namespace
}  // namespace lyceum
