// The encoder in bf16 and int8, and from quantised files.
#include <gtest/gtest.h>

#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/reference_case.h"
#include "check/tiny_bert.h"
#include "kernels/narrow/narrow.h"
#include "models/bert/encoder.h"
#include "nn/forward.h"
#include "nn/registry.h"

namespace lyceum {
namespace {

const std::filesystem::path kGoldenFolder =
    std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/models/bert/golden";

NamedTensors outputs(const Model& model, const std::string& golden) {
  return forward(model, check::tokens_only(check::reference_case(kGoldenFolder / golden).inputs));
}

TEST(Precision, Int8HasTheSameBitsForEveryThreadCountAndInstructionSet) {
  for (const char* golden : {"body", "masked_lm", "classifier"}) {
    EXPECT_EQ(check::same_bits_everywhere([&] {
                const auto model = check::load_folder(kGoldenFolder / golden);
                model->set_compute(Compute::kInt8);
                std::vector<Tensor> out;
                for (const auto& [name, tensor] : outputs(*model, golden)) out.push_back(tensor);
                return out;
              }),
              "")
        << golden;
  }
}

// The weights of `classifier` are bf16 in its file: where bf16's products widen weights and leave inputs
// alone, nothing is rounded.
bool rounds(Compute compute, const std::string& golden) {
  return compute != Compute::kBF16 || golden != "classifier" ||
         std::string(kernels::narrow_unit(kernels::Narrow::kBF16)) != "f32";
}

// Weights and inputs of a product are off by 1/254 of their row's largest value at most, and by the root of
// the widths less in sums; norms bring values of about 1.
TEST(Precision, Bf16AndInt8StayNearF32AndAreNotF32) {
  for (const char* golden : {"body", "masked_lm", "classifier"})
    for (const auto& [compute, allowed] : {std::pair(Compute::kBF16, 0.05), {Compute::kInt8, 0.1}}) {
      const auto model = check::load_folder(kGoldenFolder / golden);
      const Tensor exact = outputs(*model, golden).at("last_hidden_state");
      model->set_compute(compute);
      const double error = check::difference(outputs(*model, golden).at("last_hidden_state"), exact);
      EXPECT_LT(error, allowed * check::largest(exact)) << golden << " in " << compute_name(compute);
      EXPECT_EQ(error > 0, rounds(compute, golden)) << golden << " in " << compute_name(compute);
      model->set_compute(Compute::kF32);
      EXPECT_EQ(check::same_bits(outputs(*model, golden).at("last_hidden_state"), exact), "") << "and back";
    }
}

TEST(Precision, ARowsBitsInInt8DoNotDependOnTheBatch) {
  const auto model = check::load_folder(kGoldenFolder / "masked_lm");
  model->set_compute(Compute::kInt8);
  const NamedTensors inputs = check::tokens_only(check::reference_case(kGoldenFolder / "masked_lm").inputs);
  const Tensor all = forward(*model, inputs).at("logits");
  for (std::int64_t r = 0; r < all.dim(0); ++r) {
    NamedTensors one;
    for (const auto& [name, tensor] : inputs) one.emplace(name, tensor.row_range(r, r + 1));
    EXPECT_EQ(check::same_bits(forward(*model, one).at("logits"), all.row_range(r, r + 1)), "") << r;
  }
}

TEST(Precision, GradientsDoNotComeInInt8) {
  const auto model = check::load_folder(kGoldenFolder / "masked_lm");
  model->set_compute(Compute::kInt8);
  check::expect_error(Errc::kUnsupported, "gradients are computed in f32 and bf16, found int8", [&] {
    forward(*model, check::reference_case(kGoldenFolder / "masked_lm").inputs, {.backward = true});
  });
}

// Each of a product's two sides is rounded by up to 2^-9 of itself, in three layers on the way there and
// back.
TEST(Precision, GradientsInBf16AreThoseOfF32WithinItsRounding) {
  const auto model = check::load_folder(kGoldenFolder / "masked_lm");
  const NamedTensors inputs = check::reference_case(kGoldenFolder / "masked_lm").inputs;
  const NamedTensors f32 = forward(*model, inputs, {.backward = true});
  model->set_compute(Compute::kBF16);
  const NamedTensors bf16 = forward(*model, inputs, {.backward = true});
  bool is_narrow = false;
  for (const auto& [name, expected] : f32) {
    if (!name.starts_with("grad.")) continue;
    float largest = 0;
    for (const float value : expected.values<float>()) largest = std::max(largest, std::abs(value));
    const std::vector<float> a = bf16.at(name).values<float>(), b = expected.values<float>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], 0.03f * largest + 1e-6f) << name << ", " << i;
      is_narrow |= a[i] != b[i];
    }
  }
  EXPECT_TRUE(is_narrow);
}

// The layers' matrices as bytes with scales, as compressed-tensors stores them.
void quantize(NamedTensors& tensors) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) {
    if (name.find("encoder.layer") == std::string::npos || tensor.shape().dims() != 2) {
      out.emplace(name, tensor);
      continue;
    }
    Tensor bytes = Tensor::empty(tensor.shape(), DType::kI8), scales = Tensor::empty({tensor.dim(0), 1});
    for (std::int64_t d = 0; d < tensor.dim(0); ++d)
      scales.mutable_data<float>()[d] =
          kernels::quantize_row(tensor.row<float>(d), tensor.dim(1), bytes.mutable_row<std::int8_t>(d));
    out.emplace(name, bytes);
    out.emplace(name + "_scale", scales);
  }
  tensors = out;
}

