#include "tasks/embed/embedder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "base/json.h"
#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/gradcheck.h"

namespace lyceum {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/embed/golden";

// sentence-transformers made them: golden/make_golden.py, MADE_WITH.txt.
Json expected() { return read_json(kGolden / "expected.json"); }
std::vector<std::string> texts() { return expected()["texts"].get<std::vector<std::string>>(); }
std::shared_ptr<const Embedder> load(const EmbedderOptions& options = {}) {
  return Embedder::load((kGolden / "tiny_sentence_model").string(), options);
}

// Unit vectors of 8 values behind one layer of width 12: some ten roundings of 2^-24.
constexpr double kTolerance = 3e-6;

void expect_close(const Tensor& got, const Json& want) {
  ASSERT_EQ(got.rows(), static_cast<std::int64_t>(want.size()));
  for (std::int64_t r = 0; r < got.rows(); ++r)
    for (std::int64_t c = 0; c < got.cols(); ++c)
      EXPECT_NEAR(got.row<float>(r)[c],
                  want[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)].get<float>(), kTolerance)
          << "text " << r;
}

TEST(Embedder, VectorsAreTheLibrarysWithEachPrompt) {
  for (const char* name : {"plain", "query", "document"}) {
    SCOPED_TRACE(name);
    const auto embedder = load({.prompt_name = name});
    EXPECT_EQ(embedder->width(), 8);
    EXPECT_TRUE(embedder->is_normalized());
    expect_close(embedder->encode(texts()), expected()[name]);
  }
  expect_close(load({.prompt = "query: "})->encode(texts()), expected()["query"]);
}

TEST(Embedder, RolesChooseTheModelsPromptsAndAnOwnPromptStandsOverThem) {
  const auto embedder = load();
  expect_close(embedder->encode(texts(), TextRole::kPlain), expected()["plain"]);
  expect_close(embedder->encode(texts(), TextRole::kQuery), expected()["query"]);
  expect_close(embedder->encode(texts(), TextRole::kDocument), expected()["document"]);
  expect_close(load({.prompt_name = "query"})->encode(texts(), TextRole::kDocument), expected()["query"]);
  EXPECT_THROW(load({.prompt_name = "nonsense"}), Error);

  for (const auto& own :
       {load({.prompt = "passage: ", .query_prompt = "query: "}),
        load({.prompt_name = "document", .query_prompt_name = "query"}), load({.query_prompt = "query: "})}) {
    expect_close(own->encode(texts(), TextRole::kQuery), expected()["query"]);
    expect_close(own->encode(texts(), TextRole::kDocument), expected()["document"]);
  }
  expect_close(load({.query_prompt_name = "document"})->encode(texts(), TextRole::kPlain),
               expected()["plain"]);
  check::expect_error(Errc::kUsage, "prompt 'nonsense'", [] { load({.query_prompt_name = "nonsense"}); });
}

TEST(Embedder, APromptTakesRoomFromItsText) {
  const auto embedder = load({.prompt = "query: "});
  const std::int64_t room = embedder->text_tokens(TextRole::kDocument);
  const std::int64_t prompt =
      static_cast<std::int64_t>(embedder->tokenizer().encode("query: ").ids.size()) - 2;
  EXPECT_GT(prompt, 0);
  EXPECT_EQ(room, embedder->max_tokens() - 2 - prompt);
  std::string text = "the";
  for (std::int64_t i = 1; i < room; ++i) text += " the";
  EXPECT_FALSE(embedder->cuts(text, TextRole::kQuery));
  EXPECT_TRUE(embedder->cuts(text + " the", TextRole::kQuery));
  EXPECT_EQ(load()->text_tokens(TextRole::kPlain), embedder->max_tokens() - 2);
}

TEST(Embedder, InvalidBytesOfAPromptAreRepairedAndItsSettingsSaySo) {
  EXPECT_EQ(load({.prompt = "caf\xE9 "})->settings(), R"({"prompt":"caf\ufffd "})");
  EXPECT_EQ(load({.prompt = "caf\xE9 "})->identity(), load({.prompt = "caf\xEF\xBF\xBD "})->identity());
  EXPECT_EQ(load({.truncate_dim = 3, .compute = Compute::kInt8})->settings(), R"({"truncate_dim":3})");
  EXPECT_EQ(load()->settings(), "");
}

