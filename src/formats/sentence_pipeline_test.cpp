#include "formats/sentence_pipeline.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using Modes = std::vector<std::string>;

class Folder {
 public:
  Folder& write(const std::string& name, const std::string& text) {
    check::write_file(folder / name, text);
    return *this;
  }
  // modules.json with these types, in the folders "", "1_X", "2_X", ...
  Folder& modules(const std::vector<std::string>& types) {
    std::string text;
    for (std::size_t i = 0; i < types.size(); ++i)
      text += (i ? "," : "[") + std::string(R"({"idx":0,"name":"n","path":")") +
              (i ? std::to_string(i) + "_X" : "") + R"(","type":")" + types[i] + "\"}";
    return write("modules.json", text + "]");
  }
  SentencePipeline read() const { return sentence_pipeline(ModelFolder::find(folder.path().string())); }
  void expect_refused(Errc code, const std::string& file, const std::string& part) const {
    expect_error(code, part, [&] { read(); });
    expect_error(code, file, [&] { read(); });
  }
  check::TemporaryFolder folder;
};

const std::string kTransformer = "sentence_transformers.models.Transformer",
                  kPooling = "sentence_transformers.models.Pooling",
                  kDense = "sentence_transformers.models.Dense",
                  kNormalize = "sentence_transformers.models.Normalize";
constexpr const char* kMeanOnly = R"({"word_embedding_dimension":8,"pooling_mode_mean_tokens":true})";

TEST(SentencePipeline, AFolderWithoutModulesPoolsTheMean) {
  const SentencePipeline p = Folder().read();
  ASSERT_EQ(p.modules.size(), 1u);
  EXPECT_EQ(p.modules[0].modes, Modes{"mean"});
  EXPECT_EQ(p.transformer_path, "");
  EXPECT_EQ(p.max_seq_length, 0);
}

TEST(SentencePipeline, AModelOfOldVersionsIsRead) {
  Folder f;
  f.modules({kTransformer, kPooling, kDense, kNormalize});
  f.write("1_X/config.json",
          R"({"word_embedding_dimension":8,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false,
    "pooling_mode_max_tokens":true,"pooling_mode_mean_sqrt_len_tokens":true,"pooling_mode_weightedmean_tokens":true,
    "pooling_mode_lasttoken":true,"include_prompt":false})");
  f.write(
      "2_X/config.json",
      R"({"in_features":40,"out_features":6,"bias":false,"activation_function":"torch.nn.modules.linear.Identity"})");
  f.write("sentence_bert_config.json", R"({"max_seq_length":256,"do_lower_case":true})");
  f.write(
      "config_sentence_transformers.json",
      R"({"prompts":{"query":"query: ","none":null},"default_prompt_name":"query","similarity_fn_name":"dot"})");
  const SentencePipeline p = f.read();
  ASSERT_EQ(p.modules.size(), 3u);
  EXPECT_EQ(p.modules[0].kind, SentenceModule::Kind::kPooling);
  EXPECT_EQ(p.modules[0].modes, (Modes{"cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken"}));
  EXPECT_FALSE(p.modules[0].include_prompt);
  EXPECT_EQ(p.modules[1].kind, SentenceModule::Kind::kDense);
  EXPECT_EQ(p.modules[1].path, "2_X");
  EXPECT_EQ(p.modules[1].in_features, 40);
  EXPECT_EQ(p.modules[1].out_features, 6);
  EXPECT_FALSE(p.modules[1].bias);
  EXPECT_EQ(p.modules[1].activation, "Identity");
  EXPECT_EQ(p.modules[2].kind, SentenceModule::Kind::kNormalize);
  EXPECT_EQ(p.max_seq_length, 256);
  EXPECT_TRUE(p.do_lower_case);
  EXPECT_EQ(p.prompts, (std::map<std::string, std::string>{{"query", "query: "}}));
  EXPECT_EQ(p.default_prompt_name, "query");
  EXPECT_EQ(p.similarity, "dot");
}

