#include "models/gpt2/gpt2.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"
#include "check/reference_case.h"
#include "kernels/narrow/narrow.h"
#include "nn/forward.h"
#include "nn/registry.h"
#include "ops/rows/rows.h"

namespace lyceum {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/models/gpt2/golden";
constexpr const char* kFolders[] = {"words", "untied", "body", "classifier"};

using check::difference;
using check::largest;
using check::same_bits;
using check::tokens_only;
NamedTensors inputs_of(const std::string& name) { return check::reference_case(kGolden / name).inputs; }
std::unique_ptr<Model> load_golden(const std::string& name) { return check::load_folder(kGolden / name); }

// Chains of at most 61 products and sums, through three layers and back: some ten roundings of 2^-24 in a
// row, each against the tensor's largest value, and norms that divide small differences: 2e-5 is what both
// implementations' own errors allow.
constexpr double kRelative = 2e-5;

TEST(Gpt2, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::equals_reference(kGolden / folder, kRelative), "") << folder;
}

TEST(Gpt2, PaddingOrderThreadsAndInstructionSetsChangeNoBit) {
  for (const char* folder : kFolders) EXPECT_EQ(check::keeps_its_bits(kGolden / folder), "") << folder;
}

Tensor ids_of(const std::vector<std::int64_t>& ids) {
  Tensor out = Tensor::empty({1, static_cast<std::int64_t>(ids.size())}, DType::kI64);
  std::copy(ids.begin(), ids.end(), out.mutable_data<std::int64_t>());
  return out;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  ASSERT_NE(text.find(from), std::string::npos) << from;
  text.replace(text.find(from), from.size(), to);
}

class Folder : public check::ChangedFolder {
 public:
  Folder(const std::string& golden, const std::function<void(NamedTensors&)>& change,
         const std::function<void(std::string&)>& config = {})
      : ChangedFolder(kGolden / golden, change, config) {}
};

// --- causal attention

// Room for several of attention's tiles.
constexpr std::int64_t kLong = 200;
Folder long_folder() {
  return Folder(
      "untied",
      [](NamedTensors& t) {
        t["transformer.wpe.weight"] = check::random_tensor({kLong, 9}, 7);
      },
      [](std::string& config) { replace(config, "\"n_positions\": 16", "\"n_positions\": 200"); });
}

TEST(Gpt2, ThePrefixOfATextHasTheBitsThatItHasInTheWholeText) {
  const Folder folder = long_folder();
  const auto model = folder.model();
  std::vector<std::int64_t> ids(kLong);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>((i * i + 3) % 19);
  for (const Compute compute : {Compute::kF32, Compute::kInt8, Compute::kBF16}) {
    model->set_compute(compute);
    for (const int threads : {1, 2, 3}) {
      set_thread_count(threads);
      const Tensor whole = forward(*model, {{"input_ids", ids_of(ids)}}).at("logits").reshaped({kLong, 19});
      for (const std::int64_t length :
           {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 199}) {
        const std::vector<std::int64_t> some(ids.begin(), ids.begin() + length);
        const Tensor prefix =
            forward(*model, {{"input_ids", ids_of(some)}}).at("logits").reshaped({length, 19});
        EXPECT_EQ(same_bits(prefix, whole.row_range(0, length)), "")
            << length << " tokens, " << threads << " threads, " << compute_name(compute);
      }
    }
    set_thread_count(0);
  }
}

TEST(Gpt2, ATokenChangesNothingBeforeItAndSomethingFromItOn) {
  const auto model = load_golden("words");
  std::vector<std::int64_t> ids{5, 9, 60, 0, 7, 33, 2};
  const Tensor before = forward(*model, {{"input_ids", ids_of(ids)}}).at("logits").reshaped({7, 61});
  ids[4] = 8;
  const Tensor behind = forward(*model, {{"input_ids", ids_of(ids)}}).at("logits").reshaped({7, 61});
  EXPECT_EQ(same_bits(behind.row_range(0, 4), before.row_range(0, 4)), "");
  for (std::int64_t t = 4; t < 7; ++t)
    EXPECT_GT(difference(behind.row_range(t, t + 1), before.row_range(t, t + 1)), 1e-3) << t;
}

