// tokenize, detokenize, train-tokenizer.
#include "base/file.h"
#include "tests/command/command.h"

namespace lyceum {
namespace {

TEST_F(Command, TokenizeAndBack) {
  const auto e = objects(run({"tokenize", model(), "The cats sat.", "--json"}));
  ASSERT_EQ(e.size(), 1u);
  EXPECT_EQ(e[0]["tokens"], (json{"[CLS]", "the", "cat", "##s", "sat", ".", "[SEP]"}));
  EXPECT_EQ(e[0]["offsets"], (json{{0, 0}, {0, 3}, {4, 7}, {7, 8}, {9, 12}, {12, 13}, {0, 0}}));
  EXPECT_EQ(objects(run({"tokenize", model(), "the", "--json", "--no-special"}))[0]["ids"], json{5});
  EXPECT_EQ(run({"detokenize", model(), "2", "5", "7", "11", "9", "3"}).out, "the cat on sat\n");
  EXPECT_EQ(objects(run({"detokenize", model(), "-", "--json"}, "[2, 5, 3]\n7 17\n")),
            (std::vector<json>{{{"text", "the"}}, {{"text", "cats"}}}));
  EXPECT_EQ(run({"detokenize", model(), "2 5", "--keep-special"}).out, "[CLS] the\n");
  expect_failure(run({"detokenize", model(), "five"}), 1, "expected token ids");
  expect_failure(run({"detokenize", model(), "999"}), 1, "999");
  EXPECT_EQ(objects(run({"tokenize", model(), "-", "--pairs", "--json"}, "the cat\ta dog\n"))[0]["tokens"],
            (json{"[CLS]", "the", "cat", "[SEP]", "a", "dog", "[SEP]"}));
  expect_failure(run({"tokenize", model(), "-", "--pairs"}, "no tab\n"), 1, "tab");
}

TEST_F(Command, ALearnedTokenizerIsAFolderThatTokenizes) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "the cat sat on the mat\nThe dog's hat\n";
  write_file(t / "a.txt", text);
  for (const std::string kind : {"bpe", "wordpiece"}) {
    const std::string folder = (t / kind).string();
    const std::vector<std::string> command = {
        "train-tokenizer", "--kind", kind,     "--vocab-size",        "290",
        "--output",        folder,   "--json", (t / "a.txt").string()};
    const std::vector<json> r = objects(run(command));
    ASSERT_EQ(r.size(), 1u);
    EXPECT_EQ(r[0]["words"], kind == "bpe" ? 50 * 12 : 50 * 11);
    const std::vector<json> e = objects(run({"tokenize", folder, "the cat", "--json"}));
    ASSERT_EQ(e.size(), 1u);
    EXPECT_EQ(e[0]["tokens"],
              kind == "bpe" ? json({"the", "\u0120cat"}) : json({"[CLS]", "the", "cat", "[SEP]"}));
    expect_failure(run(command), 1, "--overwrite");
    std::vector<std::string> again = command;
    again.push_back("--overwrite");
    EXPECT_EQ(run(again).status, 0);
  }
  const RunResult small = run({"train-tokenizer", "--kind", "bpe", "--vocab-size", "290", "--output",
                               (t / "people").string(), (t / "a.txt").string()});
  EXPECT_EQ(small.status, 0) << small.text();
  EXPECT_TRUE(contains(small.out, "an alphabet of 256")) << small.text();
  const RunResult cut = run({"train-tokenizer", "--kind", "bpe", "--vocab-size", "5000", "--output",
                             (t / "cut").string(), (t / "a.txt").string()});
  EXPECT_TRUE(contains(cut.err, "not 5000")) << cut.text();
}

TEST_F(Command, TrainTokenizerRefusesWrongUsageAndBadFilesAndLeavesNothing) {
  write_file(t / "a.txt", "some text\n");
  write_file(t / "empty.txt", "");
  const std::string out = (t / "out").string(), a = (t / "a.txt").string();
  const auto train = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"train-tokenizer", "--output", out, "--vocab-size", "300"});
    return run(more);
  };
  expect_failure(train({a}), 2, "--kind");
  expect_failure(train({"--kind", "unigram", a}), 2, "--kind");
  expect_failure(train({"--kind", "bpe"}), 2, "files");
  expect_failure(train({"--kind", "bpe", "--lowercase", "--cased", a}), 2, "--cased");
  expect_failure(train({"--kind", "bpe", "--special", "<s>,<s>", a}), 2, "twice");
  expect_failure(train({"--kind", "bpe", "--template", "roberta", "--special", "<s>", a}), 2,
                 "'</s>' is missing");
  expect_failure(train({"--kind", "bpe", "--limit-alphabet", "10", a}), 2, "256 bytes");
  expect_failure(train({"--kind", "bpe", a, (t / "missing").string()}), 1, "missing");
  expect_failure(train({"--kind", "bpe", (t / "empty.txt").string()}), 1, "found no word");
  expect_failure(run({"train-tokenizer", "--output", out, "--kind", "bpe", "--vocab-size", "100", a}), 2,
                 "at least 257");
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(Command, AnInterruptedTrainTokenizerLeavesNothing) {
  std::string text;
  for (int i = 0; i < 1000000; ++i) text += "w" + std::to_string(i * 7919L % 1000003) + " ";
  write_file(t / "a.txt", text);  // read again and again: seconds of work
  const RunResult r = shell(
      "$lyceum train-tokenizer --kind bpe --vocab-size 30000 --output out --threads 1 $(yes a.txt | head "
      "-60) & "
      "pid=$!; sleep 0.3; kill -INT $pid; wait $pid; echo status $?; ls out 2>/dev/null");
  EXPECT_EQ(r.out, "status 130\n") << r.text();
}

}  // namespace
}  // namespace lyceum
