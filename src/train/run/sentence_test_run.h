// A tiny bi-encoder, pairs to train it with, and a recipe that does: for tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "train/recipe/recipe.h"

namespace lyceum {

class SentenceRunTest : public testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  void write_model(const check::TinyBertOptions& options) {
    check::write_tiny_bert(folder_ / "model", options);
  }
  // Pairs of two words each, with a score, a class and an unlike text.
  void write_data(int rows = 24) {
    const std::vector<std::string>& words = check::tiny_vocabulary();
    const auto word = [&](int i) { return words[5 + static_cast<std::size_t>(i) % (words.size() - 5)]; };
    std::string text;
    for (int i = 0; i < rows; ++i)
      text += fmt::format(
          R"({{"sentence1":"{} {}","sentence2":"{}","negative":"{} {}","score":{},"label":"L{}"}})"
          "\n",
          word(i), word(3 * i + 1), word(i + i % 3), word(7 * i + 2), word(i + 5), i % 6, i % 3);
    check::write_file(folder_ / "data.jsonl", text);
  }
  // `more` comes in the place of what is set here; "NAME=" takes it away.
  Recipe recipe(const Arguments& more = {}) {
    Arguments arguments = {"model.from=" + (folder_ / "model").string(),
                           "data.train=[\"" + (folder_ / "data.jsonl").string() + "\"]",
                           "data.valid=[\"" + (folder_ / "data.jsonl").string() + "\"]",
                           "output.directory=" + (folder_ / "run").string(),
                           "train.steps=3",
                           "train.batch_sequences=6",
                           "objective.kind=pairs",
                           "objective.loss=cosine",
                           "objective.score_range=[0, 5]"};
    for (const std::string& argument : more) {
      const std::string name = argument.substr(0, argument.find('=') + 1);
      std::erase_if(arguments, [&](const std::string& before) { return before.starts_with(name); });
      if (argument.back() != '=') arguments.push_back(argument);
    }
    return parse_recipe("", "test", arguments);
  }

  check::TemporaryFolder folder_;
};

}  // namespace lyceum
