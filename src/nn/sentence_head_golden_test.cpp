// SentenceHead against sentence-transformers (golden/make_golden.py; MADE_WITH.txt names the versions).
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "formats/safetensors.h"
#include "nn/named_tensors.h"
#include "nn/sentence_head.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/nn/golden/sentence_head";

class SentenceHeadGolden : public testing::Test {
 protected:
  SentenceHeadGolden() : folder_(ModelFolder::find(kFolder.string())), pipeline_(sentence_pipeline(folder_)) {
    const Safetensors file = Safetensors::open(kFolder / "case.safetensors");
    for (const SafetensorsEntry& e : file.entries()) golden_.emplace(e.name, file.tensor(e));
    layout_ = SequenceLayout::from_lengths(golden_.at("lengths").values<std::int64_t>());
  }

  // Sums of at most 7 terms below 3, products of 6: 10 roundings of 2^-24 * 10.
  static void expect_close(const Tensor& got, const Tensor& want, const std::string& what) {
    ASSERT_EQ(got.shape(), want.shape()) << what;
    const auto x = got.values<float>(), y = want.values<float>();
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 6e-6) << what << " element " << i;
  }
  Tensor apply(std::vector<SentenceModule> modules, std::span<const std::int64_t> prompt = {}) const {
    SentencePipeline p;
    p.modules = std::move(modules);
    return SentenceHead(folder_, p, 6)(golden_.at("hidden"), layout_, prompt);
  }
  static SentenceModule pooling(std::vector<std::string> modes) {
    return {.kind = SentenceModule::Kind::kPooling, .modes = std::move(modes)};
  }

  ModelFolder folder_;
  SentencePipeline pipeline_;
  NamedTensors golden_;
  SequenceLayout layout_;
};

const std::pair<const char*, const char*> kModes[] = {{"cls", "cls"},
                                                      {"max", "max"},
                                                      {"mean", "mean"},
                                                      {"mean_sqrt_len", "mean_sqrt_len_tokens"},
                                                      {"weightedmean", "weightedmean"},
                                                      {"lasttoken", "lasttoken"}};

TEST_F(SentenceHeadGolden, EveryPoolingModeAndAllTogether) {
  std::vector<std::string> all;
  for (const auto& [ours, theirs] : kModes) {
    expect_close(apply({pooling({ours})}), golden_.at(std::string("pool.") + theirs), ours);
    all.push_back(ours);
  }
  expect_close(apply({pooling(all)}), golden_.at("pool.all"), "all");
}

TEST_F(SentenceHeadGolden, EveryPoolingModeWithoutThePromptsTokens) {
  const std::vector<std::int64_t> prompt{1, 1, 1, 1};
  for (const auto& [ours, theirs] : kModes) {
    SentenceModule module = pooling({ours});
    module.include_prompt = false;
    const Tensor got = apply({module}, prompt);
    const Tensor& want =
        golden_.at(std::string("no_prompt.") + theirs);  // without the sequence that is all prompt
    for (std::int64_t i = 0; i < 3; ++i)
      expect_close(got.row_range(i + (i > 0), i + (i > 0) + 1), want.row_range(i, i + 1), ours);
  }
}

TEST_F(SentenceHeadGolden, DenseWithEachOfItsActivations) {
  for (const char* name : {"Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid"}) {
    SentenceModule dense = pipeline_.modules.at(1);
    ASSERT_EQ(dense.kind, SentenceModule::Kind::kDense);
    dense.activation = name;
    expect_close(apply({pooling({"mean"}), dense}), golden_.at(std::string("dense.") + name), name);
  }
}

TEST_F(SentenceHeadGolden, NormalizeAndTheWholeChainWithItsGradients) {
  expect_close(apply({pooling({"mean"}), {.kind = SentenceModule::Kind::kNormalize}}),
               golden_.at("normalized"), "normalized");
  const SentenceHead head(folder_, pipeline_, 6);
  EXPECT_EQ(head.width(), 4);
  EXPECT_TRUE(head.is_normalized());
  Tape tape;
  for (const WeightPtr& w : head.parameters()) w->set_trainable(true);
  const Tensor hidden = tape.watch(golden_.at("hidden"));
  Tensor out;
  {
    const Tape::Recording on(&tape);
    out = head(hidden, layout_);
  }
  expect_close(out.detached(), golden_.at("chain"), "chain");
  std::vector<std::pair<Tensor, Tensor>> seeds{{out, golden_.at("chain.cotangent")}};
  Gradients gradients = tape.backward(std::move(seeds));
  expect_close(gradients.take(hidden.variable()), golden_.at("chain.grad.hidden"), "hidden");
  ASSERT_EQ(head.parameters().size(), 2u);
  for (const WeightPtr& w : head.parameters())
    expect_close(gradients.take(w->variable()),
                 golden_.at("chain.grad." + w->name().substr(w->name().find('/') + 1)), w->name());
}

}  // namespace
}  // namespace lyceum
