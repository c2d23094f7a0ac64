// The conventions of the command line, on the program itself.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "check/torch_archive.h"
#include "formats/npy.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::RunResult;
using check::TemporaryFolder;
using check::write_file;
using check::write_tiny_bert;
using nlohmann::json;

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
                              "train"};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class Command : public testing::Test {
 protected:
  Command() { write_tiny_bert(t / "model", {.sentence = true}); }

  RunResult run(const std::vector<std::string>& arguments, const std::string& input = "") const {
    return check::run_command(LYCEUM_COMMAND, arguments, {.input = input});
  }
  // A line of bash: $lyceum the program, $m the model's folder, the working directory a folder of the test's
  // own.
  RunResult shell(const std::string& script, const std::string& input = "") const {
    const std::string all =
        "set -u; lyceum='" LYCEUM_COMMAND "'; cd '" + t.path().string() + "'; m=model; " + script;
    return check::run_command("/bin/bash", {"-c", all}, {.input = input});
  }
  std::string model() const { return (t / "model").string(); }
  // One JSON object a line and nothing else on standard output.
  static std::vector<json> objects(const RunResult& r) {
    EXPECT_EQ(r.status, 0) << r.text();
    std::vector<json> out;
    for (const std::string& line : lines_of(r.out)) {
      out.push_back(json::parse(line, nullptr, false));
      EXPECT_TRUE(out.back().is_object()) << "not a JSON object: " << line;
    }
    return out;
  }
  static void expect_failure(const RunResult& r, int status, const std::string& part) {
    EXPECT_EQ(r.status, status) << r.text();
    EXPECT_EQ(r.out, "") << "messages belong on standard error";
    EXPECT_TRUE(contains(r.err, part)) << "expected '" << part << "'\n" << r.text();
  }
  TemporaryFolder t;
};

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

// ---- signals

// Feeds lines until standard input is closed, so that the program is at work when the signal comes.
constexpr const char* kEndless =
    "mkfifo in; (while echo 'the cat sat on the mat'; do :; done) > in 2>/dev/null & feeder=$!; ";
constexpr const char* kWaitForRows =
    "for i in $(seq 400); do s=$(stat -c %s v.npy.part 2>/dev/null || echo 0); if ((s > 1000)); then break; "
    "fi; sleep 0.02; done; ";

TEST_F(Command, InterruptedWorkKeepsItsRowsAndSaysHowToGoOn) {
  for (const char* name : {"INT", "TERM"}) {
    SCOPED_TRACE(name);
    const RunResult r = shell(std::string("rm -f in v.npy*; ") + kEndless +
                              "$lyceum embed $m --input in --output v.npy & p=$!; " + kWaitForRows +
                              "kill -" + name + " $p; wait $p; status=$?; kill $feeder; exit $status");
    EXPECT_EQ(r.status, 130) << r.text();
    EXPECT_TRUE(contains(r.err, "rows, which are kept")) << r.text();
    EXPECT_TRUE(contains(r.err, "--resume")) << r.text();
    EXPECT_EQ(r.out, "");
    EXPECT_FALSE(fs::exists(t / "v.npy"));
    ASSERT_TRUE(fs::exists(t / "v.npy.part"));
    // and it does go on
    const auto rows = (fs::file_size(t / "v.npy.part") - 128) / 32;
    EXPECT_GT(rows, 0u);
    const RunResult more = shell(fmt::format(
        "yes 'the cat sat on the mat' | head -{} | $lyceum embed $m - --output v.npy --resume", rows + 5));
    EXPECT_EQ(more.status, 0) << more.text();
    EXPECT_TRUE(contains(more.err, fmt::format("going on after {} rows", rows))) << more.text();
    EXPECT_EQ(read_npy(t / "v.npy").shape(), Shape({static_cast<std::int64_t>(rows + 5), 8}));
  }
}

