// What a hostile tokenizer.json may not cost.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "text/tokenizer.h"

namespace lyceum {
namespace {

using check::expect_error;

std::string tokenizer(const std::string& more) {
  return R"({"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"aa":2}},)" + more +
         "}";
}
std::string replacing(const std::string& key, const std::string& list, int steps) {
  std::string out = "\"" + key + R"(":{"type":"Sequence",")" + list + "\":[";
  for (int i = 0; i < steps; ++i)
    out +=
        std::string(i ? "," : "") + R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaa"})";
  return out + "]}";
}

TEST(TokenizerLimits, ReplacementsThatMultiplyTheTextEndWithAnError) {
  const auto two = Tokenizer::from_json(tokenizer(replacing("normalizer", "normalizers", 2)), "t");
  EXPECT_EQ(two->encode("a").ids.size(), 1u) << "a hundred letters are no harm";
  const auto forty = Tokenizer::from_json(tokenizer(replacing("normalizer", "normalizers", 40)), "t");
  expect_error(Errc::kLimit, "characters of a text of 1", [&] { forty->encode("a"); });
  const auto decoder = Tokenizer::from_json(tokenizer(replacing("decoder", "decoders", 40)), "t");
  const std::vector<std::int32_t> ids{1};
  expect_error(Errc::kLimit, "characters of a text of 1", [&] { decoder->decode(ids); });
}

TEST(TokenizerLimits, ALongPrefixIsRefusedWhenItIsUsed) {
  const std::string prefix(2'000'000, 'a');
  const auto t =
      Tokenizer::from_json(tokenizer(R"("normalizer":{"type":"Prepend","prepend":")" + prefix + "\"}"), "t");
  expect_error(Errc::kLimit, "2000001 characters", [&] { t->encode("a"); });
}

TEST(TokenizerLimits, IdsWithLargeHolesAreRefused) {
  const auto with_id = [](const std::string& id) {
    return R"({"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":)" + id + "}}}";
  };
  EXPECT_EQ(Tokenizer::from_json(with_id("60000"), "t")->size(), 60001);
  expect_error(Errc::kFormat, "16000000", [&] { Tokenizer::from_json(with_id("16000000"), "t"); });
  for (const char* id : {"-1", "2147483648", "4294967297", "1.0", "\"1\"", "null"})
    expect_error(Errc::kFormat, "'a'", [&] { Tokenizer::from_json(with_id(id), "t"); });
}

TEST(TokenizerLimits, AnAddedTokenGetsTheNextIdWhateverTheFileSays) {  // tokenizers 0.23.3
  const auto t = Tokenizer::from_json(
      tokenizer(
          R"("added_tokens":[{"id":16000000,"content":"<x>"},{"id":9,"content":"a"},{"id":9,"content":"<y>"}])"),
      "t");
  EXPECT_EQ(t->id("<x>"), 3);
  EXPECT_EQ(t->id("a"), 1);
  EXPECT_EQ(t->id("<y>"), 4);
  EXPECT_EQ(t->size(), 5);
}

TEST(TokenizerLimits, ATemplateHoldsEachTextOnce) {
  const std::string a = R"({"Sequence":{"id":"A","type_id":0}})";
  const auto with = [&](const std::string& single) {
    return tokenizer(R"("post_processor":{"type":"TemplateProcessing","single":[)" + single +
                     R"(],"pair":[],"special_tokens":{}})");
  };
  EXPECT_EQ(Tokenizer::from_json(with(a), "t")->encode("a").ids, (std::vector<std::int32_t>{1}));
  expect_error(Errc::kUnsupported, "'single'", [&] { Tokenizer::from_json(with(a + "," + a), "t"); });
}

// The reference panics on them, or nests one template in the other's pieces.
TEST(TokenizerLimits, ASecondTemplateIsRefusedWhereTheFirstAddsTokensOrTypes) {
  const auto part = [](const char* name, int type) {
    return fmt::format(R"({{"Sequence":{{"id":"{}","type_id":{}}}}})", name, type);
  };
  const auto with = [](const std::string& single, const std::string& pair) {
    return R"({"type":"TemplateProcessing","single":[)" + single + R"(],"pair":[)" + pair +
           R"(],"special_tokens":{"a":{"id":"a","ids":[1],"tokens":["a"]}}})";
  };
  const auto load = [](const std::string& first, const std::string& second) {
    return Tokenizer::from_json(
        tokenizer(R"("post_processor":{"type":"Sequence","processors":[)" + first + "," + second + "]}"),
        "t");
  };
  const std::string a = R"({"SpecialToken":{"id":"a","type_id":0}})", one = part("A", 0),
                    two = one + "," + part("B", 1), nothing = with(one, two), adds = with(a + "," + one, two),
                    bert = R"({"type":"BertProcessing","sep":["a",1],"cls":["aa",2]})";
  EXPECT_EQ(load(nothing, adds)->encode("aa").ids, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(
      load(nothing, R"({"type":"Sequence","processors":[)" + nothing + "," + bert + "]}")->encode("a").ids,
      (std::vector<std::int32_t>{2, 1, 1}));
  for (const std::string& first : {adds, bert, with(one, two + "," + a), with(part("A", 1), two),
                                   with(one, one + "," + part("B", 0)), with(one, part("B", 1) + "," + one)})
    for (const std::string& second : {nothing, adds, bert})
      expect_error(Errc::kUnsupported, "behind another template", [&] { load(first, second); });
}

TEST(TokenizerLimits, APieceLongerThanAnyWordIsNoHarm) {
  const std::string word(70'000, 'a');
  const auto t = Tokenizer::from_json(
      R"({"model":{"type":"WordPiece","unk_token":"u","max_input_chars_per_word":100000,"vocab":{"u":0,"a":1,"##a":2,")" +
          word + "\":3}}}",
      "t");
  EXPECT_EQ(t->encode("aaa").ids, (std::vector<std::int32_t>{1, 2, 2}));
  EXPECT_EQ(t->encode(word).ids.size(), 70'000u) << "pieces of more than 512 bytes do not occur in words";
}

std::string bpe(const std::string& model, const std::string& more = "") {
  return R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},)" + model + "}" + more + "}";
}

