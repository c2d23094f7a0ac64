// list, show, doctor, bench, forward, convert.
#include <algorithm>

#include "base/file.h"
#include "check/torch_archive.h"
#include "formats/safetensors.h"
#include "tests/command/command.h"

namespace lyceum {
namespace {

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
  const std::string env =
      "export LYCEUM_HOME=$PWD/home LYCEUM_MODELS_DIR=$PWD/none HF_HOME=$PWD/hf; unset HF_HUB_CACHE; ";
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
      shell("export LYCEUM_HOME=$PWD/none LYCEUM_MODELS_DIR=$PWD/none HF_HOME=$PWD/none; unset HF_HUB_CACHE; "
            "$lyceum list --json")
          .out,
      "");
}

TEST_F(Command, AModelOfTheProgramIsFoundByItsNameBehindFoldersAndBeforeTheHub) {
  const fs::path program = t / "program/tiny";
  fs::create_directories(t / "program");
  fs::copy(t / "model", program, fs::copy_options::recursive);
  write_file(program / "README.md", "# tiny: for tests\n\nMore.\n");
  const std::string env =
      "export LYCEUM_HOME=$PWD/home LYCEUM_MODELS_DIR=$PWD/program HF_HOME=$PWD/hf; unset HF_HUB_CACHE; ";
  const auto path_of = [&](const std::string& name) {
    const auto shown = objects(shell(env + "$lyceum show " + name + " --json"));
    return shown.empty() ? std::string() : shown[0]["path"].get<std::string>();
  };
  const auto listed = objects(shell(env + "$lyceum list --json"));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0]["name"], "tiny");
  EXPECT_EQ(listed[0]["kind"], "bundled");
  EXPECT_EQ(listed[0]["about"], "for tests");
  EXPECT_TRUE(contains(shell(env + "$lyceum list").out, "\n  for tests\n"));
  EXPECT_EQ(path_of("tiny"), fs::canonical(program).string());
  expect_failure(shell(env + "$lyceum show acme/tiny"), 1, "acme/tiny");  // no more than its name

  // The user's own of the same name stands over it, a folder here over both.
  write_file(program / "README.md", "# tiny: \x1b[31mred\n");
  EXPECT_EQ(objects(shell(env + "$lyceum list --json"))[0]["about"], "");
  fs::create_directories(t / "home/models");
  fs::copy(t / "model", t / "home/models/tiny", fs::copy_options::recursive);
  EXPECT_EQ(path_of("tiny"), fs::canonical(t / "home/models/tiny").string());
  EXPECT_EQ(objects(shell(env + "$lyceum list --json")).size(), 1u);
  fs::copy(t / "model", t / "tiny", fs::copy_options::recursive);
  EXPECT_EQ(path_of("tiny"), fs::canonical(t / "tiny").string());
}

TEST_F(Command, TrainTakesTheFolderOfTheDataFromTheCommandLine) {
  write_file(t / "r.toml",
             "[model]\nfamily = 'gpt2'\ntokenizer = 'bytes'\n[data]\ntrain = ['a.txt']\n[objective]\nkind = "
             "'causal_lm'\n[train]\nsteps = 1\n[output]\ndirectory = 'run'\n");
  const RunResult r = shell("$lyceum train r.toml --data 'it \"is\" here' --check");
  EXPECT_EQ(r.status, 0) << r.text();
  EXPECT_TRUE(contains(r.out, "folder = \"it \\\"is\\\" here\"\ntrain = [\"a.txt\"]\n")) << r.out;
  expect_failure(shell("$lyceum train r.toml --data here"), 1, "here/a.txt");
  EXPECT_FALSE(fs::exists(t / "run/metrics.jsonl"));
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

}  // namespace
}  // namespace lyceum
