#include "tasks/embed/embedder_options.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"

namespace lyceum {
namespace {

using check::expect_error;

TEST(EmbedderOptions, TheTextHasWhatIsNotTheDefaultAndGivesTheOptionsBack) {
  EXPECT_EQ(options_text({}), "");
  EXPECT_EQ(options_text({.compute = Compute::kInt8}), "") << "it stands elsewhere";
  EXPECT_EQ(options_text(options_from_text("", "x")), "");
  const EmbedderOptions all{.prompt_name = "document",
                            .prompt = "",
                            .query_prompt_name = "query",
                            .query_prompt = "Fråga:\n",
                            .max_tokens = INT64_MAX,
                            .pooling = {"max", "cls"},
                            .truncate_dim = 3,
                            .normalize = true};
  const std::string text = options_text(all);
  EXPECT_EQ(text, R"({"max_tokens":9223372036854775807,"normalize":true,"pooling":["max","cls"],"prompt":"",)"
                  R"("prompt_name":"document","query_prompt":"Fr\u00e5ga:\n","query_prompt_name":"query",)"
                  R"("truncate_dim":3})");
  const EmbedderOptions again = options_from_text(text, "x");
  EXPECT_EQ(options_text(again), text);
  EXPECT_EQ(again.query_prompt, all.query_prompt);
  EXPECT_EQ(again.prompt, "") << "a prompt without a letter is not the model's own";
  EXPECT_EQ(again.pooling, all.pooling);
  expect_error(Errc::kLimit, "1048576", [] { options_text({.prompt = std::string(1 << 20, 'x')}); });
}

TEST(EmbedderOptions, OtherTextsAreRefusedWithTheirPlace) {
  const struct {
    const char *text, *says;
  } cases[] = {
      {"{", "x"},
      {"[]", "expected a JSON object"},
      {R"({"truncate_dim":0})", "'truncate_dim': found 0"},
      {R"({"truncate_dim":-3})", "'truncate_dim': found -3"},
      {R"({"truncate_dim":3.5})", "'truncate_dim': found 3.5"},
      {R"({"truncate_dim":"3"})", "'truncate_dim': found \"3\""},
      {R"({"truncate_dim":18446744073709551615})", "'truncate_dim'"},
      {R"({"truncate_dim":3,"truncate_dim":3})", "truncate_dim"},
      {R"({"max_tokens":0})", "'max_tokens': found 0"},
      {R"({"normalize":1})", "'normalize': found 1"},
      {R"({"normalize":null})", "'normalize'"},
      {R"({"prompt":["a"]})", "'prompt'"},
      {R"({"pooling":"mean"})", "'pooling'"},
      {R"({"pooling":["median"]})", "'pooling': found 'median'"},
      {R"({"pooling":["cls","cls"]})", "'cls' twice"},
      {R"({"pooling":[["cls"]]})", "x"},
      {R"({"dimension":3})", "'dimension'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    expect_error(Errc::kFormat, c.says, [&] { options_from_text(c.text, "x"); });
  }
  expect_error(Errc::kLimit, "x", [] { options_from_text(std::string((1 << 20) + 1, ' '), "x"); });
}

TEST(EmbedderOptions, WhatIsLeftOpenIsFilledUp) {
  const EmbedderOptions kept{.prompt_name = "document",
                             .query_prompt = "q: ",
                             .pooling = {"cls"},
                             .truncate_dim = 3,
                             .normalize = true,
                             .compute = Compute::kBF16};
  EXPECT_EQ(options_text(filled_up({}, kept)), options_text(kept));
  EXPECT_EQ(filled_up({}, kept).compute, Compute::kBF16);
  EXPECT_EQ(options_text(filled_up(kept, {})), options_text(kept));
  const EmbedderOptions both = filled_up(
      {.prompt = "p: ", .query_prompt_name = "query", .truncate_dim = 4, .compute = Compute::kF32}, kept);
  EXPECT_EQ(options_text(both),
            R"({"normalize":true,"pooling":["cls"],"prompt":"p: ","query_prompt_name":"query",)"
            R"("truncate_dim":4})")
      << "a prompt stands for both its ways of being given";
  EXPECT_EQ(both.compute, Compute::kF32);
}

}  // namespace
}  // namespace lyceum
