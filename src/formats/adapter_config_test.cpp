#include "formats/adapter_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "check/expect_error.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "formats/checkpoint.h"
#include "formats/model_folder.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;
using check::expect_error;
using check::write_file;

TEST(AdapterConfig, ReadsWhatPeftWrites) {
  const AdapterConfig c = parse_adapter_config(
      R"({"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "org/name", "revision": "v1",
          "auto_mapping": null, "r": 4, "lora_alpha": 16, "lora_dropout": 0.1, "use_rslora": true, "bias": "none",
          "target_modules": ["value", "query"], "modules_to_save": ["classifier", "score"], "use_dora": false,
          "loftq_config": {}, "rank_pattern": {"value": 2}, "alpha_pattern": {"layer.1.attention.self.query": 3}})",
      "a.json");
  EXPECT_EQ(c.base, "org/name@v1");
  EXPECT_EQ(c.task, "SEQ_CLS");
  EXPECT_EQ(c.rank_of("bert.encoder.layer.0.attention.self.value"), 2);
  EXPECT_EQ(c.rank_of("bert.encoder.layer.0.attention.self.query"), 4);
  EXPECT_EQ(c.scale_of("bert.encoder.layer.0.attention.self.value"), 16 / std::sqrt(2.0));
  EXPECT_EQ(c.scale_of("bert.encoder.layer.1.attention.self.query"), 1.5);
  EXPECT_EQ(c.scale_of("bert.encoder.layer.11.attention.self.query"), 8);  // "layer.1." is no end of it
  EXPECT_EQ(c.saved_modules, (std::vector<std::string>{"classifier", "score"}));
  EXPECT_TRUE(is_named("a.b.query", "query") && is_named("query", "query") &&
              !is_named("a.my_query", "query"));
}

TEST(AdapterConfig, WhatItWritesItReads) {
  const AdapterConfig c{.base = "org/name@main",
                        .class_name = "BertForMaskedLM",
                        .rank = 3,
                        .alpha = 7.5,
                        .dropout = 0.25,
                        .by_root = true,
                        .fan_in_fan_out = true,
                        .targets = {"query"}};
  const AdapterConfig back = parse_adapter_config(adapter_config_text(c), "a");
  EXPECT_EQ(back.base, c.base);
  EXPECT_EQ(back.class_name, c.class_name);
  EXPECT_EQ(back.rank, 3);
  EXPECT_EQ(back.alpha, 7.5);
  EXPECT_EQ(back.dropout, 0.25);
  EXPECT_TRUE(back.by_root && back.fan_in_fan_out);
  EXPECT_EQ(back.targets, c.targets);
  EXPECT_TRUE(back.saved_modules.empty());
}

TEST(AdapterConfig, RefusesWhatIsNoLowRankSum) {
  const auto parse = [](const std::string& more) {
    return [more] {
      parse_adapter_config(R"({"peft_type": "LORA", "base_model_name_or_path": "b")" + more + "}", "a.json");
    };
  };
  parse("")();
  expect_error(Errc::kFormat, "a.json: 'r': found 0", parse(R"(, "r": 0)"));
  expect_error(Errc::kFormat, "'r'", parse(R"(, "r": -4)"));
  expect_error(Errc::kFormat, "'r'", parse(R"(, "r": 100000000)"));
  expect_error(Errc::kFormat, "a.json", parse(R"(, "lora_alpha": NaN)"));
  expect_error(Errc::kFormat, "a.json", parse(R"(, "lora_alpha": 1e999)"));
  expect_error(Errc::kFormat, "'lora_alpha'", parse(R"(, "lora_alpha": 1e300)"));
  expect_error(Errc::kFormat, "'lora_dropout'", parse(R"(, "lora_dropout": 2)"));
  expect_error(Errc::kFormat, "'value': found 0", parse(R"(, "rank_pattern": {"value": 0})"));
  expect_error(Errc::kUnsupported, "'rank_pattern': found '(a+)+$'",
               parse(R"(, "rank_pattern": {"(a+)+$": 1})"));
  expect_error(Errc::kUnsupported, "'use_dora': found true", parse(R"(, "use_dora": true)"));
  expect_error(Errc::kUnsupported, "'layer_replication'", parse(R"(, "layer_replication": [[0, 1]])"));
  expect_error(Errc::kUnsupported, "'init_lora_weights': found 'pissa_niter_4'",
               parse(R"(, "init_lora_weights": "pissa_niter_4")"));
  expect_error(Errc::kUnsupported, "'peft_type': found 'IA3', expected LORA",
               [] { parse_adapter_config(R"({"peft_type": "IA3"})", "a.json"); });
}

