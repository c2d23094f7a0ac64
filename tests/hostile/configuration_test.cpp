// config.json, and the modules of sentence-transformers.
#include <sys/stat.h>

#include "base/file.h"
#include "formats/safetensors.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

TEST_F(Hostile, NumbersOfTheConfiguration) {
  const Words keys{"vocab_size",          "hidden_size",       "num_hidden_layers",
                   "num_attention_heads", "intermediate_size", "max_position_embeddings",
                   "type_vocab_size",     "layer_norm_eps",    "pad_token_id"};
  const Words values{
      "NaN", "Infinity", "-Infinity", "-7", "1e400", "1e18", "9223372036854775808", "-9223372036854775809",
      "1.5", "\"8\"",    "[]",        "{}", "true"};
  for (const std::string& key : keys)
    for (const std::string& value : values) {
      SCOPED_TRACE(key + ": " + value);
      const fs::path m = model();
      put(m / "config.json", key, value);
      const bool is_number = value != "1e400" && value != "-Infinity" &&
                             value.find("9223") == std::string::npos;  // no JSON: named by their line
      expect_refused(run({"embed", m.string(), "the cat"}), 1,
                     is_number ? Words{"config.json", key} : Words{"config.json"});
      if (HasFailure()) return;
      fs::remove_all(m);
    }
}

TEST_F(Hostile, Configurations) {
  const auto set = [](const std::string& key, const std::string& raw) {
    return [=](const fs::path& m) { put(m / "config.json", key, raw); };
  };
  const auto text = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "config.json", content); };
  };
  const Words file{"config.json"};
  expect_all_refused({
      {"no heads", set("num_attention_heads", "0"), 1, {"config.json", "num_attention_heads"}},
      {"heads that do not divide the width",
       set("num_attention_heads", "3"),
       1,
       {"config.json", "hidden_size", "3"}},
      {"more heads than width", set("num_attention_heads", "16"), 1, {"config.json", "num_attention_heads"}},
      {"no width", set("hidden_size", "0"), 1, {"config.json", "hidden_size"}},
      {"another width", set("hidden_size", "16"), 1, {"model.safetensors", "embeddings", "config.json"}},
      {"a wide model", set("hidden_size", "65536"), 1, {"model.safetensors", "embeddings", "config.json"}},
      {"a huge vocabulary", set("vocab_size", "16777216"), 1, {"model.safetensors", kWord}},
      {"no vocabulary", set("vocab_size", "0"), 1, {"config.json", "vocab_size"}},
      {"no positions", set("max_position_embeddings", "0"), 1, {"config.json", "max_position_embeddings"}},
      {"more layers", set("num_hidden_layers", "4096"), 1, {"model.safetensors", "encoder.layer.1."}},
      {"too many layers", set("num_hidden_layers", "1000000000"), 1, {"config.json", "num_hidden_layers"}},
      {"an unknown activation", set("hidden_act", "\"swiglu\""), 3, {"config.json", "hidden_act", "swiglu"}},
      {"an activation that is no name", set("hidden_act", "7"), 1, {"config.json", "hidden_act"}},
      {"a decoder", set("is_decoder", "true"), 3, {"config.json", "is_decoder"}},
      {"relative positions",
       set("position_embedding_type", "\"relative_key\""),
       3,
       {"config.json", "position_embedding_type"}},
      {"another family", set("model_type", "\"llama\""), 3, {"config.json", "model_type", "llama"}},
      {"another class",
       set("architectures", "[\"BertForSomethingElse\"]"),
       3,
       {"config.json", "architectures", "BertForSomethingElse"}},
      {"classes that are none",
       set("architectures", "{\"0\":\"BertModel\"}"),
       1,
       {"config.json", "architectures"}},
      {"a class that is a number", set("architectures", "[1]"), 1, {"config.json", "architectures"}},
      {"an unknown problem", set("problem_type", "\"guess\""), 1, {"config.json", "problem_type"}},
      {"empty", text(""), 1, file},
      {"a list", text("[]"), 1, file},
      {"nothing known", text("{}"), 3, {"config.json", "model_type"}},
      {"not JSON", text("model_type: bert"), 1, file},
      {"a comment", text("{/* */\"model_type\":\"bert\"}"), 1, file},
      {"not UTF-8", text("{\"model_type\":\"b\xFF\"}"), 1, file},
      {"a NUL", text(std::string("{\"model_type\":\"bert\"}\0", 22)), 1, file},
      {"nesting bomb", text("{\"a\":" + std::string(1 << 22, '[')), 1, {"config.json", "nested"}},
      {"nesting bomb of objects", text(repeated("{\"a\":", 1 << 20)), 1, {"config.json", "nested"}},
      {"a key twice", text(R"({"model_type":"bert","model_type":"bert"})"), 1, {"config.json", "model_type"}},
      {"an endless line", text(std::string(17 << 20, ' ')), 1, file},
      {"a folder",
       [](const fs::path& m) { fs::remove(m / "config.json"), fs::create_directory(m / "config.json"); },
       1,
       {"config.json", "folder"}},
      {"a pipe",
       [](const fs::path& m) { fs::remove(m / "config.json"), ::mkfifo((m / "config.json").c_str(), 0644); },
       1,
       {"config.json", "pipe"}},
      {"missing", [](const fs::path& m) { fs::remove(m / "config.json"); }, 1, file},
      {"a link out of the folder",
       [](const fs::path& m) {
         fs::rename(m / "config.json", m.parent_path() / "other.json");
         fs::create_symlink("../other.json", m / "config.json");
       },
       1,
       {"config.json", "other.json"}},
  });
}