TEST(Embedder, VectorsAreCutNormalisedAndPooledAsTheLibraryDoes) {
  const auto cut = load({.truncate_dim = 3}), unit = load({.truncate_dim = 3, .normalize = true});
  EXPECT_EQ(cut->width(), 3);
  EXPECT_FALSE(cut->is_normalized());
  EXPECT_TRUE(unit->is_normalized());
  expect_close(cut->encode(texts()), expected()["cut"]);
  expect_close(unit->encode(texts()), expected()["cut_and_normalized"]);
  const auto pooled = load({.pooling = {"max", "lasttoken"}});
  expect_close(pooled->encode(texts()), expected()["pooled"]);
  EXPECT_TRUE(load({.truncate_dim = 8})->is_normalized()) << "nothing is cut";

  check::expect_error(Errc::kUsage, "truncate_dim: found 9, expected at most the 8",
                      [] { load({.truncate_dim = 9}); });
  check::expect_error(Errc::kUnsupported, "found 'median', expected cls",
                      [] { load({.pooling = {"median"}}); });
  check::expect_error(Errc::kUnsupported, "'cls' twice", [] { load({.pooling = {"cls", "cls"}}); });
  check::expect_error(Errc::kData, "'in_features': found 24", [] { load({.pooling = {"mean"}}); });
}

TEST(Embedder, WhatChangesVectorsChangesTheIdentity) {
  std::set<std::string> identities;
  for (const EmbedderOptions& options : {EmbedderOptions{},
                                         {.pooling = {"max", "lasttoken"}},
                                         {.pooling = {"lasttoken", "max"}},
                                         {.truncate_dim = 3},
                                         {.truncate_dim = 4},
                                         {.normalize = true},
                                         {.max_tokens = 5},
                                         {.prompt = "x "},
                                         {.query_prompt = "x "},
                                         {.prompt = "x ", .query_prompt = "x "},
                                         {.query_prompt = ""},
                                         {.compute = Compute::kInt8},
                                         {.compute = Compute::kBF16}})
    EXPECT_TRUE(identities.insert(load(options)->identity()).second) << identities.size();
  EXPECT_EQ(load({.compute = Compute::kF32})->identity(), load()->identity());
}

TEST(Embedder, TokensHaveTheVectorsOfTheLibrary) {
  std::vector<std::string> some = texts();
  some.resize(5);
  const TokenVectors all = load()->encode_tokens(some);
  ASSERT_EQ(all.first.size(), some.size() + 1);
  EXPECT_EQ(all.first.back(), all.vectors.rows());
  for (std::size_t i = 0; i < some.size(); ++i) {
    SCOPED_TRACE(some[i]);
    EXPECT_EQ(all.encodings[i].ids.size(), static_cast<std::size_t>(all.first[i + 1] - all.first[i]));
    expect_close(all.vectors.row_range(all.first[i], all.first[i + 1]), expected()["tokens"][i]);
  }
  const TokenVectors unit = load({.normalize = true})->encode_tokens(some);
  for (std::int64_t r = 0; r < unit.vectors.rows(); ++r) {
    double square = 0;
    for (std::int64_t c = 0; c < unit.vectors.cols(); ++c)
      square += std::pow(unit.vectors.row<float>(r)[c], 2);
    EXPECT_NEAR(square, 1, 1e-6);
  }
}

TEST(Embedder, LongTextsAreCutToMaxSeqLengthAndCounted) {
  const auto embedder = load();
  EXPECT_EQ(embedder->max_tokens(), expected()["max_seq_length"].get<std::int64_t>());
  std::vector<std::uint8_t> truncated;
  embedder->encode(texts(), TextRole::kPlain, &truncated);
  const auto want = expected()["truncated"].get<std::vector<bool>>();
  ASSERT_EQ(truncated.size(), want.size());
  int count = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(truncated[i] != 0, want[i]) << "text " << i;
    count += truncated[i];
  }
  EXPECT_GE(count, 2);
  const auto shorter = load({.max_tokens = 5});
  EXPECT_EQ(shorter->max_tokens(), 5);
  EXPECT_EQ(load({.max_tokens = 500})->max_tokens(), embedder->max_tokens());
}

// Enough texts for many batches of tokens, which go to threads: each text's vector stands in its place, with
// the bits it has alone.
TEST(Embedder, BatchesKeepTheOrderAndEveryTextItsBits) {
  const std::vector<std::string> few = texts();
  const auto embedder = load();
  std::vector<Tensor> alone;
  for (const std::string& text : few) alone.push_back(embedder->encode({&text, 1}));
  std::vector<std::string> many;
  for (std::size_t i = 0; i < 1000; ++i) many.push_back(few[i * 7 % few.size()]);
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const Tensor all = embedder->encode(many);
    for (std::size_t i = 0; i < many.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      ASSERT_EQ(check::same_bits(all.row_range(row, row + 1), alone[i * 7 % few.size()]), "")
          << "text " << i << ", " << threads << " threads";
    }
  }
  set_thread_count(0);
  EXPECT_EQ(embedder->encode({}).rows(), 0);
}

}  // namespace
}  // namespace lyceum