class AdapterFolder : public testing::Test {
 protected:
  AdapterFolder() : cache_("HF_HUB_CACHE", t_ / "hub"), home_("LYCEUM_HOME", t_ / "home") {
    write_file(t_ / "base/config.json", "{}");
    write_model(t_ / "base/model.safetensors", "w");
  }
  static void write_model(const fs::path& path, const std::string& name) {
    const std::vector<std::pair<std::string, Tensor>> tensors{{name, Tensor::full({2}, 1)}};
    write_safetensors(path, tensors);
  }
  void adapter(const fs::path& folder, const std::string& base) {
    write_file(folder / "adapter_config.json",
               "{\"peft_type\": \"LORA\", \"base_model_name_or_path\": " + base + "}");
    write_model(folder / "adapter_model.safetensors", "base_model.model.w");
  }
  ModelFolder find(const std::string& name) { return ModelFolder::find((t_ / name).string()); }

  check::TemporaryFolder t_;
  check::Setting cache_, home_;
};

TEST_F(AdapterFolder, StandsForItsBaseWithFilesOfItsOwnFirst) {
  for (const std::string& base : {(t_ / "base").string(), std::string("../base")}) {
    adapter(t_ / "a", "\"" + base + "\"");
    const ModelFolder folder = find("a");
    ASSERT_NE(folder.base(), nullptr);
    EXPECT_EQ(folder.base()->path(), fs::canonical(t_ / "base"));
    EXPECT_EQ(folder.require("config.json"), fs::canonical(t_ / "base") / "config.json");
    EXPECT_EQ(Checkpoint::open(folder).names(), (std::vector<std::string>{"base_model.model.w", "w"}));
  }
  write_file(t_ / "a/config.json", "{\"own\": 1}");
  EXPECT_EQ(find("a").require("config.json"), fs::canonical(t_ / "a") / "config.json");
  EXPECT_EQ(find("base").adapter(), nullptr);
}

TEST_F(AdapterFolder, OfTheHubIsFoundByItsNameAndMayNotNameAPath) {
  const std::string commit(40, 'a');
  const fs::path base = t_ / "hub/models--org--base", own = t_ / "hub/models--org--lora/snapshots" / commit;
  write_file(base / "refs/main", commit);
  write_file(base / "snapshots" / commit / "config.json", "{}");
  write_model(base / "snapshots" / commit / "model.safetensors", "w");
  write_file(t_ / "hub/models--org--lora/refs/main", commit);
  adapter(own, "\"org/base\"");
  EXPECT_EQ(ModelFolder::find("org/lora").base()->path(), fs::canonical(base / "snapshots" / commit));
  for (const std::string& path :
       {(t_ / "base").string(), std::string("../../../../base"), std::string("/")}) {
    adapter(own, "\"" + path + "\"");
    expect_error(Errc::kData, "may not name a path of this machine", [] { ModelFolder::find("org/lora"); });
  }
}

TEST_F(AdapterFolder, WithoutABaseSaysWhereItLooked) {
  adapter(t_ / "a", "\"org/nowhere\"");
  expect_error(Errc::kIo, "found no model 'org/nowhere'", [&] { find("a"); });
  expect_error(Errc::kIo, "`lyceum pull org/nowhere`", [&] { find("a"); });
  adapter(t_ / "a", "null");
  expect_error(Errc::kFormat, "'base_model_name_or_path': found nothing", [&] { find("a"); });
  adapter(t_ / "a", R"("a\u0000b")");
  expect_error(Errc::kFormat, "NUL", [&] { find("a"); });
  adapter(t_ / "a", "\"" + (t_ / "a").string() + "\"");
  expect_error(Errc::kUnsupported, "which is an adapter itself", [&] { find("a"); });
  adapter(t_ / "b", "\"../base\"");
  adapter(t_ / "a", "\"../b\"");
  expect_error(Errc::kUnsupported, "which is an adapter itself", [&] { find("a"); });
  adapter(t_ / "a", "\"../base\"");
  fs::remove(t_ / "a/adapter_model.safetensors");
  expect_error(Errc::kIo, "neither adapter_model.safetensors nor adapter_model.bin",
               [&] { Checkpoint::open(find("a")); });
  fs::create_symlink("/etc/hostname", t_ / "a/adapter_model.safetensors");
  expect_error(Errc::kData, "outside of the model's folder", [&] { Checkpoint::open(find("a")); });
}

}  // namespace
}  // namespace lyceum