TEST(TokenizerLimits, MergesAreReadWithCare) {
  EXPECT_EQ(Tokenizer::from_json(bpe(R"("merges":["a b"])"), "t")->encode("ab").ids,
            (std::vector<std::int32_t>{2}));
  EXPECT_EQ(Tokenizer::from_json(bpe(R"("merges":[["a","b"]])"), "t")->encode("ab").ids,
            (std::vector<std::int32_t>{2}));
  for (const char* merges :
       {R"("merges":["a"])", R"("merges":["a b c"])", R"("merges":[["a"]])", R"("merges":[["a",1]])",
        R"("merges":[1])", R"("merges":{"a":"b"})", R"("merges":["a x"])", R"("merges":["b a"])"})
    expect_error(Errc::kFormat, "", [&] { Tokenizer::from_json(bpe(merges), "t"); });
}

TEST(TokenizerLimits, TokensThatAreNoBytesStayTokens) {
  const auto t = Tokenizer::from_json(
      R"({"model":{"type":"BPE","vocab":{"<0x-1>":0,"<0xZZ>":1,"<0x41>":2,"<0x+F>":3,"<0xFF>":4},"merges":[]},"decoder":{"type":"ByteFallback"}})",
      "t");
  EXPECT_EQ(t->decode(std::vector<std::int32_t>{0, 1, 2, 3}), "<0x-1><0xZZ>A\x0F");
  EXPECT_EQ(t->decode(std::vector<std::int32_t>{4, 2}), "\uFFFD\uFFFD");
}

TEST(TokenizerLimits, SequencesInSequencesEndAtALimit) {
  std::string open, close;
  for (int i = 0; i < 100'000; ++i) {
    open += R"({"type":"Sequence","normalizers":[)";
    close += "]}";
  }
  expect_error(Errc::kFormat, "nested",
               [&] { Tokenizer::from_json(tokenizer("\"normalizer\":" + open + close), "t"); });
}

TEST(TokenizerLimits, CharsmapsAreCheckedBeforeUse) {
  const auto with = [&](const std::string& base64) {
    return Tokenizer::from_json(
        tokenizer(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":")" + base64 + "\"}"), "t");
  };
  for (const char* bad : {"", "!!!!", "AAAA", "AAAAAA==", "/////wAA", "BQAAAAAAAAAA"})
    expect_error(Errc::kFormat, "precompiled_charsmap", [&] { with(bad); });
  // tries of four units that point anywhere
  for (const char* odd : {"EAAAAP////////////////////8AAA==", "EAAAAAAEAAAAAQAAAAEAAAABAABhAA=="}) {
    const auto t = with(odd);
    EXPECT_NO_THROW(t->encode("a\u0301\xFF\u00E9"));
  }
}

TEST(TokenizerLimits, PiecesOfAFixedLengthMayBeLonger) {
  const auto with = [&](const std::string& length) {
    return Tokenizer::from_json(
        tokenizer(R"("pre_tokenizer":{"type":"FixedLength","length":)" + length + "}"), "t");
  };
  EXPECT_EQ(with("1073741824")->encode("aa").ids, (std::vector<std::int32_t>{2}));
  EXPECT_EQ(with("1")->encode("aa").ids, (std::vector<std::int32_t>{1, 1}));
  for (const char* length : {"0", "-1", "18446744073709551615", "1.5"})
    expect_error(Errc::kFormat, "length", [&] { with(length); });
}

TEST(TokenizerLimits, PatternsOfAFileMayNotRunAway) {
  const auto t = Tokenizer::from_json(
      tokenizer(R"("pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a+)+b"},"behavior":"Isolated"})"),
      "t");
  EXPECT_EQ(t->encode("aa").ids, (std::vector<std::int32_t>{2}));
  expect_error(Errc::kLimit, "too many steps", [&] { t->encode(std::string(5'000, 'a') + "cb"); });
}

}  // namespace
}  // namespace lyceum
