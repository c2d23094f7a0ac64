#include "tasks/convert/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/reference_case.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "check/torch_archive.h"
#include "formats/checkpoint.h"
#include "kernels/convert.h"
#include "nn/forward.h"
#include "nn/registry.h"
#include "tensor/storage.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::TinyBertOptions;
namespace fs = std::filesystem;

ModelFolder at(const fs::path& path) { return ModelFolder::find(path.string()); }

NamedTensors tensors_of(const Checkpoint& checkpoint) {
  NamedTensors out;
  for (const std::string& name : checkpoint.names()) out.emplace(name, checkpoint.read(name));
  return out;
}
NamedTensors tensors_in(const fs::path& folder, const std::string& subfolder = "") {
  return tensors_of(Checkpoint::open(at(folder), subfolder));
}

void expect_same(const NamedTensors& got, const NamedTensors& want) {
  for (const auto& [name, tensor] : want) {
    ASSERT_TRUE(got.contains(name)) << name;
    EXPECT_EQ(got.at(name).dtype(), tensor.dtype()) << name;
    EXPECT_EQ(check::same_bits(got.at(name), tensor), "") << name;
  }
  EXPECT_EQ(got.size(), want.size());
}

std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) out.insert(entry.path().lexically_relative(folder).string());
  return out;
}

class Convert : public ::testing::Test {
 protected:
  // A folder with these weights in pytorch_model.bin.
  fs::path with_bin(const std::string& archive, const std::string& config = R"({"model_type":"bert"})") {
    check::write_file(folder / "bin/pytorch_model.bin", archive);
    check::write_file(folder / "bin/config.json", config);
    return folder / "bin";
  }
  fs::path with_bin(const NamedTensors& tensors) { return with_bin(check::torch_file_of(tensors)); }
  ConvertReport run(const fs::path& model, ConvertOptions options = {}) {
    options.output = output;
    return convert(at(model), options);
  }
  void expect_nothing_left() const {
    EXPECT_FALSE(fs::exists(output));
    EXPECT_FALSE(fs::exists(folder / "out.part"));
  }
  check::TemporaryFolder folder;
  const fs::path output = folder / "out";
};

TEST_F(Convert, EveryTensorKeepsItsBytes) {
  for (const int shards : {1, 3}) {
    const fs::path model = folder / std::to_string(shards);
    check::write_tiny_bert(model, {.shards = shards});
    check::write_file(model / "README.md", "not of the model");
    const ConvertReport report = run(model, {.force = true});
    expect_same(tensors_in(output), tensors_in(model));
    EXPECT_EQ(files_in(output), (std::set<std::string>{"config.json", "model.safetensors",
                                                       "tokenizer_config.json", "vocab.txt"}));
    EXPECT_EQ(std::set<std::string>(report.files.begin(), report.files.end()), files_in(output));
    EXPECT_EQ(report.tensors, tensors_in(model).size());
    for (const char* name : {"config.json", "tokenizer_config.json", "vocab.txt"})
      EXPECT_EQ(read_text(output / name), read_text(model / name)) << name;
    EXPECT_EQ(Safetensors::open(output / "model.safetensors").metadata(),
              (std::map<std::string, std::string>{{"format", "pt"}}));
  }
}

