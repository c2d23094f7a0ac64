// Help, wrong usage, exit statuses, shells.
#include <filesystem>

#include "tests/command/command.h"

namespace lyceum {
namespace {

const char* const kVerbs[] = {"embed",      "rerank",
                              "index",      "search",
                              "fill",       "classify",
                              "tag",        "answer",
                              "eval",       "tokenize",
                              "detokenize", "forward",
                              "convert",    "pull",
                              "remove",     "bench",
                              "list",       "show",
                              "doctor",     "completion",
                              "man",        "cluster",
                              "mine",       "plot",
                              "prepare",    "train-tokenizer",
                              "train",      "paper"};

TEST_F(Command, EveryVerbHasHelpWithAnExample) {
  for (const char* verb : kVerbs) {
    const RunResult r = run({verb, "--help"});
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_TRUE(contains(r.out, "Example:\n")) << verb;
    EXPECT_TRUE(contains(r.out, "lyceum " + std::string(verb))) << verb;
    EXPECT_EQ(r.err, "");
  }
  const RunResult all = run({"--help"});
  for (const char* verb : kVerbs) EXPECT_TRUE(contains(all.out, std::string("  ") + verb + " ")) << verb;
}

TEST_F(Command, Version) {
  const RunResult r = run({"--version"});
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(r.out, "lyceum " LYCEUM_VERSION "\n");
}

TEST_F(Command, WrongUsageIsStatusTwoAndSaysWhatWasWrong) {
  expect_failure(run({}), 2, "found no verb");
  expect_failure(run({"sing"}), 2, "sing");
  expect_failure(run({"embed"}), 2, "model is required");
  expect_failure(run({"embed", model(), "a", "--no-such-option"}), 2, "--no-such-option");
  expect_failure(run({"embed", model()}), 2, "found no text");
  expect_failure(run({"embed", model(), "a", "--input", "x"}), 2, "expected one of them");
  expect_failure(run({"embed", model(), "a", "--threads", "0"}), 2, "--threads");
  expect_failure(run({"embed", model(), "a", "--resume"}), 2, "--output");
  expect_failure(run({"index", "--output", (t / "x").string()}), 2, "found no files");
  expect_failure(run({"index", model(), "--output", (t / "x").string()}), 2, "--model");
  expect_failure(run({"bench"}), 2, "--roofline");
  expect_failure(run({"completion", "tcsh"}), 2, "tcsh");
  expect_failure(shell("LYCEUM_ISA=mmx $lyceum doctor"), 2, "LYCEUM_ISA");
}

TEST_F(Command, WorkThatFailsIsStatusOneAndUnsupportedStatusThree) {
  expect_failure(run({"embed", "no/such-model", "a"}), 1, "no/such-model");
  expect_failure(run({"embed", model(), "--input", (t / "missing").string()}), 1, "missing");
  expect_failure(run({"embed", model(), "a", "--dtype", "q4_k"}), 3, "q4_k");
  write_file(t / "odd/config.json", R"({"model_type": "mamba"})");
  expect_failure(run({"show", (t / "odd").string()}), 3, "mamba");
  write_file(t / "x.gguf", "GGUF");
  expect_failure(run({"show", (t / "x.gguf").string()}), 3, ".gguf");
}

TEST_F(Command, ABareFileNeedsItsConfigurationBesideIt) {
  EXPECT_EQ(objects(run({"show", model() + "/model.safetensors", "--json"})).size(), 1u);
  fs::create_directory(t / "bare");
  fs::copy_file(t / "model/model.safetensors", t / "bare/w.safetensors");
  expect_failure(run({"show", (t / "bare/w.safetensors").string()}), 1, "config.json");
}

TEST_F(Command, CompletionsKnowTheVerbsAndTheirOptions) {
  const RunResult r = shell(
      "source <($lyceum completion bash) && COMP_WORDS=(lyceum det) COMP_CWORD=1 && _lyceum && echo "
      "${COMPREPLY[@]} && "
      "COMP_WORDS=(lyceum embed --res) COMP_CWORD=2 && _lyceum && echo ${COMPREPLY[@]}");
  EXPECT_EQ(r.out, "detokenize\n--resume\n") << r.text();
  for (const char* name : {"zsh", "fish"})
    EXPECT_TRUE(contains(run({"completion", name}).out, "detokenize")) << name;
}

TEST_F(Command, TheManualPageNamesEveryVerb) {
  const RunResult r = run({"man"});
  for (const char* verb : kVerbs) EXPECT_TRUE(contains(r.out, std::string(".SS ") + verb + "\n")) << verb;
  EXPECT_TRUE(r.out.starts_with(".TH LYCEUM 1"));
}

}  // namespace
}  // namespace lyceum