TEST_F(Command, CtrlCEndsAProgramThatWaitsForInput) {
  const RunResult r = shell(
      "mkfifo in; sleep 20 > in & s=$!; $lyceum embed $m - < in & p=$!; sleep 0.5; kill -INT $p; wait $p; "
      "status=$?; kill $s; exit $status");
  EXPECT_EQ(r.status, 130) << r.text();
  EXPECT_LT(r.seconds, 15);
  EXPECT_TRUE(contains(r.err, "interrupted")) << r.text();
}

TEST_F(Command, ResumingWithAnotherModelOptionOrInputIsRefused) {
  const std::string start = std::string("rm -f in v.npy*; ") + kEndless +
                            "$lyceum embed $m --input in --output v.npy & p=$!; " + kWaitForRows +
                            "kill -9 $p; wait $p; kill $feeder; ";
  ASSERT_LT(0, shell(start + "true").seconds);
  write_tiny_bert(t / "other", {.seed = 2, .sentence = true});
  for (const char* wrong : {"embed other", "embed model --max-tokens 5", "embed model --prompt 'a '"}) {
    const RunResult r =
        shell(std::string("yes cat | head -100000 | $lyceum ") + wrong + " - --output v.npy --resume");
    expect_failure(r, 1, "another model or other options");
  }
  expect_failure(shell("echo cat | $lyceum embed model - --output v.npy --resume"), 1, "lines only");
  EXPECT_EQ(shell("echo cat | $lyceum embed model - --output v.npy").status, 0);
}

TEST_F(Command, TwoWritersOfOneFileDoNotMix) {
  const RunResult r =
      shell(std::string(kEndless) + "$lyceum embed $m --input in --output v.npy & p=$!; " + kWaitForRows +
            "$lyceum embed $m cat --output v.npy; status=$?; kill -9 $p; kill $feeder; wait 2>/dev/null; "
            "exit $status");
  EXPECT_EQ(r.status, 1) << r.text();
  EXPECT_TRUE(contains(r.err, "another process")) << r.text();
}

TEST_F(Command, AReaderThatLeavesIsNoError) {
  const RunResult r =
      shell("yes 'the cat' | head -200000 | $lyceum tokenize $m - --json | head -1; echo ${PIPESTATUS[2]}");
  const auto lines = lines_of(r.out);
  ASSERT_EQ(lines.size(), 2u) << r.text();
  EXPECT_TRUE(json::parse(lines[0]).contains("ids"));
  EXPECT_EQ(lines[1], "141") << "ended by SIGPIPE";
  EXPECT_EQ(r.err, "");
}

TEST_F(Command, AFullDiskIsAnErrorThatSaysSo) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  const RunResult r = shell("$lyceum tokenize $m 'the cat' > /dev/full");
  EXPECT_EQ(r.status, 1) << r.text();
  EXPECT_TRUE(contains(r.err, "No space left")) << r.text();
}

// ---- tokenize, detokenize

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

// ---- list, show, doctor, bench, forward