TEST_F(Convert, CastsRoundToNearestEvenAndLeaveWholeNumbersAlone) {
  const Tensor f32 = check::random_tensor({3, 40'000}, 3, -70, 70);  // more than one piece
  Tensor f64 = Tensor::empty({5}, DType::kF64);
  const double doubles[] = {1.0 + std::ldexp(1, -30), -2.5, INFINITY, NAN, 0.1};
  std::memcpy(f64.mutable_raw(), doubles, sizeof doubles);
  const Tensor ids = Tensor::of<std::int64_t>({2}, std::vector<std::int64_t>{1, 1LL << 60});
  const fs::path model =
      with_bin({{"f32", f32}, {"f64", f64}, {"ids", ids}, {"none", Tensor::zeros({0, 3})}});
  for (const DType type : {DType::kBF16, DType::kF16}) {
    run(model, {.dtype = type, .force = true});
    const NamedTensors got = tensors_in(output);
    const auto round = [&](float x) {
      return type == DType::kBF16 ? kernels::f32_to_bf16(x) : kernels::f32_to_f16(x);
    };
    const auto bits_of = [&](const char* name, std::int64_t i) {
      std::uint16_t bits;
      std::memcpy(&bits, got.at(name).raw() + 2 * i, 2);
      return bits;
    };
    for (const char* name : {"f32", "f64", "none"}) EXPECT_EQ(got.at(name).dtype(), type) << name;
    for (std::int64_t i = 0; i < f32.elements(); ++i)
      ASSERT_EQ(bits_of("f32", i), round(f32.data<float>()[i])) << i;
    for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(bits_of("f64", i), round(static_cast<float>(doubles[i])));
    EXPECT_EQ(got.at("ids").values<std::int64_t>(), ids.values<std::int64_t>());
    EXPECT_EQ(got.at("none").shape(), (Shape{0, 3}));
  }
  run(model, {.dtype = DType::kF32, .force = true});
  EXPECT_EQ(tensors_in(output).at("f64").values<float>()[0], 1.0f);
  EXPECT_EQ(check::same_bits(tensors_in(output).at("f32"), f32), "");
}

TEST_F(Convert, AValueBeyondTheFormatIsRefusedByItsName) {
  Tensor large = Tensor::full({70'000}, 1);
  large.mutable_data<float>()[66'000] = 65520;  // the least that rounds to infinity
  const fs::path model = with_bin({{"large", large}, {"small", Tensor::full({2}, 1)}});
  expect_error(Errc::kData, "tensor 'large': its element 66000 is 65520",
               [&] { run(model, {.dtype = DType::kF16}); });
  expect_nothing_left();
  EXPECT_NO_THROW(run(model, {.dtype = DType::kBF16}));
  large.mutable_data<float>()[66'000] = std::numeric_limits<float>::max();
  expect_error(Errc::kData, "largest number of BF16", [&] {
    run(with_bin({{"large", large}}), {.dtype = DType::kBF16, .force = true});
  });
  EXPECT_EQ(tensors_in(output).size(), 2u) << "what was there stays";
  large.mutable_data<float>()[66'000] = INFINITY;
  EXPECT_NO_THROW(run(with_bin({{"large", large}}), {.dtype = DType::kF16, .force = true}));
}

TEST_F(Convert, NamesThatShareStorageAreStoredOnceUnlessUntied) {
  const auto pickled = [](std::int64_t offset, std::vector<std::int64_t> sizes) {
    return check::pickled_tensor(
        {.storage_elements = 8, .offset = offset, .sizes = std::move(sizes), .strides = {2, 1}});
  };
  const std::string archive =
      check::torch_archive(check::pickle_of(check::pickled_dict({{"words", pickled(0, {4, 2})},
                                                                 {"decoder", pickled(0, {4, 2})},
                                                                 {"a_part", pickled(0, {2, 2})},
                                                                 {"another_part", pickled(4, {2, 2})}})),
                           {std::string(32, '\1')});
  const auto names = [&] {
    std::set<std::string> out;
    for (const auto& [name, tensor] : tensors_in(output)) out.insert(name);
    return out;
  };
  run(with_bin(archive));
  EXPECT_EQ(names(), (std::set<std::string>{"words", "a_part", "another_part"}))
      << "the first in the file's order";
  run(with_bin(archive, R"({"tie_word_embeddings":false})"), {.force = true});
  EXPECT_EQ(names(), (std::set<std::string>{"words", "decoder", "a_part", "another_part"}));
}

TEST_F(Convert, NormsOfOldFilesGetTheirNamesOfToday) {
  const Tensor one = Tensor::full({2}, 1), two = Tensor::full({2}, 2);
  run(with_bin({{"x.LayerNorm.gamma", one},
                {"x.LayerNorm.beta", two},
                {"y.LayerNorm.gamma", one},
                {"y.LayerNorm.weight", two},
                {"z.layer_scale.gamma", one}}));
  expect_same(tensors_in(output), {{"x.LayerNorm.weight", one},
                                   {"x.LayerNorm.bias", two},
                                   {"y.LayerNorm.gamma", one},
                                   {"y.LayerNorm.weight", two},
                                   {"z.layer_scale.gamma", one}});
}

TEST_F(Convert, LargeModelsAreInShardsWithTheirIndex) {
  const fs::path model = folder / "model";
  check::write_tiny_bert(model);
  for (const std::uint64_t most : {1u, 1000u, 2500u}) {
    const ConvertReport report = run(model, {.max_shard_bytes = most, .force = true});
    expect_same(tensors_in(output), tensors_in(model));
    const Json index = read_json(output / "model.safetensors.index.json");
    EXPECT_EQ(index["metadata"]["total_size"], report.bytes);
    EXPECT_EQ(index["weight_map"].size(), report.tensors);
    std::size_t shards = 0;
    for (const std::string& name : files_in(output)) {
      if (!name.ends_with(".safetensors")) continue;
      const Checkpoint shard = Checkpoint::open_file(output / name);
      EXPECT_TRUE(shard.bytes() <= most || shard.names().size() == 1) << name;
      ++shards;
    }
    if (most == 1u) {
      EXPECT_EQ(shards, report.tensors);
    }
    EXPECT_TRUE(fs::exists(output / fmt::format("model-00001-of-{:05}.safetensors", shards)));
  }
}

TEST_F(Convert, TheConfigurationSaysTheNewFormat) {
  const NamedTensors weights{{"w", Tensor::full({2}, 1)}};
  const std::string text = R"({"model_type":"bert","zeta":1.5,"torch_dtype":"float32","alpha":[1]})";
  const fs::path model = with_bin(check::torch_file_of(weights), text);
  run(model);
  EXPECT_EQ(read_text(output / "config.json"), text);
  run(model, {.dtype = DType::kBF16, .force = true});
  EXPECT_EQ(read_text(output / "config.json"),
            "{\n  \"model_type\": \"bert\",\n  \"zeta\": 1.5,\n  \"alpha\": [\n    1\n  ],\n  \"dtype\": "
            "\"bfloat16\"\n}\n");
}

TEST_F(Convert, ASentenceModelIsConvertedWithItsModules) {
  const fs::path model = folder / "model";
  check::write_tiny_bert(model, {.sentence = true, .dense_width = 4, .max_seq_length = 12});
  const NamedTensors dense = tensors_in(model, "2_Dense");
  check::write_file(model / "2_Dense/pytorch_model.bin", check::torch_file_of(dense));
  fs::remove(model / "2_Dense/model.safetensors");
  auto expected = files_in(model);
  expected.erase("2_Dense/pytorch_model.bin");
  expected.insert("2_Dense/model.safetensors");
  run(model);
  EXPECT_EQ(files_in(output), expected);
  expect_same(tensors_in(output, "2_Dense"), dense);
  expect_same(tensors_in(output), tensors_in(model));
  run(model, {.dtype = DType::kF16, .force = true});
  EXPECT_EQ(tensors_in(output, "2_Dense").begin()->second.dtype(), DType::kF16);
  EXPECT_EQ(read_text(output / "2_Dense/config.json"), read_text(model / "2_Dense/config.json"));
  EXPECT_TRUE(fs::is_directory(output / "3_Normalize") || !fs::exists(model / "3_Normalize"));
}

TEST_F(Convert, AnInt8FolderGivesTheBitsOfInt8) {
  for (const bool sentence : {false, true}) {
    const fs::path model = folder / (sentence ? "sentence" : "plain");
    check::write_tiny_bert(model, {.width = 12,
                                   .layers = 2,
                                   .inner_width = 18,
                                   .architecture = sentence ? "BertModel" : "BertForMaskedLM",
                                   .dtype = sentence ? DType::kBF16 : DType::kF32,
                                   .sentence = sentence,
                                   .dense_width = sentence ? 4 : 0});
    run(model, {.dtype = DType::kI8, .max_shard_bytes = 2000, .force = true});
    const LoadedModel narrow = load_model(at(output)), wide = load_model(at(model), Compute::kInt8);
    EXPECT_TRUE(narrow.unused.empty());
    NamedTensors inputs;
    inputs.emplace("input_ids",
                   Tensor::of<std::int64_t>({2, 3}, std::vector<std::int64_t>{2, 7, 3, 2, 9, 8}));
    for (const auto& [name, value] : forward(*wide.model, inputs))
      EXPECT_EQ(check::same_bits(forward(*narrow.model, inputs).at(name), value), "") << name;

    const NamedTensors stored = tensors_in(output);
    std::int64_t bytes = 0;
    for (const auto& [name, tensor] : stored) {
      bytes += tensor.dtype() == DType::kI8;
      if (tensor.dtype() != DType::kI8) continue;
      ASSERT_TRUE(stored.contains(name + "_scale")) << name;
      EXPECT_EQ(stored.at(name + "_scale").shape(), (Shape{tensor.dim(0), 1})) << name;
    }
    EXPECT_EQ(bytes, 12) << "query, key, value, two outputs and the inner product of two layers";
    const Json config = read_json(output / "config.json");
    EXPECT_EQ(config["quantization_config"]["config_groups"]["group_0"]["targets"].size(), 12u);
    EXPECT_FALSE(config.contains("dtype")) << "what is not quantised is as it was";
    if (sentence) expect_same(tensors_in(output, "2_Dense"), tensors_in(model, "2_Dense"));
    expect_error(Errc::kUnsupported, "not int8 already",
                 [&] { convert(at(output), {.output = folder / "again", .dtype = DType::kI8}); });
  }
}

// An adapter that PEFT saved over a file of the body alone: a whole model of the class it adapts, under that
// class's names, which gives the same bits.
TEST_F(Convert, AnAdapterBecomesAWholeModel) {
  const fs::path golden = fs::path(LYCEUM_SOURCE_DIR) / "src/nn/golden/lora/bert";
  const check::ReferenceCase c = check::reference_case(golden);
  run(golden / "adapter");
  const Checkpoint stored = Checkpoint::open(at(output));
  EXPECT_NE(stored.find_info("bert.encoder.layer.0.attention.self.query.weight"), nullptr);
  EXPECT_NE(stored.find_info("classifier.weight"), nullptr);
  for (const std::string& name : stored.names()) EXPECT_EQ(name.find("lora"), std::string::npos) << name;
  EXPECT_EQ(check::same_bits(forward(*check::load_folder(output), c.inputs).at("logits"),
                             forward(*check::load_folder(golden / "adapter"), c.inputs).at("logits")),
            "");
}

TEST_F(Convert, WhatInt8CannotExpressIsRefused) {
  NamedTensors tensors = check::tiny_bert_tensors();
  const std::string name = "encoder.layer.0.output.dense.weight";
  ASSERT_TRUE(tensors.contains(name));
  tensors[name] = tensors.at(name).clone();
  tensors.at(name).mutable_row<float>(3)[1] = std::numeric_limits<float>::infinity();
  const fs::path model = with_bin(check::torch_file_of(tensors), check::tiny_bert_config());
  expect_error(Errc::kData, name + "': its row 3 holds", [&] { run(model, {.dtype = DType::kI8}); });
  expect_nothing_left();
  expect_error(Errc::kUnsupported, "zebra", [&] {
    run(with_bin(check::torch_file_of(tensors), R"({"model_type":"zebra"})"), {.dtype = DType::kI8});
  });
}

TEST_F(Convert, NothingThatIsThereIsLostByAccident) {
  const fs::path model = folder / "model";
  check::write_tiny_bert(model);
  const auto refused = [&](Errc code, const char* part, const fs::path& to, bool force) {
    expect_error(code, part, [&] { convert(at(model), {.output = to, .force = force}); });
    EXPECT_TRUE(fs::exists(model / "model.safetensors"));
  };
  refused(Errc::kUsage, "holds the model itself", model, true);
  refused(Errc::kUsage, "holds the model itself", model / "", true);
  refused(Errc::kUsage, "holds the model itself", folder.path(), true);
  refused(Errc::kUsage, "no output", "", false);
  check::write_file(folder / "other/diary.txt", "dear diary");
  refused(Errc::kIo, "is there already", folder / "other", false);
  refused(Errc::kIo, "--force replaces nothing else", folder / "other", true);
  refused(Errc::kIo, "--force replaces nothing else", folder / "other/diary.txt", true);
  EXPECT_EQ(read_text(folder / "other/diary.txt"), "dear diary");
  fs::create_directory(folder / "out.part");
  refused(Errc::kIo, "out.part: is there", output, false);
  convert(at(model), {.output = output / "", .force = true});
  EXPECT_FALSE(fs::exists(folder / "out.part"));
  check::write_file(output / "of_before", "x");
  run(model, {.force = true});
  EXPECT_FALSE(fs::exists(output / "of_before"));
  EXPECT_FALSE(fs::exists(folder / "out.old"));
  check::write_file(folder / "file", "x");
  refused(Errc::kIo, "file", folder / "file/out", false);
}

TEST_F(Convert, AnInterruptLeavesNothing) {
  const fs::path model = folder / "model";
  check::write_tiny_bert(model);
  request_interrupt();
  expect_error(Errc::kInterrupted, "", [&] { run(model); });
  clear_interrupt();
  expect_nothing_left();
}

TEST_F(Convert, MemoryStaysFarBelowTheModel) {
  NamedTensors weights;
  for (int i = 0; i < 8; ++i) weights.emplace("w" + std::to_string(i), check::random_tensor({1 << 18}, 1));
  const fs::path model = with_bin(weights);
  weights.clear();
  trim_memory();
  reset_peak_memory();
  const std::uint64_t before = memory_use().peak_bytes;
  std::uint64_t last = 0;
  run(model, {.dtype = DType::kBF16, .progress = [&](std::uint64_t done, std::uint64_t total) {
                EXPECT_GT(done, last);
                EXPECT_LE(done, total);
                last = done;
              }});
  EXPECT_EQ(last, std::uint64_t{8} << 19);
  EXPECT_LE(memory_use().peak_bytes, before + (1u << 20)) << "one tensor is of 1 MiB";
}

}  // namespace
}  // namespace lyceum