// As version 6.0.1 of the library saves: other type names, pooling_mode as a name or a list, names of inputs
// and outputs.
TEST(SentencePipeline, AModelOfNewVersionsIsRead) {
  Folder f;
  f.modules({"sentence_transformers.base.modules.transformer.Transformer",
             "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
             "sentence_transformers.base.modules.dense.Dense",
             "sentence_transformers.base.modules.normalize.Normalize"});
  f.write("1_X/config.json",
          R"({"embedding_dimension":8,"pooling_mode":["mean_sqrt_len_tokens","cls"],"include_prompt":true})");
  f.write(
      "2_X/config.json",
      R"({"in_features":16,"out_features":5,"bias":true,"activation_function":"torch.nn.modules.activation.Tanh",
    "module_input_name":"sentence_embedding","module_output_name":"sentence_embedding"})");
  f.write("3_X/config.json",
          R"({"module_input_name":"sentence_embedding","module_output_name":"sentence_embedding"})");
  f.write("sentence_bert_config.json",
          R"({"transformer_task":"feature-extraction","module_output_name":"token_embeddings"})");
  f.write(
      "config_sentence_transformers.json",
      R"({"prompts":{"query":"q: ","document":""},"default_prompt_name":null,"similarity_fn_name":"cosine"})");
  const SentencePipeline p = f.read();
  ASSERT_EQ(p.modules.size(), 3u);
  EXPECT_EQ(p.modules[0].modes, (Modes{"mean_sqrt_len", "cls"})) << "in the order of the list";
  EXPECT_EQ(p.modules[1].activation, "Tanh");
  EXPECT_EQ(p.prompts.size(), 2u);
  EXPECT_EQ(p.default_prompt_name, "");
  f.write("1_X/config.json", R"({"pooling_mode":"lasttoken"})");
  EXPECT_EQ(f.read().modules[0].modes, Modes{"lasttoken"});
}

TEST(SentencePipeline, APoolingWithoutAModeIsTheMean) {
  Folder f;
  f.modules({kTransformer, kPooling}).write("1_X/config.json", R"({"word_embedding_dimension":8})");
  EXPECT_EQ(f.read().modules[0].modes, Modes{"mean"});
}

TEST(SentencePipeline, ATransformerMayLieInAFolderOfItsOwn) {
  Folder f;
  f.write("modules.json", R"([{"path":"0_Transformer","type":"sentence_transformers.models.Transformer"},
    {"path":"1_X","type":"sentence_transformers.models.Pooling"}])");
  f.write("1_X/config.json", kMeanOnly);
  f.write("0_Transformer/sentence_bert_config.json", R"({"max_seq_length":128})");
  EXPECT_EQ(f.read().transformer_path, "0_Transformer");
  EXPECT_EQ(f.read().max_seq_length, 128);
}

TEST(SentencePipeline, ModulesThatThisBuildLacksAreNamed) {
  Folder f;
  f.write("1_X/config.json", kMeanOnly).write("2_X/config.json", kMeanOnly);
  const auto unsupported = [&](const std::vector<std::string>& types, const std::string& part) {
    f.modules(types).expect_refused(Errc::kUnsupported, "modules.json", part);
  };
  unsupported({kTransformer, kPooling, "sentence_transformers.models.LSTM"}, "models.LSTM");
  unsupported({"sentence_transformers.models.StaticEmbedding"}, "StaticEmbedding");
  unsupported({kTransformer, kPooling, kTransformer}, "Transformer");
  unsupported({kTransformer}, "Transformer alone");
  unsupported({kTransformer, kDense}, "Dense");
  unsupported({kTransformer, kNormalize}, "Normalize");
  unsupported({kTransformer, kPooling, kPooling}, "Pooling");
}

TEST(SentencePipeline, FieldsThatAreWrongAreNamedWithTheirFile) {
  Folder f;
  f.modules({kTransformer, kPooling, kDense});
  const std::string dense = R"({"in_features":8,"out_features":4})";
  f.write("1_X/config.json", kMeanOnly).write("2_X/config.json", dense);
  EXPECT_EQ(f.read().modules.size(), 2u);
  const auto wrong = [&](const std::string& file, const std::string& text, Errc code, const std::string& part,
                         const std::string& good) {
    f.write(file, text).expect_refused(code, file, part);
    f.write(file, good);
  };
  wrong("1_X/config.json", R"({"pooling_mode":"median"})", Errc::kUnsupported, "'median'", kMeanOnly);
  wrong("1_X/config.json", R"({"pooling_mode":["mean","mean"]})", Errc::kUnsupported, "'mean' twice",
        kMeanOnly);
  wrong("1_X/config.json", R"({"pooling_mode":["mean",1]})", Errc::kFormat, "'pooling_mode'", kMeanOnly);
  wrong("1_X/config.json", R"({"pooling_mode_mean_tokens":1})", Errc::kFormat, "'pooling_mode_mean_tokens'",
        kMeanOnly);
  wrong("2_X/config.json", R"({"out_features":4})", Errc::kFormat, "'in_features' is missing", dense);
  wrong("2_X/config.json", R"({"in_features":8,"out_features":0})", Errc::kFormat, "'out_features'", dense);
  wrong("2_X/config.json", R"({"in_features":8,"out_features":1e3})", Errc::kFormat, "'out_features'", dense);
  wrong("2_X/config.json", R"({"in_features":8,"out_features":4,"module_input_name":"token_embeddings"})",
        Errc::kUnsupported, "'module_input_name'", dense);
  for (const char* length : {"0", "-1", "1e30", "\"256\"", "99999999999999999999"})
    wrong("sentence_bert_config.json", R"({"max_seq_length":)" + std::string(length) + "}", Errc::kFormat,
          "'max_seq_length'", "{}");
  const std::string config = "config_sentence_transformers.json";
  wrong(config, R"({"prompts":[]})", Errc::kFormat, "'prompts'", "{}");
  wrong(config, R"({"prompts":{"query":1}})", Errc::kFormat, "'query'", "{}");
  wrong(config, R"({"prompts":{"query":"q"},"default_prompt_name":"other"})", Errc::kFormat,
        "'default_prompt_name'", "{}");
  std::filesystem::remove(f.folder / "1_X/config.json");
  f.expect_refused(Errc::kIo, "1_X/config.json", "is missing");
  f.write("modules.json", "{}").expect_refused(Errc::kFormat, "modules.json", "list of modules");
  f.write("modules.json", "[]").expect_refused(Errc::kFormat, "modules.json", "list of modules");
  f.write("modules.json", R"([{"path":""}])")
      .expect_refused(Errc::kFormat, "modules.json", "'type' is missing");
  f.write("modules.json", R"([{"path":"../up","type":"x.Transformer"}])")
      .expect_refused(Errc::kFormat, "../up", "inside the model's folder");
}