constexpr const char* kQuantization =
    R"(,"quantization_config":{"quant_method":"compressed-tensors","format":"int-quantized"}})";
void say_quantized(std::string& config) { config.replace(config.rfind('}'), 1, kQuantization); }

TEST(Precision, AQuantisedFileGivesTheBitsOfInt8AndCanBeReadInF32) {
  const check::ChangedFolder folder(kGoldenFolder / "masked_lm", quantize, say_quantized);
  const auto plain = check::load_folder(kGoldenFolder / "masked_lm");
  plain->set_compute(Compute::kInt8);
  const Tensor want = outputs(*plain, "masked_lm").at("logits");
  EXPECT_EQ(check::same_bits(outputs(*folder.model(), "masked_lm").at("logits"), want), "");
  EXPECT_TRUE(load_model(folder.folder()).unused.empty());

  const auto wide = load_model(folder.folder(), Compute::kF32).model;
  const Tensor exact = outputs(*wide, "masked_lm").at("logits");
  EXPECT_NE(check::same_bits(exact, want), "");
  EXPECT_LT(check::difference(exact, want), 0.1 * check::largest(want));
  for (const WeightPtr& weight : wide->parameters()) {
    weight->set_trainable(true);
    EXPECT_EQ(weight->variable() != 0, !weight->is_quantized()) << weight->name();
  }
}

// Files quantised to 127.5 steps have it.
TEST(Precision, ABytesLeastValueIsTakenAsItStands) {
  const std::string name = "bert.encoder.layer.0.output.dense.weight";
  const auto with = [&](std::int8_t value) {
    return check::ChangedFolder(
        kGoldenFolder / "masked_lm",
        [&](NamedTensors& tensors) {
          quantize(tensors);
          Tensor bytes = tensors.at(name).clone();
          bytes.mutable_data<std::int8_t>()[5] = value;
          tensors[name] = bytes;
        },
        say_quantized);
  };
  const check::ChangedFolder least = with(-128);
  Tensor bits;
  EXPECT_EQ(check::same_bits_everywhere([&] {
              bits = outputs(*least.model(), "masked_lm").at("logits");
              return std::vector{bits};
            }),
            "");
  EXPECT_NE(check::same_bits(bits, outputs(*with(-127).model(), "masked_lm").at("logits")), "");
  const auto wide = load_model(least.folder(), Compute::kF32).model;
  EXPECT_LT(check::difference(outputs(*wide, "masked_lm").at("logits"), bits), 0.1 * check::largest(bits));
}

TEST(Precision, QuantisedFilesThatAreWrongAreRefused) {
  const std::string name = "bert.encoder.layer.0.output.dense.weight";
  const auto with = [&](const std::function<void(NamedTensors&)>& change) {
    return check::ChangedFolder(
        kGoldenFolder / "masked_lm",
        [&](NamedTensors& tensors) {
          quantize(tensors);
          change(tensors);
        },
        say_quantized);
  };
  check::expect_error(Errc::kUnsupported, name,
                      [&] { with([&](NamedTensors& t) { t.erase(name + "_scale"); }).model(); });
  check::expect_error(Errc::kData, name + "_scale", [&] {
    with([&](NamedTensors& t) { t[name + "_scale"] = Tensor::full({3, 1}, 1.0f); }).model();
  });
  check::expect_error(Errc::kUnsupported, "gptq", [&] {
    check::ChangedFolder(
        kGoldenFolder / "masked_lm", [](NamedTensors&) {},
        [](std::string& config) {
          config.replace(config.rfind('}'), 1, R"(,"quantization_config":{"quant_method":"gptq"}})");
        })
        .model();
  });
}

TEST(Precision, PartsOfABatchOnThreadsGiveTheBitsOfTheWhole) {
  const check::TemporaryFolder folder;
  check::write_tiny_bert(folder.path(), {.width = 24, .heads = 3, .layers = 2, .max_positions = 128});
  const auto model = check::load_folder(folder.path());
  TokenPacker packer(*model);
  std::vector<std::int32_t> ids, types;
  for (int s = 0; s < 40; ++s) {
    ids.assign(static_cast<std::size_t>(1 + (s * 37) % 120), 5 + s % 7);
    types.assign(ids.size(), 0);
    packer.add(ids, types);
  }
  const PackedTokens all = packer.finish();
  for (const Compute compute : {Compute::kF32, Compute::kInt8}) {
    model->set_compute(compute);
    Pass none;
    const Tensor whole = model->run(all, {}, none)[0].value;
    for (const int threads : {1, 2, 3, 8}) {
      set_thread_count(threads);
      EXPECT_EQ(check::same_bits(model->encode(all), whole), "")
          << threads << " threads, " << compute_name(compute);
    }
  }
  set_thread_count(0);
}

}  // namespace
}  // namespace lyceum
