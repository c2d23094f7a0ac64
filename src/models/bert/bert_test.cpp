#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/parallel.h"
#include "check/gradcheck.h"
#include "formats/safetensors.h"
#include "models/bert/encoder_names.h"
#include "nn/forward.h"
#include "nn/registry.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
const fs::path kGolden = fs::path(LYCEUM_SOURCE_DIR) / "src/models/bert/golden";
constexpr const char* kFolders[] = {"body",       "masked_lm", "pretraining_2018",
                                    "classifier", "tagger",    "answering"};

struct Case {
  NamedTensors inputs, outputs;
};

// golden/make_golden.py wrote it; MADE_WITH.txt names the versions.
Case read_case(const std::string& name) {
  const Safetensors file = Safetensors::open(kGolden / name / "case.safetensors");
  Case c;
  for (const SafetensorsEntry& e : file.entries()) {
    if (e.name.starts_with("in.")) c.inputs.emplace(e.name.substr(3), file.tensor(e));
    if (e.name.starts_with("out.")) c.outputs.emplace(e.name.substr(4), file.tensor(e));
  }
  return c;
}

std::unique_ptr<Model> load(const fs::path& folder) {
  return load_model(ModelFolder::find(folder.string())).model;
}
std::unique_ptr<Model> load_golden(const std::string& name) { return load(kGolden / name); }

double largest(const Tensor& t) {
  double most = 0;
  for (const float v : t.values<float>()) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

double difference(const Tensor& a, const Tensor& b) {
  const auto x = a.values<float>(), y = b.values<float>();
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    most = d > most || std::isnan(d) ? (std::isnan(d) ? INFINITY : d) : most;
  }
  return most;
}

// Chains of at most 19 products and sums, through two layers and back: some ten roundings of 2^-24 in a row,
// each against the tensor's largest value, and norms that divide small differences: 2e-5 is what both
// implementations' own errors allow.
constexpr double kRelative = 2e-5;

TEST(Bert, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders) {
    SCOPED_TRACE(folder);
    const Case c = read_case(folder);
    const auto model = load_golden(folder);
    const NamedTensors got = forward(*model, c.inputs, {.backward = true});
    double most = 0;  // of all gradients
    for (const auto& [name, want] : c.outputs)
      if (name.starts_with("grad.")) most = std::max(most, largest(want));
    ASSERT_GT(most, 0.01);
    for (const auto& [name, tensor] : got) EXPECT_TRUE(c.outputs.contains(name)) << name;
    for (const auto& [name, want] : c.outputs) {
      ASSERT_TRUE(got.contains(name)) << name;
      EXPECT_EQ(got.at(name).shape(), want.shape()) << name;
      // A key's bias, a span head's bias and the norm before it shift a softmax, which ignores shifts: their
      // gradients are rounding noise.
      const bool noise = largest(want) < 1e-5 * most;
      EXPECT_LE(difference(got.at(name), want), kRelative * (noise ? most : largest(want))) << name;
    }
  }
}

// The same batch in rows of T + more places, the new ones masked and full of other tokens.
Tensor widened(const Tensor& t, std::int64_t more, std::int64_t fill) {
  Tensor out = Tensor::empty({t.dim(0), t.dim(1) + more}, DType::kI64);
  for (std::int64_t r = 0; r < t.dim(0); ++r) {
    std::fill_n(out.mutable_row<std::int64_t>(r), out.dim(1), fill);
    std::copy_n(t.row<std::int64_t>(r), t.dim(1), out.mutable_row<std::int64_t>(r));
  }
  return out;
}

TEST(Bert, PaddingChangesNoBitOfOutputsAndGradients) {
  for (const char* folder : {"masked_lm", "pretraining_2018", "classifier", "tagger"}) {
    SCOPED_TRACE(folder);
    const Case c = read_case(folder);
    const auto model = load_golden(folder);
    const NamedTensors narrow = forward(*model, c.inputs, {.backward = true});
    NamedTensors inputs = c.inputs;
    for (auto& [name, tensor] : inputs)
      if (tensor.shape().dims() == 2)
        tensor = widened(tensor, 5, name == "labels" ? -100 : name == "input_ids" ? 7 : 0);
    const NamedTensors wide = forward(*model, inputs, {.backward = true});
    for (const auto& [name, want] : narrow) {
      Tensor got = wide.at(name);
      if (got.shape().dims() == 3) {  // [B, T + 5, F]
        for (std::int64_t b = 0; b < got.dim(0); ++b)
          EXPECT_EQ(check::same_bits(
                        got.row_range(b, b + 1).reshaped({got.dim(1), got.dim(2)}).row_range(0, want.dim(1)),
                        want.row_range(b, b + 1).reshaped({want.dim(1), want.dim(2)})),
                    "")
              << name;
      } else {
        EXPECT_EQ(check::same_bits(got, want), "") << name;
      }
    }
  }
}