TEST(Gpt2, PartsOfABatchOnThreadsGiveTheBitsOfTheWhole) {
  const Folder folder = long_folder();
  const auto model = folder.model();
  TokenPacker packer(*model);
  for (int s = 0; s < 40; ++s) {
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(1 + (s * 37) % 120), 5 + s % 7);
    packer.add(ids, std::vector<std::int32_t>(ids.size(), 0));
  }
  const PackedTokens all = packer.finish();
  Pass none;
  const Tensor whole = model->run(all, {}, none)[0].value;
  for (const int threads : {1, 2, 3, 8}) {
    set_thread_count(threads);
    EXPECT_EQ(same_bits(model->encode(all), whole), "") << threads;
  }
  set_thread_count(0);
}

// --- positions and types

TEST(Gpt2, ATokenStandsAtItsPlaceInTheRowUnlessItsPositionIsGiven) {
  const auto model = load_golden("words");
  const std::vector<std::int64_t> padded{7, 7, 7, 4, 50, 6};
  Tensor mask = ids_of({0, 0, 0, 1, 1, 1});
  const NamedTensors given{{"input_ids", ids_of(padded)}, {"attention_mask", mask}};
  const Tensor left = forward(*model, given).at("logits").reshaped({6, 61});
  EXPECT_EQ(largest(left.row_range(0, 3)), 0.0);
  const Tensor alone =
      forward(*model, {{"input_ids", ids_of({4, 50, 6})}, {"position_ids", ids_of({3, 4, 5})}})
          .at("logits")
          .reshaped({3, 61});
  EXPECT_EQ(same_bits(left.row_range(3, 6), alone), "");
  const Tensor first = forward(*model, {{"input_ids", ids_of({4, 50, 6})}}).at("logits").reshaped({3, 61});
  EXPECT_GT(difference(first, alone), 1e-3);
  check::expect_error(Errc::kData, "position_ids[0, 1] is 16, expected 0 to 15", [&] {
    forward(*model, {{"input_ids", ids_of({4, 50, 6})}, {"position_ids", ids_of({3, 16, 5})}});
  });
  check::expect_error(Errc::kData, "position[0, 16] is 16, expected 0 to 15", [&] {
    forward(*model, {{"input_ids", ids_of(std::vector<std::int64_t>(17, 1))}});
  });
}

TEST(Gpt2, TypesAreWordsThatAreAddedWhereTheyAreGiven) {
  const auto model = load_golden("body");
  const NamedTensors plain{{"input_ids", ids_of({4, 5, 6})}};
  NamedTensors typed = plain;
  typed["token_type_ids"] = ids_of({0, 0, 0});  // word 0, not nothing
  EXPECT_GT(difference(forward(*model, typed).at("last_hidden_state"),
                       forward(*model, plain).at("last_hidden_state")),
            1e-3);
  typed["token_type_ids"] = ids_of({0, 19, 0});
  check::expect_error(Errc::kData, "token_type_id is 19, expected 0 to 18", [&] { forward(*model, typed); });
  TokenPacker packer(*model);  // a tokenizer's types mean nothing here
  packer.add(std::vector<std::int32_t>{4, 5, 6}, std::vector<std::int32_t>{0, 0, 1});
  EXPECT_EQ(same_bits(model->encode(packer.finish()),
                      forward(*model, plain).at("last_hidden_state").reshaped({3, 7})),
            "");
}

// --- heads

TEST(Gpt2, ALabelBelongsToThePlaceBeforeIt) {
  const auto model = load_golden("words");
  NamedTensors inputs{{"input_ids", ids_of({4, 50, 6, 8})}, {"labels", ids_of({3, -100, 9, -100})}};
  const NamedTensors out = forward(*model, inputs);
  const Tensor logits = out.at("logits").reshaped({4, 61});
  double sum = 0;
  for (std::int64_t v = 0; v < 61; ++v) sum += std::exp(static_cast<double>(logits.row<float>(1)[v]));
  EXPECT_NEAR(out.at("loss").data<float>()[0], std::log(sum) - static_cast<double>(logits.row<float>(1)[9]),
              1e-6);                                 // a handful of roundings of a value below 16
  inputs["labels"] = ids_of({3, -100, -100, -100});  // the first place's label has nothing before it
  EXPECT_TRUE(std::isnan(forward(*model, inputs).at("loss").data<float>()[0]));
  inputs["labels"] = ids_of({3, 61, 2, 2});
  check::expect_error(Errc::kData, "61", [&] { forward(*model, inputs); });
}

