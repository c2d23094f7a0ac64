// Data of the tests' own in the forms that studies read, and what holds for every report.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "check/temporary_folder.h"
#include "papers/study.h"

namespace lyceum::papers {

using check::write_file;

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Sentences of a small grammar, another one for each number.
inline std::string sentence(std::size_t n) {
  static const std::vector<std::string> who = {"the cat", "a dog", "one old man", "the sea", "my sister"},
                                        does = {"likes", "sees", "never finds", "waits for"},
                                        what = {"the grey house", "a red boat", "some bread",
                                                "the other one"};
  return who[n % who.size()] + " " + does[n / 5 % does.size()] + " " + what[n / 20 % what.size()];
}

// Three books of paragraphs, as lm/prose has them.
inline void write_prose(const std::filesystem::path& path) {
  std::string text;
  for (std::size_t book = 0; book < 3; ++book) {
    for (std::size_t paragraph = 0; paragraph < 30; ++paragraph) {
      for (std::size_t s = 0; s < 4; ++s) text += sentence(97 * book + 7 * paragraph + 3 * s) + ". ";
      text += "\n\n";
    }
    text += "\f\n";
  }
  write_file(path, text);
}

// A review a line, as reviews/imdb_unsup has them.
inline void write_reviews_of_films(const std::filesystem::path& path) {
  std::string text;
  for (std::size_t review = 0; review < 60; ++review) {
    for (std::size_t s = 0; s < 5; ++s)
      text += sentence(31 * review + 3 * s) + (s == 2 ? ".<br /><br />" : ". ");
    text += "\n";
  }
  write_file(path, text);
}

inline void write_labelled(const std::filesystem::path& path, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += nlohmann::json{{"text", sentence(3 * i)}, {"label", i % 2}}.dump() + "\n";
  write_file(path, text);
}

inline void write_entailment(const std::filesystem::path& path, std::size_t count) {
  const std::vector<std::string> labels = {"entailment", "neutral", "contradiction"};
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text +=
        nlohmann::json{{"sentence1", sentence(i)}, {"sentence2", sentence(11 * i)}, {"label", labels[i % 3]}}
            .dump() +
        "\n";
  write_file(path, text);
}

inline void write_scored(const std::filesystem::path& path, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += nlohmann::json{{"sentence1", sentence(i)},
                           {"sentence2", sentence(i + i % 6)},
                           {"score", 5.0 - static_cast<double>(i % 6)}}
                .dump() +
            "\n";
  write_file(path, text);
}

struct PartCounter final : StudyObserver {
  std::vector<std::string> parts;
  std::int64_t announced = 0;
  void on_part(const std::string& name, std::int64_t number, std::int64_t count) override {
    parts.push_back(name);
    announced = count;
    EXPECT_EQ(number, static_cast<std::int64_t>(parts.size()));
  }
};

// Every element that is opened is closed, in its place. Of HTML what Page writes.
inline void expect_well_formed(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at)) {
    const std::size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = html.substr(at + 1, end - at - 1);
    at = end;
    if (tag.starts_with('!') || tag.starts_with("meta") || tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      ASSERT_FALSE(open.empty()) << tag;
      ASSERT_EQ(open.back(), tag.substr(1));
      open.pop_back();
      continue;
    }
    open.push_back(tag.substr(0, tag.find(' ')));
    if (open.back() == "script" || open.back() == "style") at = html.find("</" + open.back(), at);
  }
  EXPECT_TRUE(open.empty()) << open.back();
}

// A text as the page has it.
inline std::string in_markup(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  return out;
}

// The page shows every table, number and verdict of the JSON beside it.
inline void expect_report(const StudyResult& result) {
  const std::string html = text_of(result.report);
  expect_well_formed(html);
  const nlohmann::json json = nlohmann::json::parse(text_of(result.results));
  EXPECT_FALSE(json.at("claims").empty());
  EXPECT_FALSE(json.at("tables").empty());
  for (const auto& claim : json.at("claims")) {
    EXPECT_NE(html.find(in_markup(claim.at("text"))), std::string::npos) << claim;
    EXPECT_NE(html.find("<td>" + claim.at("verdict").get<std::string>() + "</td>"), std::string::npos)
        << claim;
    EXPECT_EQ(claim.at("left").size(), claim.at("right").size());
  }
  for (const auto& table : json.at("tables")) {
    EXPECT_NE(html.find("<caption>" + in_markup(table.at("caption")) + "</caption>"), std::string::npos)
        << table.at("caption");
    for (const auto& row : table.at("rows"))
      for (const auto& [column, cell] : row.at("cells").items()) {
        std::vector<double> values;
        for (const auto& value : cell.at("values")) {
          ASSERT_TRUE(value.is_number()) << table.at("caption") << row.at("name") << column;
          values.push_back(value.get<double>());
        }
        ASSERT_FALSE(values.empty());
        EXPECT_NEAR(cell.at("mean").get<double>(), mean_of(values), 1e-12);
        EXPECT_NE(html.find(">" + cell.at("text").get<std::string>() + "</td>"), std::string::npos) << cell;
      }
  }
}

// A tiny study of the paper: its report holds, and a second call does nothing again and says the same.
inline void expect_reproduces(const std::string& name, const std::filesystem::path& data,
                              const std::filesystem::path& output) {
  PartCounter first, second;
  const Paper& paper = paper_named(name);
  StudyOptions options{.data = data, .output = output, .scale = Scale::kTiny, .observer = &first};
  const StudyResult result = reproduce(paper, options);
  EXPECT_EQ(first.announced, static_cast<std::int64_t>(first.parts.size())) << "what was counted was done";
  EXPECT_EQ(std::set<std::string>(first.parts.begin(), first.parts.end()).size(), first.parts.size())
      << "a name for each part";
  expect_report(result);
  const std::string json = text_of(result.results), html = text_of(result.report);
  options.observer = &second;
  reproduce(paper, options);
  EXPECT_TRUE(second.parts.empty());
  EXPECT_EQ(text_of(result.results), json);
  EXPECT_EQ(text_of(result.report), html);
}

}  // namespace lyceum::papers
