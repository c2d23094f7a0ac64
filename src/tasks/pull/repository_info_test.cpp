#include "tasks/pull/repository_info.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "check/expect_error.h"

namespace lyceum {
namespace {

using check::expect_error;
using Names = std::vector<std::string>;

Names chosen(Names files, const Selection& selection = {}) {
  std::sort(files.begin(), files.end());
  return select_files(files, selection, "org/name");
}

TEST(RepositoryInfo, FilesAreSortedAndEachStandsOnce) {
  const RepositoryInfo info = parse_repository_info(
      R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "b"}, {"rfilename": "a/c", "size": 1},
          {"rfilename": "b"}], "private": false})",
      "here");
  EXPECT_EQ(info.commit, "0123456789abcdef0123456789abcdef01234567");
  EXPECT_EQ(info.files, (Names{"a/c", "b"}));
}

TEST(RepositoryInfo, TooManyFilesAreALimit) {
  std::string json = R"({"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "a"})";
  for (int i = 0; i < 100'000; ++i) json += R"(,{"rfilename": "a"})";
  expect_error(Errc::kLimit, "100001 files", [&] { parse_repository_info(json + "]}", "here"); });
}

// the file lists of sentence-transformers/all-MiniLM-L6-v2, google-bert/bert-base-uncased and of a sharded
// model
TEST(RepositoryInfo, WhatANativeProgramNeedsIsChosen) {
  EXPECT_EQ(chosen({".gitattributes", "1_Pooling/config.json", "README.md", "config.json",
                    "config_sentence_transformers.json", "data_config.json", "model.safetensors",
                    "modules.json", "onnx/model.onnx", "openvino/openvino_model.xml", "pytorch_model.bin",
                    "rust_model.ot", "sentence_bert_config.json", "special_tokens_map.json", "tf_model.h5",
                    "tokenizer.json", "tokenizer_config.json", "train_script.py", "vocab.txt"}),
            (Names{"1_Pooling/config.json", "config.json", "config_sentence_transformers.json",
                   "data_config.json", "model.safetensors", "modules.json", "sentence_bert_config.json",
                   "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}));
  EXPECT_EQ(chosen({"LICENSE", "config.json", "coreml/fill-mask/float32_model.mlpackage/Data/weights.bin",
                    "flax_model.msgpack", "model.onnx", "pytorch_model.bin", "vocab.txt"}),
            (Names{"config.json", "pytorch_model.bin", "vocab.txt"}));
  EXPECT_EQ(
      chosen({"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
              "model.safetensors.index.json", "pytorch_model.bin.index.json", "spiece.model", "source.spm"}),
      (Names{"config.json", "model.safetensors.index.json", "source.spm", "spiece.model"}));
  EXPECT_EQ(chosen({"2_Dense/config.json", "2_Dense/model.safetensors", "2_Dense/pytorch_model.bin",
                    "2x/config.json", "2_Dense/deep/config.json"}),
            (Names{"2_Dense/config.json", "2_Dense/model.safetensors"}));
  EXPECT_EQ(chosen({"adapter_config.json", "adapter_model.safetensors"}).size(), 2u);
  expect_error(Errc::kData, "--include GLOB", [] { chosen({"README.md", "model.gguf"}); });
}

TEST(RepositoryInfo, IndexesNameShardsOfTheirFolder) {
  const Names files{"0_T/a.safetensors", "0_T/b.safetensors", "a.safetensors"};
  EXPECT_EQ(
      shards_of_index(R"({"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}})",
                      "0_T/model.safetensors.index.json", files),
      (Names{"0_T/a.safetensors", "0_T/b.safetensors"}));
  for (const char* json :
       {R"({"weight_map": {"x": "c.safetensors"}})", R"({"weight_map": {"x": "../a.safetensors"}})"})
    expect_error(Errc::kData, "does not have",
                 [&] { shards_of_index(json, "0_T/model.safetensors.index.json", files); });
  for (const char* json : {"", "[]", "{}", R"({"weight_map": []})", R"({"weight_map": {"x": 1}})"})
    expect_error(Errc::kFormat, "index.json",
                 [&] { shards_of_index(json, "model.safetensors.index.json", files); });
  EXPECT_TRUE(is_shard_index("a/pytorch_model.bin.index.json"));
  EXPECT_FALSE(is_shard_index("model.safetensors"));
}

TEST(RepositoryInfo, NearNames) {
  EXPECT_EQ(near_names("sentence-transformers/all-minilm-l6-v2"),
            (Names{"sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L12-v2"}));
  EXPECT_EQ(near_names("bert-base-uncase").front(), "google-bert/bert-base-uncased");
  EXPECT_EQ(near_names("google-bert/bert-base-uncased").front(), "google-bert/bert-base-cased");
  EXPECT_TRUE(near_names("facebook/opt-125m").empty());
}

}  // namespace
}  // namespace lyceum