NamedTensors tokens_only(const NamedTensors& inputs) {
  NamedTensors out;
  for (const char* name : {"input_ids", "attention_mask", "token_type_ids", "position_ids"})
    if (const auto it = inputs.find(name); it != inputs.end()) out.insert(*it);
  return out;
}

TEST(Bert, ARowAloneGivesTheBitsItHasInABatchOfAnyOrder) {
  for (const char* folder : kFolders) {
    SCOPED_TRACE(folder);
    const NamedTensors inputs = tokens_only(read_case(folder).inputs);
    const auto model = load_golden(folder);
    const NamedTensors all = forward(*model, inputs);
    const std::int64_t rows = inputs.at("input_ids").dim(0);
    NamedTensors reversed = inputs;
    for (auto& [name, tensor] : reversed) {
      const Tensor from = tensor;
      tensor = from.clone();
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(from.row<std::int64_t>(rows - 1 - r), from.cols(), tensor.mutable_row<std::int64_t>(r));
    }
    const NamedTensors backwards = forward(*model, reversed);
    for (std::int64_t r = 0; r < rows; ++r) {
      NamedTensors one;
      for (const auto& [name, tensor] : inputs) one.emplace(name, tensor.row_range(r, r + 1));
      const NamedTensors alone = forward(*model, one);
      for (const auto& [name, tensor] : all) {
        EXPECT_EQ(check::same_bits(alone.at(name), tensor.row_range(r, r + 1)), "") << name << " row " << r;
        EXPECT_EQ(check::same_bits(backwards.at(name).row_range(rows - 1 - r, rows - r),
                                   tensor.row_range(r, r + 1)),
                  "")
            << name << " row " << r;
      }
    }
  }
}

TEST(Bert, ThreadsAndInstructionSetsChangeNoBitOfOutputsAndGradients) {
  for (const char* folder : kFolders) {
    const Case c = read_case(folder);
    EXPECT_EQ(check::same_bits_everywhere([&] {
                std::vector<Tensor> out;
                for (const auto& [name, tensor] : forward(*load_golden(folder), c.inputs, {.backward = true}))
                  out.push_back(tensor);
                return out;
              }),
              "")
        << folder;
  }
}

TEST(Bert, PositionsThatAreGivenCountAndThePlaceInTheRowIsTheirDefault) {
  const auto model = load_golden("masked_lm");
  NamedTensors inputs = tokens_only(read_case("masked_lm").inputs);
  const Tensor plain = forward(*model, inputs).at("last_hidden_state");
  Tensor positions = Tensor::empty(inputs.at("input_ids").shape(), DType::kI64);
  for (std::int64_t i = 0; i < positions.elements(); ++i)
    positions.mutable_data<std::int64_t>()[i] = i % positions.dim(1);
  inputs["position_ids"] = positions;
  EXPECT_EQ(check::same_bits(forward(*model, inputs).at("last_hidden_state"), plain), "");
  positions.mutable_data<std::int64_t>()[0] = 15;
  EXPECT_NE(check::same_bits(forward(*model, inputs).at("last_hidden_state"), plain), "");
}

TEST(Bert, ARowWithoutATokenGivesZerosAndItsLabelDoesNotCount) {
  for (const char* folder : {"classifier", "pretraining_2018"}) {
    SCOPED_TRACE(folder);
    const Case c = read_case(folder);
    const auto model = load_golden(folder);
    NamedTensors all = c.inputs, two;
    for (const auto& [name, tensor] : c.inputs) two.emplace(name, tensor.row_range(0, 2));
    Tensor mask = all.at("attention_mask").clone();
    std::fill_n(mask.mutable_row<std::int64_t>(2), mask.cols(), 0);
    all["attention_mask"] = mask;
    const NamedTensors three = forward(*model, all, {.backward = true}),
                       rest = forward(*model, two, {.backward = true});
    for (const char* name : {"last_hidden_state", "logits"})
      EXPECT_EQ(largest(three.at(name).row_range(2, 3)), 0.0) << name;
    EXPECT_GT(largest(three.at("logits")), 0.0);
    for (const auto& [name, tensor] : rest) {
      if (name != "loss" && !name.starts_with("grad.")) continue;
      EXPECT_EQ(check::same_bits(three.at(name), tensor), "") << name;
    }
  }
}

