// A causal model at the command line: what it serves, and what it is refused for. Needs the family gpt2.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "check/gradcheck.h"
#include "check/reference_case.h"
#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "text/byte_tokenizer.h"

namespace lyceum {
namespace {

using check::RunResult;
using nlohmann::json;

std::string golden(const std::string& name) { return LYCEUM_SOURCE_DIR "/src/models/gpt2/golden/" + name; }

RunResult run(const std::vector<std::string>& arguments) {
  return check::run_command(LYCEUM_COMMAND, arguments);
}

void expect_refusal(const std::vector<std::string>& arguments, const std::string& part) {
  const RunResult r = run(arguments);
  EXPECT_EQ(r.status, 3) << r.text();
  EXPECT_NE(r.err.find(part), std::string::npos) << r.text();
  EXPECT_EQ(r.out, "");
}

TEST(Causal, ShowSaysWhatItIs) {
  const auto used_as = [](const std::string& name) {
    return json::parse(run({"show", golden(name), "--json"}).out)["can_be_used_as"].get<std::string>();
  };
  EXPECT_EQ(used_as("words"), "causal decoder with scores of the next token: forward, bench");
  EXPECT_EQ(used_as("body"), "causal decoder: forward, bench");
  EXPECT_EQ(used_as("classifier"),
            "causal decoder with scores of a text's labels: forward, bench, classify and rerank");
}

TEST(Causal, VerbsThatNeedBothSidesOfAWordAreRefused) {
  expect_refusal({"fill", golden("words"), "a [MASK]"},
                 "gives scores of the next token and serves forward and bench");
  expect_refusal({"embed", golden("words"), "a text"}, "a causal decoder");
  expect_refusal({"classify", golden("words"), "a text"}, "gives scores of the next token");
  expect_refusal({"tag", golden("body"), "a text"}, "serves forward and bench");
}

TEST(Causal, PoolingThatIsAskedForIsDone) {
  const check::ChangedFolder changed(
      golden("body"),
      [](NamedTensors& t) {
        t["wte.weight"] = check::random_tensor({256, 7}, 1);
      },
      [](std::string& config) {
        const std::string old = "\"vocab_size\": 19";
        config.replace(config.find(old), old.size(), "\"vocab_size\": 256");
      });
  const std::string model = changed.folder().path().string();
  write_byte_tokenizer(model);
  expect_refusal({"embed", model, "ab"}, "--pooling lasttoken");
  const auto vector = [&](const std::string& text) {
    const RunResult r = run({"embed", model, text, "--pooling", "lasttoken", "--json"});
    EXPECT_EQ(r.status, 0) << r.text();
    return json::parse(r.out)["embedding"];
  };
  EXPECT_EQ(vector("ab").size(), 7u);
  EXPECT_NE(vector("ab"), vector("bb"));  // the last token knows the first
  EXPECT_NE(
      json::parse(run({"show", model, "--json"}).out)["tokenizer"].get<std::string>().find("bytes, 256"),
      std::string::npos);
}

TEST(Causal, BenchMeasuresItsBody) {
  for (const char* dtype : {"f32", "int8"}) {
    const RunResult r = run({"bench", golden("words"), "--batch", "2", "--tokens", "16", "--repeats", "1",
                             "--dtype", dtype, "--json"});
    ASSERT_EQ(r.status, 0) << r.text();
    EXPECT_GT(json::parse(r.out)["median"].get<double>(), 0.0);
    EXPECT_GT(json::parse(r.out)["product_rate"].get<double>(), 0.0);
  }
  const RunResult r = run({"bench", golden("words"), "--batch", "1", "--tokens", "17"});
  EXPECT_EQ(r.status, 2);
  EXPECT_NE(r.err.find("expected at most 16"), std::string::npos) << r.text();
}

TEST(Causal, MatricesThatStandTheOtherWayAreNotConvertedToInt8) {
  const check::TemporaryFolder folder;
  expect_refusal({"convert", golden("untied"), "--output", (folder / "out").string(), "--dtype", "int8"},
                 "'transformer.h.0.attn.c_attn.weight' is stored [inputs, outputs]");
  EXPECT_EQ(
      run({"convert", golden("untied"), "--output", (folder / "out").string(), "--dtype", "bf16"}).status, 0);
}

}  // namespace
}  // namespace lyceum