TEST(Gpt2, TheHeadGivesScoresOfAnyRows) {
  for (const char* folder : {"words", "untied"}) {
    const auto model = load_golden(folder);
    const PackedTokens tokens = pack_tokens(tokens_only(inputs_of(folder)), *model);
    Pass none;
    const std::vector<ModelOutput> out = model->run(tokens, {}, none);
    ASSERT_EQ(out[1].name, "logits");
    const std::vector<std::int64_t> rows{5, 0, 5, 11};
    EXPECT_EQ(
        same_bits(model->scores(gather_rows(out[0].value, rows), tokens), gather_rows(out[1].value, rows)),
        "");
    EXPECT_EQ(model->head(), Head::kWords);
    EXPECT_TRUE(model->is_causal());
  }
  const auto body = load_golden("body");
  EXPECT_EQ(body->head(), Head::kNone);
  check::expect_error(Errc::kUnsupported, "GPT2Model has no head", [&] {
    body->scores(Tensor::zeros({1, 7}), {});
  });
}

TEST(Gpt2, AClassifierReadsTheLastTokenThatIsNotThePaddingId) {
  const auto model = load_golden("classifier");  // pad_token_id 4
  EXPECT_EQ(model->labels(), (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  const auto logits = [&](const std::vector<std::int64_t>& ids) {
    return forward(*model, {{"input_ids", ids_of(ids)}}).at("logits");
  };
  const Tensor plain = logits({5, 6, 7});
  EXPECT_EQ(same_bits(logits({5, 6, 7, 4, 4}), plain), "");
  EXPECT_NE(same_bits(logits({5, 6, 7, 4, 5}), plain), "");
  EXPECT_EQ(same_bits(logits({4, 4, 4}), logits({4})), "") << "the first where all are padding";
  TokenPacker packer(*model);  // as the verb `classify` gives it texts
  for (const std::vector<std::int32_t>& ids : {std::vector<std::int32_t>{5, 6, 7, 4}, {9, 4, 8}})
    packer.add(ids, std::vector<std::int32_t>(ids.size(), 0));
  const PackedTokens tokens = packer.finish();
  const Tensor both = model->scores(model->encode(tokens), tokens);
  EXPECT_EQ(same_bits(both.row_range(0, 1), plain), "");
  EXPECT_EQ(same_bits(both.row_range(1, 2), logits({9, 4, 8})), "");

  const Folder none(
      "classifier", [](NamedTensors&) {},
      [](std::string& c) { replace(c, "\"pad_token_id\": 4", "\"pad_token_id\": null"); });
  EXPECT_NE(same_bits(forward(*none.model(), {{"input_ids", ids_of({5, 6, 7, 4, 4})}}).at("logits"), plain),
            "");
}

TEST(Gpt2, ARowWithoutATokenGivesZerosAndItsLabelDoesNotCount) {
  for (const char* folder : {"words", "classifier"}) {
    const auto model = load_golden(folder);
    NamedTensors all = inputs_of(folder), two;
    for (const auto& [name, tensor] : all) two.emplace(name, tensor.row_range(0, 2));
    Tensor mask = all.at("attention_mask").clone();
    std::fill_n(mask.mutable_row<std::int64_t>(2), mask.cols(), 0);
    all["attention_mask"] = mask;
    const NamedTensors three = forward(*model, all, {.backward = true}),
                       rest = forward(*model, two, {.backward = true});
    for (const char* name : {"last_hidden_state", "logits"})
      EXPECT_EQ(largest(three.at(name).row_range(2, 3)), 0.0) << name;
    for (const auto& [name, tensor] : rest) {
      if (name != "loss" && !name.starts_with("grad.")) continue;
      EXPECT_EQ(same_bits(three.at(name), tensor), "") << folder << ": " << name;
    }
  }
}

TEST(Gpt2, EveryTapThatIsListedCanBeTaken) {
  const auto model = load_golden("words");
  const NamedTensors out = forward(*model, tokens_only(inputs_of("words")), {.taps = "."});
  EXPECT_EQ(model->taps().size(), 1 + 3 * 5u);
  for (const std::string& name : model->taps()) {
    ASSERT_TRUE(out.contains("tap." + name)) << name;
    EXPECT_EQ(out.at("tap." + name).dim(2), name.ends_with("mlp.act") ? 29 : 24) << name;
    EXPECT_GT(largest(out.at("tap." + name)), 0.0) << name;
  }
  EXPECT_EQ(out.size(), model->taps().size() + 2);
}

// --- narrow products

TEST(Gpt2, Bf16AndInt8StayNearF32AndInt8HasTheSameBitsEverywhere) {
  // weights and inputs of a product are off by 1/254 of their row's largest value at most, and by the root of
  // the widths less in sums; norms bring values of about 1
  for (const auto& [compute, allowed] : {std::pair(Compute::kBF16, 0.05), {Compute::kInt8, 0.1}}) {
    const auto model = load_golden("untied");
    const NamedTensors inputs = tokens_only(inputs_of("untied"));
    const Tensor exact = forward(*model, inputs).at("logits");
    model->set_compute(compute);
    const double error = difference(forward(*model, inputs).at("logits"), exact);
    EXPECT_GT(error, 0.0) << compute_name(compute);
    EXPECT_LT(error, allowed * largest(exact)) << compute_name(compute);
    model->set_compute(Compute::kF32);
    EXPECT_EQ(same_bits(forward(*model, inputs).at("logits"), exact), "") << "and back";
  }
  for (const char* folder : kFolders)
    EXPECT_EQ(check::same_bits_everywhere([&] {
                const auto model = load_golden(folder);
                model->set_compute(Compute::kInt8);
                std::vector<Tensor> out;
                for (const auto& [name, tensor] : forward(*model, tokens_only(inputs_of(folder))))
                  out.push_back(tensor);
                return out;
              }),
              "")
        << folder;
  EXPECT_EQ(load_golden("words")->int8_weights().size(), 3 * 4u);
}

// --- files

constexpr const char *kWord = "transformer.wte.weight", *kHead = "lm_head.weight";

TEST(Gpt2, AHeadThatEqualsTheWordEmbeddingsIsTiedAndAnotherIsNot) {
  const NamedTensors inputs = inputs_of("words"),
                     plain = forward(*load_golden("words"), inputs, {.backward = true});
  const std::string word = std::string("grad.") + kWord, head = std::string("grad.") + kHead;
  const Folder twice("words", [](NamedTensors& t) { t[kHead] = t[kWord].clone(); });
  const NamedTensors same = forward(*twice.model(), inputs, {.backward = true});
  EXPECT_FALSE(same.contains(head));
  EXPECT_EQ(same_bits(same.at(word), plain.at(word)), "");
  EXPECT_TRUE(load_model(twice.folder()).unused.empty());

  const Folder other("words", [](NamedTensors& t) { t[kHead] = check::random_tensor({61, 24}, 3); });
  const NamedTensors untied = forward(*other.model(), inputs, {.backward = true});
  EXPECT_TRUE(untied.contains(head));
  EXPECT_GT(difference(untied.at("logits"), plain.at("logits")), 0.1);

  const Folder only("words", [](NamedTensors& t) {  // of two tied names one is enough
    t[kHead] = t[kWord];
    t.erase(kWord);
  });
  const NamedTensors swapped = forward(*only.model(), inputs, {.backward = true});
  EXPECT_EQ(same_bits(swapped.at("logits"), plain.at("logits")), "");
  EXPECT_EQ(same_bits(swapped.at(head), plain.at(word)), "");

  const Folder missing("untied", [](NamedTensors& t) { t.erase(kHead); });
  check::expect_error(Errc::kData, "lm_head.weight", [&] { missing.model(); });
}

TEST(Gpt2, ThePrefixMayBeMissingAndBuffersAreNotNeeded) {
  const auto plain = load_golden("untied");
  const Folder bare("untied", [](NamedTensors& t) {
    NamedTensors out;
    for (const auto& [name, tensor] : t)
      out.emplace(name.starts_with("transformer.") ? name.substr(12) : name, tensor);
    for (const char* name : {"h.0.attn.bias", "h.1.attn.bias", "h.1.attn.masked_bias"})
      out.emplace(name, Tensor::zeros({1, 1, 16, 16}));
    out.emplace("h.2.attn.bias", Tensor::zeros({1}));  // of no layer
    t = out;
  });
  const NamedTensors inputs = tokens_only(inputs_of("untied"));
  EXPECT_EQ(same_bits(forward(*bare.model(), inputs).at("logits"), forward(*plain, inputs).at("logits")), "");
  EXPECT_EQ(load_model(bare.folder()).unused, std::vector<std::string>{"h.2.attn.bias"});
  EXPECT_TRUE(load_model(ModelFolder::find((kGolden / "body").string())).unused.empty());
}

// Square matrices do not tell their orientation by their shape; the others do.
TEST(Gpt2, MatricesThatAreStoredTheOtherWayAreRefused) {
  const Folder turned("untied", [](NamedTensors& t) {
    t["transformer.h.0.attn.c_attn.weight"] = check::random_tensor({27, 9}, 1);
  });
  check::expect_error(Errc::kData, "h.0.attn.c_attn.weight' is [27, 9], expected [9, 27]",
                      [&] { turned.model(); });
}

// --- configuration

TEST(Gpt2, ConfigurationsHaveTheReferencesDefaultsAndOldNames) {
  const Gpt2Config plain = gpt2_config("{}", "x");
  EXPECT_EQ(plain.width, 768);
  EXPECT_EQ(plain.inner_width, 3072);
  EXPECT_EQ(plain.vocabulary, 50257);
  EXPECT_EQ(plain.max_positions, 1024);
  EXPECT_EQ(plain.activation, Activation::kGeluTanh);
  EXPECT_EQ(plain.padding_id, -1);
  EXPECT_EQ(plain.architecture, "GPT2Model");
  EXPECT_FLOAT_EQ(plain.residual_dropout, 0.1f);
  const Gpt2Config other = gpt2_config(
      R"({"n_ctx":32,"hidden_size":12,"num_attention_heads":4,"num_hidden_layers":2,"n_inner":null,"pad_token_id":null,
          "embd_pdrop":0,"attn_pdrop":0.25,"resid_pdrop":1})",
      "x");
  EXPECT_EQ(other.max_positions, 32);
  EXPECT_EQ(other.width, 12);
  EXPECT_EQ(other.heads, 4);
  EXPECT_EQ(other.layers, 2);
  EXPECT_EQ(other.inner_width, 48);
  EXPECT_EQ(other.padding_id, -1);
  EXPECT_EQ(other.embedding_dropout, 0.0f);
  EXPECT_EQ(other.attention_dropout, 0.25f);
  EXPECT_EQ(other.residual_dropout, 1.0f);
  EXPECT_EQ(gpt2_config(R"({"n_positions":64,"n_ctx":32})", "x").max_positions, 64);
}

