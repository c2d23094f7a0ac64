#include "tasks/rerank/rerank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/rerank/golden";

// sentence-transformers made them: ../common/golden/make_golden.py.
TEST(Rerank, ScoresAndOrderAreTheLibrarys) {
  const Reranker reranker = Reranker::load((kGolden / "model").string());
  const Json cases = read_json(kGolden / "expected.json");
  ASSERT_GE(cases.size(), 6u);
  for (const Json& c : cases) {
    SCOPED_TRACE(c.dump());
    const auto passages = c["passages"].get<std::vector<std::string>>();
    const auto got = reranker.rank(c["query"].get<std::string>(), passages, {.raw = c["raw"].get<bool>()});
    ASSERT_EQ(got.size(), c["ranked"].size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].index, c["ranked"][i][0].get<std::int64_t>());
      EXPECT_NEAR(got[i].score, c["ranked"][i][1].get<float>(), 2e-5);  // raw scores of a few units
    }
  }
}

TEST(Rerank, ScoresDoNotDependOnCompanyOrThreads) {
  const Reranker reranker = Reranker::load((kGolden / "model").string());
  std::vector<std::string> passages;
  for (int i = 0; i < 300; ++i)
    passages.push_back(std::string(i % 7 == 0 ? "the cat sat" : "a dog") +
                       (i % 3 == 0 ? " ran in the park" : ""));
  const std::vector<float> together = reranker.scores("the cat", passages);
  set_thread_count(3);
  EXPECT_EQ(reranker.scores("the cat", passages), together);
  set_thread_count(0);
  for (const std::size_t i : {0u, 1u, 3u, 299u})
    EXPECT_EQ(reranker.scores("the cat", std::span(&passages[i], 1))[0], together[i]);
  // equal scores stay in the order of the passages
  const auto ranked = reranker.rank("the cat", passages, {.top = 50});
  ASSERT_EQ(ranked.size(), 50u);
  for (std::size_t i = 1; i < ranked.size(); ++i)
    EXPECT_TRUE(ranked[i - 1].score > ranked[i].score ||
                (ranked[i - 1].score == ranked[i].score && ranked[i - 1].index < ranked[i].index));
}

TEST(Rerank, AStreamKeepsItsBestAndForgetsTheRest) {
  PassageRanking all(0), best(3);
  for (int i = 0; i < 10000; ++i) {
    const float score = i == 77 ? std::nanf("") : static_cast<float>(i * 7919 % 9973);
    all.add(score);
    best.add(score, "text " + std::to_string(i));
  }
  const auto whole = std::move(all).best(), few = std::move(best).best();
  ASSERT_EQ(few.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(few[i].index, whole[i].index);
    EXPECT_EQ(few[i].text, "text " + std::to_string(few[i].index));
  }
  EXPECT_EQ(whole.back().index, 77);
}

// The golden model with another configuration beside it.
class Configured {
 public:
  explicit Configured(const std::string& key_and_value) {
    std::filesystem::copy(
        kGolden / "model", folder_.path(),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    std::string config = read_text(folder_.path() / "config.json");
    config.insert(config.find('{') + 1, key_and_value + ",");
    std::ofstream(folder_.path() / "config.json") << config;
  }
  void write(const char* name, const std::string& text) { std::ofstream(folder_.path() / name) << text; }
  float score() const {
    const std::string passage = "the cat sat on the mat";
    return Reranker::load(folder_.path().string()).scores("a cat", std::span(&passage, 1))[0];
  }

 private:
  check::TemporaryFolder folder_;
};

TEST(Rerank, TheFolderNamesTheActivation) {
  const std::string passage = "the cat sat on the mat";
  const Reranker reranker = Reranker::load((kGolden / "model").string());
  const float raw = reranker.scores("a cat", std::span(&passage, 1), true)[0];
  const float usual = reranker.scores("a cat", std::span(&passage, 1))[0];
  EXPECT_FLOAT_EQ(usual, 1 / (1 + std::exp(-raw)));
  EXPECT_EQ(
      Configured(R"("sentence_transformers":{"activation_fn":"torch.nn.modules.linear.Identity"})").score(),
      raw);
  EXPECT_EQ(
      Configured(R"("sbert_ce_default_activation_function":"torch.nn.modules.linear.Identity")").score(),
      raw);
  EXPECT_EQ(Configured(R"("sbert_ce_default_activation_function":"torch.nn.Tanh")").score(), std::tanh(raw));
  EXPECT_EQ(Configured(R"("sbert_ce_default_activation_function":"mine.Function")").score(), usual);
  expect_error(Errc::kUnsupported, "torch.nn.Mish",
               [] { Configured(R"("sbert_ce_default_activation_function":"torch.nn.Mish")").score(); });
  Configured saved(R"("sentence_transformers":{"activation_fn":"torch.nn.Tanh"})");
  saved.write("config_sentence_transformers.json", R"({"activation_fn":"torch.nn.modules.linear.Identity"})");
  EXPECT_EQ(saved.score(), raw);
}

TEST(Rerank, AFolderOfTheLibraryIsRead) {
  Configured saved(R"("x":1)");
  const std::string transformer =
      R"({"idx":0,"name":"0","path":"","type":"sentence_transformers.base.modules.transformer.Transformer"})";
  const float usual = saved.score();
  saved.write("modules.json", "[" + transformer + "]");
  EXPECT_EQ(saved.score(), usual);
  saved.write("sentence_bert_config.json", R"({"max_seq_length":6})");
  EXPECT_NE(saved.score(), usual);  // the pair is cut
  saved.write("sentence_bert_config.json", R"({"do_lower_case":true})");
  EXPECT_EQ(saved.score(), usual);
  saved.write("config_sentence_transformers.json", R"({"prompts":{"q":"park "},"default_prompt_name":"q"})");
  EXPECT_NE(saved.score(), usual);  // the prompt stands before the query
  saved.write(
      "modules.json",
      "[" + transformer +
          R"(,{"idx":1,"name":"1","path":"1_Normalize","type":"sentence_transformers.models.Normalize"}])");
  expect_error(Errc::kUnsupported, "behind the Transformer, expected none", [&] { saved.score(); });
}

TEST(Rerank, SeveralLabelsAreRefused) {
  expect_error(Errc::kUnsupported, "found 3 labels", [] {
    Reranker::load((std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/classify/golden/model").string());
  });
}

}  // namespace
}  // namespace lyceum