TEST_F(Command, ListShowsNamesBundledAndCachedModels) {
  const auto names = objects(run({"list", "--names", "--json"}));
  EXPECT_TRUE(std::any_of(names.begin(), names.end(), [](const json& o) {
    return o["name"] == "bert-base-uncased" && o["model"] == "google-bert/bert-base-uncased";
  }));
  fs::create_directories(t / "home/models");
  fs::rename(t / "model", t / "home/models/tiny");
  const fs::path snapshot = t / "hf/hub/models--acme--tiny/snapshots/abc";
  write_tiny_bert(snapshot, {.seed = 3, .sentence = true});
  write_file(t / "hf/hub/models--acme--tiny/refs/main", "abc");
  const std::string env = "export LYCEUM_HOME=$PWD/home HF_HOME=$PWD/hf; unset HF_HUB_CACHE; ";
  const auto models = objects(shell(env + "$lyceum list --json"));
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0]["name"], "tiny");
  EXPECT_EQ(models[0]["kind"], "bundled");
  EXPECT_GT(models[0]["bytes"].get<std::int64_t>(), 1000);
  EXPECT_EQ(models[0]["revision"], "");
  EXPECT_EQ(models[1]["name"], "acme/tiny");
  EXPECT_EQ(models[1]["revision"], "abc");
  EXPECT_EQ(models[1]["refs"], json({"main"}));
  EXPECT_EQ(models[1]["files"], models[0]["files"]);
  EXPECT_EQ(models[1]["bytes"], models[0]["bytes"]);
  for (const char* name : {"tiny", "acme/tiny", "acme/tiny@main", "acme/tiny@abc"})
    EXPECT_EQ(shell(env + "$lyceum embed " + name + " 'the cat' --json").status, 0) << name;
  EXPECT_EQ(shell("export HF_HUB_CACHE=$PWD/hf/hub; unset HF_HOME; $lyceum embed acme/tiny cat").status, 0)
      << "HF_HUB_CACHE";
  expect_failure(shell(env + "$lyceum embed acme/tiny@v2 cat"), 1, "`lyceum pull acme/tiny@v2` fetches it");
  EXPECT_EQ(
      shell("export LYCEUM_HOME=$PWD/none HF_HOME=$PWD/none; unset HF_HUB_CACHE; $lyceum list --json").out,
      "");
}

TEST_F(Command, ShowTellsWhatAModelIs) {
  const auto o = objects(run({"show", model(), "--taps", "--tensors", "--json"}));
  ASSERT_EQ(o.size(), 1u);
  EXPECT_EQ(o[0]["family"], "bert");
  EXPECT_EQ(o[0]["can_be_used_as"], "encoder: forward, bench, embed, index, cluster, mine");
  EXPECT_EQ(o[0]["width"], 8);
  EXPECT_TRUE(contains(o[0]["sentence_pipeline"].get<std::string>(), "pooling mean"));
  EXPECT_FALSE(o[0]["taps"].empty());
  EXPECT_FALSE(o[0]["tensors"].empty());
  const RunResult people = run({"show", model(), "--taps"});
  EXPECT_EQ(people.status, 0);
  EXPECT_TRUE(contains(people.out, o[0]["taps"][0].get<std::string>()));
}

TEST_F(Command, DoctorDescribesTheMachineAndTheBuild) {
  const auto o = objects(run({"doctor", "--json"}));
  ASSERT_EQ(o.size(), 1u);
  for (const char* key : {"version", "processor", "instruction_sets", "kernels", "threads", "memory_bytes",
                          "compiler", "libraries", "families", "bundled_models", "hub_cache"})
    EXPECT_TRUE(o[0].contains(key)) << key;
  EXPECT_EQ(objects(run({"doctor", "--json", "--threads", "1"}))[0]["threads"], 1);
  std::string isa = o[0]["instruction_sets"];
  isa = isa.substr(0, isa.find(','));
  EXPECT_EQ(objects(shell("LYCEUM_ISA=" + isa + " $lyceum doctor --json"))[0]["kernels"], isa);
}

TEST_F(Command, BenchMeasuresModelTextsAndMachine) {
  const auto o =
      objects(run({"bench", model(), "--batch", "2", "--tokens", "8", "--repeats", "1", "--json"}));
  ASSERT_EQ(o.size(), 1u);
  EXPECT_EQ(o[0]["case"], "2x8");
  for (const char* key :
       {"unit", "median", "min", "max", "repeats", "threads", "dtype", "peak_bytes", "product_rate"})
    EXPECT_TRUE(o[0].contains(key)) << key;
  write_file(t / "x.txt", "the cat\na dog\n");
  EXPECT_EQ(objects(run({"bench", model(), "--texts", (t / "x.txt").string(), "--repeats", "1",
                         "--json"}))[0]["unit"],
            "texts/s");
  const auto machine = objects(run({"bench", "--roofline", "--repeats", "1", "--json"}));
  ASSERT_EQ(machine.size(), 1u);
  EXPECT_GT(machine[0]["product_gflops"].get<double>(), 0);
  EXPECT_GT(machine[0]["copy_gbytes_per_s"].get<double>(), 0);
}