TEST(Gpt2, ConfigurationsThatMeanNothingAreRefused) {
  const auto refuse = [](Errc code, const std::string& part, const char* json) {
    check::expect_error(code, part, [&] { gpt2_config(json, "x"); });
  };
  refuse(Errc::kUnsupported, "'add_cross_attention': found true", R"({"add_cross_attention":true})");
  refuse(Errc::kUnsupported, "'activation_function'", R"({"activation_function":"mish"})");
  refuse(Errc::kFormat, "'n_embd': found 10, expected a multiple of n_head = 3",
         R"({"n_embd":10,"n_head":3})");
  refuse(Errc::kFormat, "'n_head'", R"({"n_head":0})");
  refuse(Errc::kFormat, "'resid_pdrop'", R"({"resid_pdrop":1.5})");
  refuse(Errc::kFormat, "'n_inner'", R"({"n_inner":"4x"})");
  refuse(Errc::kFormat, "'problem_type'", R"({"problem_type":"x"})");
  refuse(Errc::kFormat, "'reorder_and_upcast_attn'", R"({"reorder_and_upcast_attn":1})");
}

TEST(Gpt2, ItsOtherClassesAreNotKnown) {
  const Folder two(
      "untied", [](NamedTensors&) {},
      [](std::string& c) { replace(c, "GPT2LMHeadModel", "GPT2DoubleHeadsModel"); });
  check::expect_error(Errc::kUnsupported, "GPT2LMHeadModel, GPT2ForSequenceClassification",
                      [&] { two.model(); });
}

}  // namespace
}  // namespace lyceum