void expect_same(const SentencePipeline& got, const SentencePipeline& want) {
  ASSERT_EQ(got.modules.size(), want.modules.size());
  for (std::size_t i = 0; i < got.modules.size(); ++i) {
    const SentenceModule &a = got.modules[i], &b = want.modules[i];
    EXPECT_EQ(a.kind, b.kind) << i;
    EXPECT_EQ(a.modes, b.modes) << i;
    EXPECT_EQ(a.include_prompt, b.include_prompt) << i;
    EXPECT_EQ(a.in_features, b.in_features) << i;
    EXPECT_EQ(a.out_features, b.out_features) << i;
    EXPECT_EQ(a.bias, b.bias) << i;
    if (a.kind == SentenceModule::Kind::kDense) {
      EXPECT_EQ(a.activation, b.activation) << i;
    }
  }
  EXPECT_EQ(got.max_seq_length, want.max_seq_length);
  EXPECT_EQ(got.do_lower_case, want.do_lower_case);
  EXPECT_EQ(got.prompts, want.prompts);
  EXPECT_EQ(got.default_prompt_name, want.default_prompt_name);
  EXPECT_EQ(got.similarity, want.similarity);
  EXPECT_EQ(got.truncate_dim, want.truncate_dim);
  EXPECT_EQ(got.transformer_path, "");
}

TEST(SentencePipeline, WhatIsWrittenIsReadAsTheSame) {
  SentencePipeline pipeline;
  pipeline.transformer_path = "0_Transformer";  // the root holds the encoder of what is written
  pipeline.max_seq_length = 77;
  pipeline.do_lower_case = true;
  pipeline.prompts = {{"query", "q: \"a\"\n"}, {"document", ""}};
  pipeline.default_prompt_name = "query";
  pipeline.similarity = "dot";
  pipeline.truncate_dim = 5;
  for (const Modes& modes :
       {Modes{"mean"}, Modes{"cls", "max", "mean_sqrt_len"}, Modes{"mean_sqrt_len", "cls"}})
    for (const char* activation : {"Identity", "Tanh"}) {
      pipeline.modules = {
          {.kind = SentenceModule::Kind::kPooling, .path = "a", .modes = modes, .include_prompt = false},
          {.kind = SentenceModule::Kind::kDense,
           .path = "b",
           .in_features = 8,
           .out_features = 5,
           .bias = false,
           .activation = activation},
          {.kind = SentenceModule::Kind::kNormalize, .path = "c"}};
      const Folder written;
      EXPECT_EQ(write_sentence_pipeline(written.folder.path(), pipeline, 8),
                (Modes{"1_Pooling", "2_Dense", "3_Normalize"}));
      expect_same(written.read(), pipeline);
    }
}

TEST(SentencePipeline, WhatWasNotGivenIsNotWritten) {
  SentencePipeline pipeline;
  pipeline.modules = {{.kind = SentenceModule::Kind::kPooling, .modes = {"lasttoken"}}};
  const Folder written;
  write_sentence_pipeline(written.folder.path(), pipeline, 8);
  expect_same(written.read(), pipeline);
  EXPECT_EQ(read_json(written.folder / "sentence_bert_config.json").contains("max_seq_length"), false);
}

}  // namespace
}  // namespace lyceum