TEST_F(Command, ForwardListsWhatItWrote) {
  Tensor ids = Tensor::zeros({1, 3}, DType::kI64);
  for (std::int64_t i = 0; i < 3; ++i) ids.mutable_data<std::int64_t>()[i] = 5 + i;
  write_safetensors(t / "in.safetensors", std::vector<std::pair<std::string, Tensor>>{{"input_ids", ids}});
  const auto o = objects(run({"forward", model(), "--inputs", (t / "in.safetensors").string(), "--outputs",
                              (t / "out.safetensors").string(), "--json"}));
  ASSERT_GE(o.size(), 2u);
  EXPECT_EQ(o[0]["name"], "last_hidden_state");
  EXPECT_EQ(o[0]["shape"], (json{1, 3, 8}));
  EXPECT_TRUE(fs::exists(t / "out.safetensors"));
}

TEST_F(Command, TensorsThatAreNotNeededAreNamedOrRefused) {
  NamedTensors tensors = check::tiny_bert_tensors();
  tensors.emplace("leftover.weight", Tensor::zeros({3}));
  write_safetensors(t / "model/model.safetensors",
                    std::vector<std::pair<std::string, Tensor>>(tensors.begin(), tensors.end()));
  EXPECT_EQ(run({"embed", model(), "cat"}).err, "");
  EXPECT_TRUE(contains(run({"embed", model(), "cat", "--verbose"}).err, "leftover.weight"));
  expect_failure(run({"embed", model(), "cat", "--strict"}), 1, "leftover.weight");
  EXPECT_TRUE(contains(run({"show", model()}).out, "leftover.weight"));
}

// ---- convert

TEST_F(Command, FilesOfTorchAreShownAndConverted) {
  check::write_tiny_bert(t / "plain");
  const std::string plain = (t / "plain").string();
  check::write_file(t / "bin/pytorch_model.bin", check::torch_file_of(check::tiny_bert_tensors()));
  for (const char* name : {"config.json", "vocab.txt", "tokenizer_config.json"})
    fs::copy_file(t / "plain" / name, t / "bin" / name);
  const std::string bin = (t / "bin").string(), out = (t / "converted").string();
  const json shown = objects(run({"show", bin, "--tensors", "--json"})).at(0),
             expected = objects(run({"show", plain, "--tensors", "--json"})).at(0);
  EXPECT_EQ(shown["file_bytes"], expected["file_bytes"]);
  ASSERT_EQ(shown["tensors"].size(), expected["tensors"].size());
  EXPECT_EQ(shown["tensors"][0]["file"], "pytorch_model.bin");
  EXPECT_EQ(shown["tensors"][0]["shape"], expected["tensors"][0]["shape"]);
  const std::string embedding = run({"embed", plain, "the cat", "--json"}).out;
  EXPECT_EQ(run({"embed", bin, "the cat", "--json"}).out, embedding);
  EXPECT_EQ(run({"embed", bin + "/pytorch_model.bin", "the cat", "--json"}).out, embedding);

  const auto o = objects(run({"convert", bin, "--output", out, "--json"}));
  ASSERT_EQ(o.size(), 1u);
  EXPECT_EQ(o[0]["tensors"], expected["tensors"].size());
  EXPECT_EQ(run({"embed", out, "the cat", "--json"}).out, embedding);
  expect_failure(run({"convert", bin, "--output", out}), 1, "is there already");
  expect_failure(run({"convert", bin, "--output", out, "--force", "--dtype", "int7"}), 3,
                 "f32, bf16, f16 or int8");
  expect_failure(run({"convert", bin}), 2, "--output");
  EXPECT_EQ(run({"convert", bin, "--output", out, "--force", "--dtype", "bf16"}).status, 0);
  EXPECT_TRUE(contains(read_text(t / "converted/config.json"), "bfloat16"));
}

