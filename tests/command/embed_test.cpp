// Texts in, vectors out.
#include <cmath>

#include "base/file.h"
#include "formats/npy.h"
#include "tests/command/command.h"

namespace lyceum {
namespace {

TEST_F(Command, EmbedWritesOneObjectALine) {
  const auto rows = objects(run({"embed", model(), "the cat sat", "a dog", "--json"}));
  ASSERT_EQ(rows.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rows[i]["index"], i);
    EXPECT_EQ(rows[i]["embedding"].size(), 8u);
    EXPECT_EQ(rows[i].size(), 2u);
  }
}

TEST_F(Command, TextsComeFromArgumentsFilesStandardInputAndJsonLines) {
  const std::string want = run({"embed", model(), "the cat", "a dog", "--json"}).out;
  write_file(t / "unix.txt", "the cat\na dog\n");
  write_file(t / "dos.txt", "the cat\r\na dog\r\n");
  write_file(t / "no_end.txt", "the cat\na dog");
  for (const char* name : {"unix.txt", "dos.txt", "no_end.txt"})
    EXPECT_EQ(run({"embed", model(), "--input", (t / name).string(), "--json"}).out, want) << name;
  EXPECT_EQ(run({"embed", model(), "-", "--json"}, "the cat\na dog\n").out, want);
  EXPECT_EQ(run({"embed", model(), "--input", "-", "--json"}, "the cat\na dog\n").out, want);
  write_file(t / "x.jsonl", "{\"id\": 1, \"body\": \"the cat\"}\n{\"body\": \"a dog\"}\n\n");
  EXPECT_EQ(run({"embed", model(), "--input", (t / "x.jsonl").string(), "--field", "body", "--json"}).out,
            want);
  expect_failure(run({"embed", model(), "--input", (t / "x.jsonl").string(), "--json"}), 1,
                 "'text' is missing");
  write_file(t / "bad.jsonl", "{\"text\": \"a\"}\nnot json\n");
  EXPECT_TRUE(
      contains(run({"embed", model(), "--input", (t / "bad.jsonl").string(), "--json"}).err, "line 2"));
}

// sentence-transformers embeds the empty text (its special tokens), and white space at both ends is nothing
// to the tokenizer.
TEST_F(Command, DtypeChoosesTheProductsAndAnotherNameIsUnsupported) {
  const auto first = [&](const std::string& dtype) {
    return objects(run({"embed", model(), "old music", "--json", "--dtype", dtype}))[0]["embedding"]
        .get<std::vector<double>>();
  };
  const std::vector<double> exact = first("f32");
  EXPECT_EQ(
      objects(run({"embed", model(), "old music", "--json"}))[0]["embedding"].get<std::vector<double>>(),
      exact);
  for (const char* dtype : {"bf16", "int8"}) {
    const std::vector<double> narrow = first(dtype);
    ASSERT_EQ(narrow.size(), exact.size());
    EXPECT_NE(narrow, exact) << dtype;
    double dot = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) dot += narrow[i] * exact[i];
    EXPECT_GT(dot, 0.99) << dtype;  // of two vectors of length 1
  }
  expect_failure(run({"embed", model(), "a", "--dtype", "int3"}), 3, "expected f32, bf16 or int8");
}

TEST_F(Command, AnEmptyLineIsATextOfItsOwn) {
  const auto rows = objects(run({"embed", model(), "-", "--json"}, "the cat\n\n  the cat \n \n"));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0]["embedding"], rows[2]["embedding"]);
  EXPECT_EQ(rows[1]["embedding"], rows[3]["embedding"]);
  EXPECT_NE(rows[0]["embedding"], rows[1]["embedding"]);
  EXPECT_EQ(objects(run({"embed", model(), "", "--json"}))[0]["embedding"], rows[1]["embedding"]);
}

TEST_F(Command, AnEmptyInputGivesAnEmptyOutput) {
  const RunResult r = run({"embed", model(), "-", "--json"}, "");
  EXPECT_EQ(r.status, 0) << r.text();
  EXPECT_EQ(r.out, "");
  const std::string file = (t / "v.npy").string();
  EXPECT_EQ(run({"embed", model(), "-", "--output", file}, "").status, 0);
  EXPECT_EQ(read_npy(file).shape(), Shape({0, 8}));
}

TEST_F(Command, AnOutputFileHoldsTheNumbersThatJsonShows) {
  const std::string file = (t / "v.npy").string();
  const auto rows = objects(run({"embed", model(), "the cat", "a dog", "--json"}));
  const auto summary = objects(run({"embed", model(), "the cat", "a dog", "--output", file, "--json"}));
  ASSERT_EQ(summary.size(), 1u);
  EXPECT_EQ(summary[0]["rows"], 2);
  const Tensor v = read_npy(file);
  ASSERT_EQ(v.shape(), Shape({2, 8}));
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t c = 0; c < 8; ++c)
      EXPECT_EQ(v.row<float>(r)[c],
                rows[static_cast<std::size_t>(r)]["embedding"][static_cast<std::size_t>(c)].get<float>());
  EXPECT_FALSE(fs::exists(t / "v.npy.part"));
}

TEST_F(Command, InvalidUtf8IsCountedOrRefused) {
  const RunResult r = run({"embed", model(), "-", "--json"}, "the \xFF cat \xC3\n");
  EXPECT_EQ(objects(r).size(), 1u);
  EXPECT_TRUE(contains(r.err, "2 invalid UTF-8")) << r.text();
  const RunResult strict = run({"embed", model(), "-", "--json", "--strict"}, "the cat\nthe \xFF\n");
  expect_failure(strict, 1, "line 2");
  EXPECT_EQ(run({"embed", model(), "-", "--json", "--quiet"}, "\xFF\n").err, "") << "--quiet";
}

TEST_F(Command, TextsThatAreTooLongAreCountedAndMarkedOrRefused) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "cat ";
  const RunResult r = run({"embed", model(), "the dog", text, "--json"});
  const auto rows = objects(r);
  EXPECT_FALSE(rows[0].contains("truncated"));
  EXPECT_EQ(rows[1]["truncated"], true);
  EXPECT_TRUE(contains(r.err, "1 of 2 texts were cut to 16 tokens")) << r.text();
  const RunResult refused = run({"embed", model(), text, "--no-truncate"});
  expect_failure(refused, 1, "text 1 has more than 16 tokens");
  EXPECT_EQ(run({"embed", model(), "the dog", "--no-truncate"}).status, 0);
  EXPECT_EQ(objects(run({"tokenize", model(), text, "--max-tokens", "5", "--json"}))[0]["truncated"], true);
}

TEST_F(Command, OfAnOutputOnlyTheWholeFileAppears) {
  std::string text(200, 'x');
  for (int i = 0; i < 40; ++i) text += " cat";
  const RunResult r = run({"embed", model(), "-", "--no-truncate", "--output", (t / "v.npy").string()},
                          "a dog\n" + text + "\n");
  EXPECT_EQ(r.status, 1);
  EXPECT_FALSE(fs::exists(t / "v.npy"));
}

}  // namespace
}  // namespace lyceum