TEST_F(Hostile, SentencePipelines) {
  const auto file = [](const std::string& name, const std::string& content) {
    return [=](const fs::path& m) { write_file(m / name, content); };
  };
  const std::string bomb(1 << 20, '[');
  const auto transformer = [](const std::string& path) {
    return R"([{"path":")" + path + R"(","type":"sentence_transformers.models.Transformer"}])";
  };
  expect_all_refused(
      {
          {"modules empty", file("modules.json", ""), 1, {"modules.json"}},
          {"modules an object", file("modules.json", "{}"), 1, {"modules.json"}},
          {"modules bomb", file("modules.json", bomb), 1, {"modules.json", "nested"}},
          {"transformer alone", file("modules.json", transformer("")), 3, {"modules.json", "Transformer"}},
          {"path up", file("modules.json", transformer("../..")), 1, {"../.."}},
          {"path absolute", file("modules.json", transformer("/etc")), 1, {"/etc"}},
          {"unknown module",
           file("modules.json", R"([{"path":"","type":"os.system"}])"),
           3,
           {"modules.json", "os.system"}},
          {"pooling empty", file("1_Pooling/config.json", ""), 1, {"1_Pooling/config.json"}},
          {"pooling bomb", file("1_Pooling/config.json", bomb), 1, {"1_Pooling/config.json", "nested"}},
          {"pooling unknown",
           file("1_Pooling/config.json", R"({"pooling_mode":"median"})"),
           3,
           {"1_Pooling/config.json", "median"}},
          {"pooling modes without end",
           file("1_Pooling/config.json",
                R"({"pooling_mode":[)" + repeated("\"mean\",", 1'000'000) + R"("mean"]})"),
           3,
           {"1_Pooling/config.json", "mean"}},
          {"pooling missing",
           [](const fs::path& m) { fs::remove_all(m / "1_Pooling"); },
           1,
           {"1_Pooling/config.json"}},
          {"dense bomb", file("2_Dense/config.json", bomb), 1, {"2_Dense/config.json", "nested"}},
          {"dense of another width",
           file("2_Dense/config.json", R"({"in_features":9,"out_features":4})"),
           1,
           {"2_Dense/config.json", "in_features", "9"}},
          {"dense of huge width",
           file("2_Dense/config.json", R"({"in_features":8,"out_features":99999999999})"),
           1,
           {"2_Dense/config.json", "out_features"}},
          {"dense with other weights",
           file("2_Dense/config.json", R"({"in_features":8,"out_features":5})"),
           1,
           {"2_Dense/model.safetensors", "linear.weight"}},
          {"dense without weights",
           [](const fs::path& m) { fs::remove(m / "2_Dense/model.safetensors"); },
           1,
           {"2_Dense", "model.safetensors", "pytorch_model.bin"}},
          {"dense weights cut",
           [](const fs::path& m) { fs::resize_file(m / "2_Dense/model.safetensors", 100); },
           1,
           {"2_Dense/model.safetensors"}},
          {"dense activation",
           file("2_Dense/config.json",
                R"({"in_features":8,"out_features":4,"activation_function":"os.system"})"),
           3,
           {"2_Dense/config.json", "system"}},
          {"length 0",
           file("sentence_bert_config.json", R"({"max_seq_length":0})"),
           1,
           {"sentence_bert_config.json", "max_seq_length"}},
          {"length 1", file("sentence_bert_config.json", R"({"max_seq_length":1})"), 1, {"max_seq_length"}},
          {"length huge",
           file("sentence_bert_config.json", R"({"max_seq_length":1e30})"),
           1,
           {"sentence_bert_config.json", "max_seq_length"}},
          {"length bomb",
           file("sentence_bert_config.json", bomb),
           1,
           {"sentence_bert_config.json", "nested"}},
          {"prompts bomb",
           file("config_sentence_transformers.json", bomb),
           1,
           {"config_sentence_transformers.json", "nested"}},
          {"prompts a list",
           file("config_sentence_transformers.json", R"({"prompts":["q"]})"),
           1,
           {"config_sentence_transformers.json", "prompts"}},
          {"default prompt missing",
           file("config_sentence_transformers.json", R"({"prompts":{},"default_prompt_name":"q"})"),
           1,
           {"config_sentence_transformers.json", "default_prompt_name"}},
          {"a link out of the folder",
           [](const fs::path& m) {
             fs::rename(m / "1_Pooling", m.parent_path() / "moved_pooling");
             fs::create_symlink("../moved_pooling", m / "1_Pooling");
           },
           1,
           {"1_Pooling", "moved_pooling"}},
      },
      {.sentence = true, .dense_width = 4});
}

}  // namespace
}  // namespace lyceum