// ---- index, search

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

// ---- shells

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

TEST_F(Command, PlotDrawsRunsAsAFigureOrAPage) {
  std::string lines;
  for (int step = 1; step <= 100; ++step)
    lines += fmt::format(
        "{{\"step\":{},\"loss_nats\":{},\"learning_rate\":0.001,\"gradient_norm\":null,\"tokens\":10,"
        "\"tokens_per_s\":5}}\n",
        step, 5.0 / step);
  write_file(t / "runs/a/metrics.jsonl", lines + "{\"step\":100,\"valid_loss_nats\":0.5}\n{\"step\":10");
  write_file(t / "runs/b/metrics.jsonl", lines);
  const RunResult figure = shell("$lyceum plot runs/a");
  EXPECT_EQ(figure.status, 0) << figure.text();
  EXPECT_TRUE(figure.out.starts_with("<svg ") && figure.out.ends_with("</svg>\n"));
  EXPECT_TRUE(contains(figure.out, "valid_loss_nats"));

  const RunResult file = shell("$lyceum plot runs/a --output a.svg && $lyceum plot runs/a | cmp - a.svg");
  EXPECT_EQ(file.status, 0) << file.text();
  EXPECT_EQ(file.out, "a.svg: 2 curves in 1 chart\n");
  const RunResult page = shell(
      "$lyceum plot runs/a runs/b/metrics.jsonl --smooth 0.9 --x tokens --log-y --title '<b>' --series "
      "loss_nats,learning_rate -o p.html");
  EXPECT_EQ(page.status, 0) << page.text();
  const std::string html = read_text(t / "p.html");
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(contains(html, "<h1>&lt;b&gt;</h1>"));
  EXPECT_TRUE(contains(html, "b: loss_nats") || contains(html, ">b (smoothed)<"));

  const auto rows = objects(shell("$lyceum plot runs/a runs/b --json"));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0]["run"], "a");
  EXPECT_EQ(rows[0]["lowest"], 0.05);
  EXPECT_EQ(rows[0]["lowest_step"], 100);
  EXPECT_EQ(rows[1]["series"], "valid_loss_nats");
  const auto none = objects(shell("$lyceum plot runs/a --series gradient_norm --json"));
  EXPECT_EQ(none.at(0)["values"], 0);
  EXPECT_EQ(none.at(0).count("last"), 0u);
}

TEST_F(Command, PlotSaysWhatItCannotDraw) {
  write_file(t / "a/metrics.jsonl", "{\"step\":1,\"reward\":2}\n");
  expect_failure(run({"plot"}), 2, "run is required");
  expect_failure(run({"plot", (t / "a").string(), "-o", "x.png"}), 2, "expected a name in .svg or .html");
  expect_failure(run({"plot", (t / "a").string(), "--smooth", "1"}), 2, "from 0 to below 1");
  expect_failure(run({"plot", (t / "a").string(), "--x", "miles"}), 2, "--x");
  expect_failure(run({"plot", (t / "a").string()}), 1, "only the series: reward");
  expect_failure(run({"plot", (t / "a").string(), "--series", "loss"}), 1, "expected one of: reward");
  expect_failure(run({"plot", (t / "a").string(), "--series", "reward", "--x", "tokens"}), 1, "--x step");
  expect_failure(run({"plot", (t / "none").string()}), 1, "none");
  expect_failure(run({"plot", t.path().string()}), 1, "metrics.jsonl");
  expect_failure(run({"plot", (t / "a").string(), "--series", "reward", "-o", (t / "no/x.svg").string()}), 1,
                 "no/x.svg");
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
