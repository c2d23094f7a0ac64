#include "nn/merged_adapter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "base/file.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/reference_case.h"
#include "check/temporary_folder.h"
#include "formats/safetensors.h"
#include "nn/forward.h"
#include "nn/registry.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;
using check::expect_error;

const fs::path kGolden = fs::path(LYCEUM_SOURCE_DIR) / "src/nn/golden/lora";

// Merged, a product is one sum where the reference adds two: a few roundings of 2^-24, through two layers.
constexpr double kRelative = 2e-5;

// Adapters that PEFT saved: of three parts of one product with ranks and scales of their own, over a body
// without a prefix whose class names other labels; and of matrices that are stored [inputs, outputs].
TEST(MergedAdapter, GivesTheLogitsOfPeft) {
  for (const char* name : {"bert", "gpt2"}) {
    const check::ReferenceCase c = check::reference_case(kGolden / name);
    const LoadedModel loaded = load_model(ModelFolder::find((kGolden / name / "adapter").string()));
    const Tensor want = c.outputs.at("logits"), got = forward(*loaded.model, c.inputs).at("logits");
    ASSERT_EQ(got.shape(), want.shape()) << name;
    EXPECT_LE(check::difference(got, want), kRelative * check::largest(want)) << name;
    for (const std::string& unused : loaded.unused)
      EXPECT_FALSE(unused.starts_with(kAdapterPrefix)) << unused;
    const LoadedModel plain = load_model(ModelFolder::find((kGolden / name / "base").string()));
    const Tensor without = forward(*plain.model, check::tokens_only(c.inputs)).at("last_hidden_state");
    EXPECT_GT(check::difference(without, forward(*loaded.model, c.inputs).at("last_hidden_state")), 0.1)
        << name;
  }
}

TEST(MergedAdapter, IsMergedBeforeItIsRoundedToInt8) {
  const ModelFolder folder = ModelFolder::find((kGolden / "bert/adapter").string());
  const check::ReferenceCase c = check::reference_case(kGolden / "bert");
  const LoadedModel loaded = load_model(folder, Compute::kInt8);
  const auto later = load_model(folder).model;
  later->set_compute(Compute::kInt8);
  EXPECT_EQ(
      check::same_bits(forward(*loaded.model, c.inputs).at("logits"), forward(*later, c.inputs).at("logits")),
      "");
  int bytes = 0;
  for (const WeightPtr& weight : loaded.model->int8_weights()) bytes += weight->is_quantized() ? 1 : 0;
  EXPECT_EQ(bytes, 6);  // query, value and intermediate.dense of two layers
}

TEST(MergedAdapter, TheClassIsThatOfTheTaskAndNamesOfOtherLabelsAreLeftOut) {
  const auto model = load_model(ModelFolder::find((kGolden / "bert/adapter").string())).model;
  EXPECT_EQ(model->architecture(), "BertForSequenceClassification");
  EXPECT_EQ(model->labels(), (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
}

class BrokenAdapter : public testing::Test {
 protected:
  // A copy of the golden's adapter with other tensors or another configuration.
  ModelFolder with(const std::function<void(NamedTensors&)>& change,
                   const std::function<void(std::string&)>& config = {}) {
    fs::remove_all(t_ / "a");
    fs::create_directories(t_ / "a");
    fs::remove_all(t_ / "base");
    fs::copy(kGolden / "bert/base", t_ / "base");
    const Safetensors file = Safetensors::open(kGolden / "bert/adapter/adapter_model.safetensors");
    NamedTensors tensors;
    for (const SafetensorsEntry& e : file.entries()) tensors.emplace(e.name, file.tensor(e).clone());
    change(tensors);
    const std::vector<std::pair<std::string, Tensor>> list(tensors.begin(), tensors.end());
    write_safetensors(t_ / "a/adapter_model.safetensors", list);
    std::string text = read_text(kGolden / "bert/adapter/adapter_config.json");
    if (config) config(text);
    check::write_file(t_ / "a/adapter_config.json", text);
    return ModelFolder::find((t_ / "a").string());
  }
  void refused(Errc code, const std::string& part, const std::function<void(NamedTensors&)>& change,
               const std::function<void(std::string&)>& config = {}) {
    expect_error(code, part, [&] { load_model(with(change, config)); });
  }
  const std::string query_ = std::string(kAdapterPrefix) + "bert.encoder.layer.0.attention.self.query";
  check::TemporaryFolder t_;
};

TEST_F(BrokenAdapter, IsRefusedByName) {
  load_model(with([](NamedTensors&) {}));
  const auto rename = [&](const std::string& to) {
    return [this, to](NamedTensors& t) {
      for (const char* end : {".lora_A.weight", ".lora_B.weight"}) {
        t.emplace(std::string(kAdapterPrefix) + to + end, t.at(query_ + end));
        t.erase(query_ + end);
      }
    };
  };
  refused(Errc::kData, "lora_A.weight' is [3, 12], expected [4, 12]", [&](NamedTensors& t) {
    t.at(query_ + ".lora_A.weight") = Tensor::zeros({3, 12});
  });
  refused(Errc::kData, "lora_A.weight' is [4, 24], expected [4, 12]",  // more inputs than the base has
          [&](NamedTensors& t) {
            t.at(query_ + ".lora_A.weight") = Tensor::zeros({4, 24});
          });
  refused(Errc::kData, "lora_B.weight' is [24, 4], expected [12, 4]", [&](NamedTensors& t) {
    t.at(query_ + ".lora_B.weight") = Tensor::zeros({24, 4});
  });
  refused(Errc::kData, "lora_B.weight' is [4], expected",
          [&](NamedTensors& t) { t.at(query_ + ".lora_B.weight") = Tensor::zeros({4}); });
  refused(Errc::kData, "stands alone", [&](NamedTensors& t) { t.erase(query_ + ".lora_B.weight"); });
  refused(Errc::kData, "has no linear layer 'bert.encoder.layer.7.attention.self.query'",
          rename("bert.encoder.layer.7.attention.self.query"));
  refused(Errc::kData, "has no linear layer 'bert.embeddings.word_embeddings'",
          rename("bert.embeddings.word_embeddings"));
  refused(Errc::kData, "has no linear layer '../../etc/passwd'", rename("../../etc/passwd"));
  refused(Errc::kUnsupported, "lora_magnitude_vector",
          [&](NamedTensors& t) { t.emplace(query_ + ".lora_magnitude_vector", Tensor::zeros({12})); });
  refused(Errc::kData, "makes a weight nan",
          [&](NamedTensors& t) { t.at(query_ + ".lora_A.weight").mutable_data<float>()[5] = NAN; });
  refused(Errc::kUnsupported, "found the number format I64", [&](NamedTensors& t) {
    t.at(query_ + ".lora_A.weight") = Tensor::zeros({4, 12}, DType::kI64);
  });
  refused(Errc::kData, "found no tensor of an adapter", [](NamedTensors& t) {
    t = {{"w", Tensor::zeros({1})}};
  });
  refused(
      Errc::kData, "expected [9, 12]: rank and inputs", [](NamedTensors&) {},
      [](std::string& text) { text.replace(text.find("\"r\": 4"), 6, "\"r\": 9"); });
  refused(Errc::kData, "classifier.weight", [](NamedTensors& t) {
    t.at(std::string(kAdapterPrefix) + "classifier.weight") = Tensor::zeros({3, 13});
  });
}

}  // namespace
}  // namespace lyceum
