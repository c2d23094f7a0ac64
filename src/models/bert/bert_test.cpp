#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/parallel.h"
#include "check/gradcheck.h"
#include "check/reference_case.h"
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

using check::difference;
using check::largest;
using check::tokens_only;
check::ReferenceCase read_case(const std::string& name) { return check::reference_case(kGolden / name); }
std::unique_ptr<Model> load_golden(const std::string& name) { return check::load_folder(kGolden / name); }

// Chains of at most 19 products and sums, through two layers and back: some ten roundings of 2^-24 in a row,
// each against the tensor's largest value, and norms that divide small differences: 2e-5 is what both
// implementations' own errors allow.
constexpr double kRelative = 2e-5;

TEST(Bert, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::equals_reference(kGolden / folder, kRelative), "") << folder;
}

TEST(Bert, PaddingChangesNoBitOfOutputsAndGradients) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::padding_changes_no_bit(kGolden / folder), "") << folder;
}

TEST(Bert, ARowAloneGivesTheBitsItHasInABatchOfAnyOrder) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::rows_do_not_depend_on_each_other(kGolden / folder), "") << folder;
}

TEST(Bert, ThreadsAndInstructionSetsChangeNoBitOfOutputsAndGradients) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::threads_and_instruction_sets_change_no_bit(kGolden / folder), "") << folder;
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
    const check::ReferenceCase c = read_case(folder);
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
  const check::ReferenceCase c = read_case("masked_lm");  // pad_token_id 4
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

class Folder : public check::ChangedFolder {
 public:
  Folder(const std::string& golden, const std::function<void(NamedTensors&)>& change,
         const std::function<void(std::string&)>& config = {})
      : ChangedFolder(kGolden / golden, change, config) {}
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
  EXPECT_EQ(code_of([&] { changed("BertForTokenClassification", "BertForSomethingElse").model(); }, &message),
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

// input_ids [B, C, T], logits [B, C]: each example's texts compete.
TEST(Bert, MultipleChoiceIsTheReferences) {
  EXPECT_EQ(check::equals_reference(kGolden / "choosing", kRelative), "");
  EXPECT_EQ(check::threads_and_instruction_sets_change_no_bit(kGolden / "choosing"), "");
}

TEST(Bert, ChoicesOfAnotherShapeAreRefused) {
  const auto model = load_golden("choosing");
  const NamedTensors given = read_case("choosing").inputs;
  NamedTensors inputs = given;
  inputs["labels"] = Tensor::of<std::int64_t>({3}, std::vector<std::int64_t>{0, 2, 1});
  std::string message;
  EXPECT_EQ(code_of([&] { forward(*model, inputs); }, &message), Errc::kData);
  EXPECT_NE(message.find("labels[1] is 2, expected 0 to 1"), std::string::npos) << message;
  inputs["labels"] = Tensor::of<std::int64_t>({2}, std::vector<std::int64_t>{0, 1});
  EXPECT_EQ(code_of([&] { forward(*model, inputs); }, &message), Errc::kData);
  EXPECT_NE(message.find("expected I64 [3]"), std::string::npos) << message;
  inputs = {{"input_ids", given.at("input_ids").reshaped({6, 9})}};
  EXPECT_EQ(code_of([&] { forward(*model, inputs); }, &message), Errc::kData);
  EXPECT_NE(message.find("[B, C, T]"), std::string::npos) << message;
  inputs = {{"input_ids", Tensor::zeros({3, 0, 9}, DType::kI64)}};
  EXPECT_EQ(code_of([&] { forward(*model, inputs); }, &message), Errc::kData) << message;
}

// An example without a label does not count; nor does one choice of an example change another's bits.
TEST(Bert, ChoicesWithoutALabelAreLeftOut) {
  const auto model = load_golden("choosing");
  NamedTensors inputs = read_case("choosing").inputs;
  inputs["labels"] = Tensor::of<std::int64_t>({3}, std::vector<std::int64_t>{-100, 1, -100});
  const NamedTensors all = forward(*model, inputs);
  const float* row = all.at("logits").row<float>(1);
  EXPECT_NEAR(all.at("loss").data<float>()[0], std::log(std::exp(row[0]) + std::exp(row[1])) - row[1], 1e-5);
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
