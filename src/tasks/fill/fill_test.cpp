#include "tasks/fill/fill.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "check/expect_error.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/fill/golden";

// transformers made them: ../common/golden/make_golden.py.
TEST(Fill, WordsAndTextsAreThePipelines) {
  const MaskFiller filler = MaskFiller::load((kGolden / "model").string());
  const Json cases = read_json(kGolden / "expected.json");
  ASSERT_GE(cases.size(), 6u);
  for (const Json& c : cases) {
    SCOPED_TRACE(c.dump());
    FillOptions options{.top = c["top"].get<std::int64_t>()};
    options.targets = c["targets"].get<std::vector<std::string>>();
    const FilledText filled = filler.fill(c["text"].get<std::string>(), options);
    ASSERT_EQ(filled.masks.size(), c["masks"].size());
    for (std::size_t m = 0; m < filled.masks.size(); ++m) {
      ASSERT_EQ(filled.masks[m].size(), c["masks"][m].size());
      for (std::size_t i = 0; i < filled.masks[m].size(); ++i) {
        const Filling& got = filled.masks[m][i];
        const Json& want = c["masks"][m][i];
        EXPECT_EQ(got.id, want[0].get<std::int32_t>());
        EXPECT_NEAR(got.score, want[1].get<float>(), 2e-6);  // one layer of width 8: some ten roundings
        EXPECT_EQ(got.token, want[2].get<std::string>());
        EXPECT_EQ(got.text, want[3].get<std::string>());
      }
    }
  }
}

TEST(Fill, ATextGivesTheSameAloneAndInCompany) {
  const MaskFiller filler = MaskFiller::load((kGolden / "model").string());
  const std::vector<std::string> texts{"the [MASK] sat", "[MASK] [MASK] ran in the park", "a [MASK]"};
  const std::vector<FilledText> together = filler.fill(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const FilledText alone = filler.fill(texts[i]);
    ASSERT_EQ(alone.masks.size(), together[i].masks.size());
    for (std::size_t m = 0; m < alone.masks.size(); ++m)
      for (std::size_t k = 0; k < alone.masks[m].size(); ++k) {
        EXPECT_EQ(alone.masks[m][k].id, together[i].masks[m][k].id);
        EXPECT_EQ(alone.masks[m][k].score, together[i].masks[m][k].score);
      }
  }
}

TEST(Fill, ManyMasksAreScoredInParts) {  // more than the 64 at a time, in one batch
  const MaskFiller filler = MaskFiller::load((kGolden / "model").string());
  const std::vector<std::string> texts(80, "a [MASK] ran [MASK]");
  const std::vector<FilledText> filled = filler.fill(texts);
  for (const FilledText& text : filled)
    for (std::size_t m = 0; m < 2; ++m) {
      EXPECT_EQ(text.masks[m][0].id, filled[0].masks[m][0].id);
      EXPECT_EQ(text.masks[m][0].score, filled[0].masks[m][0].score);
    }
}

TEST(Fill, WhatCannotBeFilledIsSaid) {
  const MaskFiller filler = MaskFiller::load((kGolden / "model").string());
  expect_error(Errc::kData, "[MASK]", [&] { filler.fill("the cat"); });
  std::string beyond;
  for (int i = 0; i < 30; ++i) beyond += "the ";
  expect_error(Errc::kData, "among the tokens", [&] { filler.fill(beyond + "[MASK]"); });
  expect_error(Errc::kUsage, "targets", [&] { filler.fill("[MASK]", {.targets = {"\u200b"}}); });
  expect_error(Errc::kUsage, "top", [&] { filler.fill("[MASK]", {.top = 0}); });
  expect_error(
      Errc::kUnsupported,
      "BertForTokenClassification, which gives scores of each token's labels and serves tag", [] {
        MaskFiller::load((std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/tag/golden/model").string());
      });
}

}  // namespace
}  // namespace lyceum
