// The model that comes with the project: its files are the ones that were committed, the command finds it by
// its name, it guesses words of English prose, and its recipe is that of its configuration.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "check/run_command.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "lyceum/mask_filler.h"
#include "train/recipe/recipe.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

const fs::path kModel = fs::path(LYCEUM_SOURCE_DIR) / "models/prose-mini";

TEST(BundledModel, ItsFilesAreThoseThatWereMeasured) {
  std::map<std::string, std::string> listed, found;
  std::istringstream lines(read_text(kModel / "SHA256SUMS"));
  for (std::string line; std::getline(lines, line);) {
    ASSERT_GT(line.size(), 66u) << line;
    listed[line.substr(66)] = line.substr(0, 64);
  }
  std::uint64_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(kModel)) {
    if (entry.path().filename() == "SHA256SUMS") continue;
    const std::string text = read_text(entry.path());
    Digest digest(Digest::Kind::kSha256);
    digest.update(text.data(), text.size());
    found[entry.path().filename().string()] = digest.hex();
    bytes += text.size();
  }
  EXPECT_EQ(found, listed);
  EXPECT_LE(bytes, 12'000'000u);
}

TEST(BundledModel, TheCommandListsItAndFindsItByItsName) {
  const check::TemporaryFolder nothing;
  const check::Setting home("LYCEUM_HOME", nothing.path()), cache("HF_HUB_CACHE", nothing.path()),
      models("LYCEUM_MODELS_DIR", "");
  const auto listed = check::run_command(LYCEUM_COMMAND, {"list", "--json"});
  const Json model = Json::parse(listed.out, nullptr, false);
  ASSERT_TRUE(model.is_object()) << listed.text();
  EXPECT_EQ(model["name"], "prose-mini");
  EXPECT_EQ(model["kind"], "bundled");
  EXPECT_FALSE(model["about"].get<std::string>().empty());
  const auto filled = check::run_command(
      LYCEUM_COMMAND, {"fill", "prose-mini", "She opened the [MASK] and went out.", "--top", "1", "--json"});
  EXPECT_EQ(filled.status, 0) << filled.text();
  EXPECT_NE(filled.out.find("\"door\""), std::string::npos) << filled.text();
  EXPECT_EQ(check::run_command(LYCEUM_COMMAND, {"show", "anyone/prose-mini"}).status, 1);
}

// A sentence, and words one of which it should put first.
struct Guess {
  const char* text;
  std::vector<std::string> words;
};

TEST(BundledModel, ItGuessesWordsOfEnglishProse) {
  const MaskFiller filler = MaskFiller::load(kModel.string());
  const std::vector<Guess> guesses = {
      {"She opened the [MASK] and went out.", {"door", "window"}},
      {"He had never [MASK] her before.", {"seen", "met", "known"}},
      {"I do not [MASK] what you mean.", {"know", "understand", "see"}},
      {"It was nine o ' [MASK] in the morning.", {"clock"}},
  };
  for (const Guess& guess : guesses) {
    const FilledText filled = filler.fill(guess.text, {.top = 1});
    ASSERT_EQ(filled.masks.size(), 1u);
    const std::string& token = filled.masks[0][0].token;
    EXPECT_TRUE(std::find(guess.words.begin(), guess.words.end(), token) != guess.words.end())
        << guess.text << " " << token;
  }
}

TEST(BundledModel, ItsRecipeIsThatOfItsConfiguration) {
  const Recipe recipe = read_recipe(kModel / "recipe.toml");
  const Json config = read_json(kModel / "config.json"), asked = Json::parse(recipe.model.config);
  for (const auto& [key, value] : asked.items()) EXPECT_EQ(config.at(key), value) << key;
  ASSERT_TRUE(recipe.model.new_tokenizer.has_value());
  EXPECT_EQ(recipe.model.new_tokenizer->training.vocabulary_size, config.at("vocab_size"));
  EXPECT_EQ(config.at("architectures"), Json::array({"BertForMaskedLM"}));
}

}  // namespace
}  // namespace lyceum