TEST(Bert, ThePaddingIdsRowGetsItsGradientFromTheTiedDecoderOnly) {
  const Case c = read_case("masked_lm");  // pad_token_id 4
  const auto model = load_golden("masked_lm");
  NamedTensors inputs = tokens_only(c.inputs);
  Tensor ids = inputs.at("input_ids").clone();
  ids.mutable_data<std::int64_t>()[0] = 4;
  inputs["input_ids"] = ids;
  inputs["cotangent.last_hidden_state"] = check::random_tensor({3, 9, 9}, 5);
  const Tensor body =
      forward(*model, inputs, {.backward = true}).at("grad.bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(largest(body.row_range(4, 5)), 0.0);
  EXPECT_GT(largest(body), 0.0);
  inputs.erase("cotangent.last_hidden_state");
  inputs["cotangent.logits"] = check::random_tensor({3, 9, 19}, 6);
  EXPECT_GT(largest(forward(*model, inputs, {.backward = true})
                        .at("grad.bert.embeddings.word_embeddings.weight")
                        .row_range(4, 5)),
            0.0);
}

// --- files

// A folder of its own with a golden's configuration and changed tensors.
class Folder {
 public:
  Folder(const std::string& golden, const std::function<void(NamedTensors&)>& change,
         const std::function<void(std::string&)>& config = {}) {
    static int count = 0;
    path_ = fs::temp_directory_path() /
            ("lyceum_bert_test_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    fs::create_directories(path_);
    std::ifstream in(kGolden / golden / "config.json");
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (config) config(text);
    std::ofstream(path_ / "config.json") << text;
    const Safetensors file = Safetensors::open(kGolden / golden / "model.safetensors");
    NamedTensors tensors;
    for (const SafetensorsEntry& e : file.entries()) tensors.emplace(e.name, file.tensor(e));
    change(tensors);
    const std::vector<std::pair<std::string, Tensor>> list(tensors.begin(), tensors.end());
    write_safetensors(path_ / "model.safetensors", list);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::unique_ptr<Model> model() const { return load(path_); }
  ModelFolder folder() const { return ModelFolder::find(path_.string()); }

 private:
  fs::path path_;
};

void replace(std::string& text, const std::string& from, const std::string& to) {
  ASSERT_NE(text.find(from), std::string::npos) << from;
  text.replace(text.find(from), from.size(), to);
}

constexpr const char* kWord = "bert.embeddings.word_embeddings.weight";
constexpr const char* kDecoder = "cls.predictions.decoder.weight";

TEST(Bert, ADecoderThatEqualsTheWordEmbeddingsIsTiedAndAnotherIsNot) {
  const NamedTensors inputs = read_case("masked_lm").inputs;
  const NamedTensors plain = forward(*load_golden("masked_lm"), inputs, {.backward = true});
  const auto gradients = [](const NamedTensors& out) {
    return std::count_if(out.begin(), out.end(), [](const auto& x) { return x.first.starts_with("grad."); });
  };
  const Folder twice("masked_lm", [](NamedTensors& t) { t[kDecoder] = t[kWord].clone(); });
  const NamedTensors same = forward(*twice.model(), inputs, {.backward = true});
  EXPECT_EQ(gradients(same), gradients(plain));
  EXPECT_EQ(check::same_bits(same.at(std::string("grad.") + kWord), plain.at(std::string("grad.") + kWord)),
            "");

  const Folder other("masked_lm",
                     [](NamedTensors& t) { t[kDecoder] = check::random_tensor(t[kWord].shape(), 3); });
  const NamedTensors untied = forward(*other.model(), inputs, {.backward = true});
  EXPECT_EQ(gradients(untied), gradients(plain) + 1);
  EXPECT_GT(difference(untied.at("logits"), plain.at("logits")), 0.1);

  const Folder only("masked_lm", [](NamedTensors& t) {  // of two tied names one is enough
    t[kDecoder] = t[kWord];
    t.erase(kWord);
  });
  const NamedTensors swapped = forward(*only.model(), inputs, {.backward = true});
  EXPECT_EQ(check::same_bits(swapped.at("logits"), plain.at("logits")), "");
  EXPECT_EQ(
      check::same_bits(swapped.at(std::string("grad.") + kDecoder), plain.at(std::string("grad.") + kWord)),
      "");
}

Errc code_of(const std::function<void()>& f, std::string* message = nullptr) {
  try {
    f();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return Errc::kInternal;
}

TEST(Bert, AnUntiedHeadNeedsAMatrixOfItsOwn) {
  const Folder folder(
      "masked_lm", [](NamedTensors&) {},
      [](std::string& c) { replace(c, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"); });
  std::string message;
  EXPECT_EQ(code_of([&] { folder.model(); }, &message), Errc::kData);
  EXPECT_NE(message.find(kDecoder), std::string::npos) << message;
}

TEST(Bert, WhatTheFileHasBesidesIsListedAndWhatItLacksIsNamed) {
  const Folder more("tagger", [](NamedTensors& t) {
    t["bert.pooler.dense.weight"] = check::random_tensor({2, 2}, 1);
  });
  EXPECT_EQ(load_model(more.folder()).unused, std::vector<std::string>{"bert.pooler.dense.weight"});
  const Folder less("tagger", [](NamedTensors& t) { t.erase("classifier.bias"); });
  std::string message;
  EXPECT_EQ(code_of([&] { less.model(); }, &message), Errc::kData);
  EXPECT_NE(message.find("classifier.bias"), std::string::npos) << message;
}

TEST(Bert, ABodyWithoutAPoolerGivesNoPoolerOutput) {
  const NamedTensors inputs = tokens_only(read_case("body").inputs);
  EXPECT_TRUE(forward(*load_golden("body"), inputs).contains("pooler_output"));
  const Folder folder("body", [](NamedTensors& t) {
    std::erase_if(t, [](const auto& x) { return x.first.starts_with("pooler"); });
  });
  EXPECT_FALSE(forward(*folder.model(), inputs).contains("pooler_output"));
}

// --- the registry

TEST(Bert, IsFoundByItsTypeOrByItsClassAndOthersAreListed) {
  const auto& all = families();
  const auto bert = std::find_if(all.begin(), all.end(), [](const Family& f) { return f.name == "bert"; });
  ASSERT_NE(bert, all.end());
  const auto changed = [](const std::string& from, const std::string& to) {
    return Folder(
        "tagger", [](NamedTensors&) {}, [=](std::string& c) { replace(c, from, to); });
  };
  EXPECT_EQ(changed("\"model_type\": \"bert\"", "\"x\": 1").model()->architecture(),
            "BertForTokenClassification");
  std::string message;
  EXPECT_EQ(
      code_of([&] { changed("BertForTokenClassification", "BertForMultipleChoice").model(); }, &message),
      Errc::kUnsupported);
  for (const std::string& name : bert->architectures)
    EXPECT_NE(message.find(name), std::string::npos) << message;
  EXPECT_EQ(
      code_of([&] { changed("\"model_type\": \"bert\"", "\"model_type\": \"nonsense\"").model(); }, &message),
      Errc::kUnsupported);
  EXPECT_NE(message.find("nonsense"), std::string::npos) << message;
  EXPECT_NE(message.find("bert"), std::string::npos) << message;
}

TEST(Bert, ConfigurationsOfOtherModelsAreRefusedAndMissingKeysHaveDefaults) {
  EXPECT_EQ(encoder_config("{}", "x", {}).width, 768);
  EXPECT_EQ(encoder_config("{}", "x", {}).padding_id, 0);
  EXPECT_EQ(encoder_config(R"({"pad_token_id":null})", "x", {}).padding_id, -1);
  EXPECT_EQ(encoder_config(R"({"pad_token_id":-1,"vocab_size":30})", "x", {}).padding_id,
            29);  // R: counted from the end
  for (const char* json : {R"({"hidden_act":"quick_gelu"})", R"({"is_decoder":true})",
                           R"({"position_embedding_type":"relative_key"})"})
    EXPECT_EQ(code_of([&] { encoder_config(json, "x", {}); }), Errc::kUnsupported) << json;
  for (const char* json : {R"({"hidden_size":10,"num_attention_heads":3})", R"({"problem_type":"x"})",
                           R"({"layer_norm_eps":"small"})"})
    EXPECT_EQ(code_of([&] { encoder_config(json, "x", {}); }), Errc::kFormat) << json;
}

TEST(Bert, InputsThatTheClassDoesNotKnowAreRefused) {
  NamedTensors inputs = read_case("tagger").inputs;
  inputs["attention_maks"] = inputs.at("attention_mask");
  std::string message;
  EXPECT_EQ(code_of([&] { forward(*load_golden("tagger"), inputs); }, &message), Errc::kData);
  EXPECT_NE(message.find("attention_maks"), std::string::npos) << message;
}

}  // namespace
}  // namespace lyceum
