#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "check/message_of.h"

namespace lyceum {
namespace {

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Json, NestingIsCountedInListsAndObjectsAlike) {
  const auto lists = [](int depth) { return repeated("[", depth) + repeated("]", depth); };
  const auto objects = [](int depth) { return repeated("{\"a\":", depth) + "1" + repeated("}", depth); };
  EXPECT_NO_THROW(parse_json(lists(64), "x"));
  EXPECT_NO_THROW(parse_json(objects(64), "x"));
  for (const std::string& text : {lists(66), objects(66)})
    EXPECT_EQ(check::message_of(Errc::kFormat, [&] { parse_json(text, "a file"); }),
              "a file: JSON nested deeper than 64 levels");
}

TEST(Json, ANestingBombIsRefusedBeforeItHurts) {
  for (const std::string& unit : {std::string("["), std::string("{\"a\":"), std::string("[{\"a\":")})
    EXPECT_EQ(check::message_of(Errc::kFormat, [&] { parse_json(repeated(unit, 2000000), "bomb"); }),
              "bomb: JSON nested deeper than 64 levels");
}

TEST(Json, SizeAndDepthLimitsAreTheCallers) {
  EXPECT_EQ(check::message_of(Errc::kLimit, [] { parse_json("[1, 2, 3]", "x", {.bytes = 8}); }),
            "x: found 9 bytes of JSON, expected at most 8");
  EXPECT_EQ(check::message_of(Errc::kFormat, [] { parse_json("[[[1]]]", "x", {.depth = 1}); }),
            "x: JSON nested deeper than 1 levels");
}

TEST(Json, AKeyThatStandsTwiceInOneObjectIsRefused) {
  EXPECT_EQ(check::message_of(Errc::kFormat, [] { parse_json(R"({"a": 1, "b": {"a": 2}, "a": 3})", "x"); }),
            "x: key \"a\" stands twice in one object");
  EXPECT_NO_THROW(parse_json(R"([{"a": {"a": 1}}, {"a": 2}])", "x"));
}

TEST(Json, WhatIsNotJsonIsNamedWithItsPlace) {
  for (const std::string text :
       {"", "{", "[1,]", "nul", "{\"a\" 1}", "[1] 2", "\"\xFF\"", "[1e999]", "\"\\ud800\""}) {
    const std::string message = check::message_of(Errc::kFormat, [&] { parse_json(text, "config.json"); });
    EXPECT_EQ(message.find("config.json: not "), 0u) << text << ": " << message;
  }
}

const Json& sample() {
  static const Json json = parse_json(
      R"({"text": "abc", "yes": true, "n": 12, "big": 18446744073709551615, "x": 1.5, "none": null,
          "list": ["a", "b"], "mixed": ["a", 1], "inner": {"n": 3}})",
      "sample");
  return json;
}

TEST(JsonFields, GiveTheirValuesAndTheFallbackForWhatIsMissingOrNull) {
  const JsonFields f(sample(), "config.json");
  EXPECT_EQ(f.text("text"), "abc");
  EXPECT_EQ(f.text("none", "other"), "other");
  EXPECT_TRUE(f.boolean("yes", false));
  EXPECT_TRUE(f.boolean("absent", true));
  EXPECT_EQ(f.integer("n", 0, 12), 12);
  EXPECT_EQ(f.integer("absent", 7, 0, 12), 7);
  EXPECT_EQ(f.number("x", 0, 0, 2), 1.5);
  EXPECT_EQ(f.number("n", 0, 0, 20), 12);
  EXPECT_EQ(f.texts("list"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(f.object("inner").integer("n", 0, 9), 3);
  EXPECT_FALSE(f.has("none"));
}

TEST(JsonFields, AWrongFieldIsNamedWithWhatWasFoundAndExpected) {
  const JsonFields f(sample(), "config.json");
  const auto message = [](auto&& read) { return check::message_of(Errc::kFormat, read); };
  EXPECT_EQ(message([&] { f.text("absent"); }), "config.json: key 'absent' is missing");
  EXPECT_EQ(message([&] { f.text("n"); }), "config.json: 'n': found 12, expected a string");
  EXPECT_EQ(message([&] { f.boolean("n", true); }), "config.json: 'n': found 12, expected true or false");
  EXPECT_EQ(message([&] { f.integer("n", 0, 11); }),
            "config.json: 'n': found 12, expected a whole number from 0 to 11");
  EXPECT_EQ(message([&] { f.integer("x", 0, 11); }),
            "config.json: 'x': found 1.5, expected a whole number from 0 to 11");
  EXPECT_EQ(message([&] { f.integer("big", 0, std::numeric_limits<std::int64_t>::max()); }),
            "config.json: 'big': found 18446744073709551615, expected a whole number from 0 to "
            "9223372036854775807");
  EXPECT_EQ(message([&] { f.number("text", 0, 0, 2); }),
            "config.json: 'text': found \"abc\", expected a number from 0 to 2");
  EXPECT_EQ(message([&] { f.texts("mixed"); }),
            "config.json: 'mixed': found [\"a\",1], expected a list of strings");
  EXPECT_EQ(message([&] { f.array("n"); }), "config.json: 'n': found 12, expected a list");
  EXPECT_EQ(message([&] { f.object("inner").text("n"); }),
            "config.json: 'inner': 'n': found 3, expected a string");
  EXPECT_EQ(message([] { JsonFields(Json(3), "x"); }), "x: found 3, expected a JSON object");
}

}  // namespace
}  // namespace lyceum
