#include "check/tiny_bert.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "check/gradcheck.h"
#include "check/temporary_folder.h"
#include "nn/forward.h"
#include "nn/registry.h"
#include "nn/sentence_head.h"
#include "text/tokenizer.h"

namespace lyceum::check {
namespace {

Tensor ids() { return Tensor::of<std::int64_t>({1, 4}, std::vector<std::int64_t>{2, 5, 7, 3}); }

TEST(TinyBert, EveryArchitectureLoadsWithoutAMissingOrUnusedTensorAndGivesFiniteNumbers) {
  for (const std::string& architecture : families()[0].architectures) {
    SCOPED_TRACE(architecture);
    const TemporaryFolder folder;
    write_tiny_bert(folder.path(), {.architecture = architecture, .labels = 3});
    const LoadedModel loaded = load_model(ModelFolder::find(folder.path().string()));
    EXPECT_TRUE(loaded.unused.empty()) << loaded.unused[0];
    EXPECT_EQ(loaded.model->architecture(), architecture);
    const bool chooses = architecture == std::string("BertForMultipleChoice");  // of one
    const Tensor in = chooses ? ids().reshaped({1, ids().dim(0), ids().dim(1)}) : ids();
    for (const auto& [name, tensor] : forward(*loaded.model, {{"input_ids", in}}))
      for (const float value : tensor.values<float>()) EXPECT_TRUE(std::isfinite(value)) << name;
  }
}

TEST(TinyBert, ShardsHoldTheSameModelAsOneFile) {
  const TemporaryFolder folder;
  write_tiny_bert(folder / "one", {.layers = 2});
  write_tiny_bert(folder / "three", {.layers = 2, .shards = 3});
  const auto hidden = [&](const char* name) {
    const LoadedModel loaded = load_model(ModelFolder::find((folder / name).string()));
    return forward(*loaded.model, {{"input_ids", ids()}}).at("last_hidden_state");
  };
  EXPECT_EQ(same_bits(hidden("one"), hidden("three")), "");
}

TEST(TinyBert, TheSameSeedGivesTheSameBytesAndAnotherOneOthers) {
  const TemporaryFolder folder;
  write_tiny_bert(folder / "a", {.seed = 5});
  write_tiny_bert(folder / "b", {.seed = 5});
  write_tiny_bert(folder / "c", {.seed = 6});
  EXPECT_EQ(read_text(folder / "a/model.safetensors"), read_text(folder / "b/model.safetensors"));
  EXPECT_NE(read_text(folder / "a/model.safetensors"), read_text(folder / "c/model.safetensors"));
}

TEST(TinyBert, ASentenceModelHasItsModulesAndATokenizer) {
  const TemporaryFolder path;
  write_tiny_bert(path.path(),
                  {.sentence = true, .pooling = {"cls", "mean"}, .dense_width = 5, .max_seq_length = 9});
  const ModelFolder folder = ModelFolder::find(path.path().string());
  const SentencePipeline pipeline = sentence_pipeline(folder);
  EXPECT_EQ(pipeline.max_seq_length, 9);
  const SentenceHead head(folder, pipeline, 8);
  EXPECT_EQ(head.width(), 5);
  EXPECT_TRUE(head.is_normalized());
  const Encoding e = Tokenizer::from_folder(folder)->encode("The cats");
  EXPECT_EQ(e.ids, (std::vector<std::int32_t>{2, 5, 7, 17, 3}));
}

}  // namespace
}  // namespace lyceum::check
