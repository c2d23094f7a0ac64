#include "text/byte_tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/json.h"
#include "base/random.h"
#include "base/utf8.h"
#include "check/temporary_folder.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace {

// golden/make_byte_golden.py
Json byte_golden() { return read_json(LYCEUM_SOURCE_DIR "/src/text/golden/byte_tokenizer.json"); }

std::vector<std::int32_t> bytes_as_ids(const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::string random_bytes(Random& random) {
  std::string text(random.below(70), '\0');
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

TEST(ByteTokenizer, ItsFileIsWhatTheReferenceSaves) {
  EXPECT_EQ(Json::parse(byte_tokenizer_json()), byte_golden()["tokenizer"]);
}

TEST(ByteTokenizer, TextsHaveTheReferencesIdsAndPlaces) {
  const Json all = byte_golden();
  for (const Json& c : all["cases"]) {
    const Encoding e = byte_tokenizer()->encode(c["text"].get<std::string>(), {.with_offsets = true});
    EXPECT_EQ(e.ids, c["ids"].get<std::vector<std::int32_t>>()) << c["text"];
    EXPECT_EQ(e.words, c["words"].get<std::vector<std::int32_t>>()) << c["text"];
    EXPECT_EQ(e.type_ids, std::vector<std::int32_t>(e.ids.size(), 0));
    ASSERT_EQ(e.offsets.size(), c["offsets"].size());
    for (std::size_t i = 0; i < e.offsets.size(); ++i)
      EXPECT_EQ(e.offsets[i], (TokenSpan{c["offsets"][i][0], c["offsets"][i][1]})) << c["text"] << i;
  }
  for (const Json& c : all["decoded"])
    EXPECT_EQ(byte_tokenizer()->decode(c["ids"].get<std::vector<std::int32_t>>()),
              c["text"].get<std::string>());
}

// The library reads text; what is no text are bytes like all others here, and U+FFFD on the way back.
TEST(ByteTokenizer, EveryByteStringIsItsIdsAndBackWhereItIsUtf8) {
  const auto t = byte_tokenizer();
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text = random_bytes(random);
    if (round < 256) text = std::string(1, static_cast<char>(round));
    const Encoding e = t->encode(text, {.with_offsets = true});
    EXPECT_EQ(e.ids, bytes_as_ids(text));
    ASSERT_EQ(e.offsets.size(), text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
      const TokenSpan s = e.offsets[i];
      ASSERT_TRUE(s.begin <= i && i < s.end && s.end <= text.size()) << i;
      EXPECT_TRUE(s.end - s.begin == 1 || is_utf8(text.substr(s.begin, s.end - s.begin))) << i;
    }
    EXPECT_EQ(t->encode_plainly(text).ids, e.ids);
    repair_utf8(text);
    EXPECT_EQ(t->decode(e.ids), text);
  }
  EXPECT_EQ(t->encode("abcdef", {.max_tokens = 3}).ids, bytes_as_ids("abc"));
  EXPECT_EQ(t->encode_pair("ab", "\xFF").ids, bytes_as_ids("ab\xFF"));
}

TEST(ByteTokenizer, HasNoSpecialToken) {
  const auto t = byte_tokenizer();
  EXPECT_EQ(t->size(), 256);
  EXPECT_EQ(t->special_tokens_around_one(), 0);
  for (std::int32_t id = 0; id < 256; ++id) {
    ASSERT_NE(t->token(id), nullptr) << id;
    EXPECT_FALSE(t->is_special(id)) << id;
  }
}

TEST(ByteTokenizer, AFolderOfAGpt2ReadsItAsItWasWritten) {
  const check::TemporaryFolder folder;
  std::ofstream(folder.path() / "config.json") << R"({"model_type":"gpt2"})";
  write_byte_tokenizer(folder.path());
  const auto t = Tokenizer::from_folder(ModelFolder::find(folder.path().string()));
  EXPECT_EQ(t->size(), 256);
  const std::string text = " <|endoftext|> \xC3\xA9\xFF\n";
  EXPECT_EQ(t->encode(text).ids, bytes_as_ids(text));
  EXPECT_EQ(t->summary().substr(0, 5), "bytes");
}

// Where a part has work to do, the bytes go through the parts.
TEST(ByteTokenizer, OtherPipelinesOverBytesAreNotTakenForIt) {
  const auto ids = [](const char* change, const std::string& text) {
    Json json = Json::parse(byte_tokenizer_json());
    json.merge_patch(Json::parse(change));
    return Tokenizer::from_json(json.dump(), "changed")->encode(text).ids;
  };
  EXPECT_EQ(ids("{}", "b\xFF"), bytes_as_ids("b\xFF"));
  for (const char* change :
       {R"({"pre_tokenizer":{"use_regex":true}})", R"({"pre_tokenizer":{"add_prefix_space":true}})",
        R"({"normalizer":{"type":"NFC"}})", R"({"model":{"vocab":{"ab":256},"merges":[["a","b"]]}})",
        R"({"post_processor":{"type":"ByteLevel","trim_offsets":true}})",
        R"({"added_tokens":[{"id":256,"content":"<s>","special":true}]})"}) {
    std::string read = "b\xEF\xBF\xBD";
    if (std::string_view(change).find("prefix") != std::string_view::npos) read = " " + read;
    EXPECT_EQ(ids(change, "b\xFF"), bytes_as_ids(read)) << change;
  }
  EXPECT_EQ(ids(R"({"model":{"vocab":{"ab":256},"merges":[["a","b"]]}})", "ab"),
            std::vector<std::int32_t>{256});
  EXPECT_EQ(ids(R"({"model":{"vocab":{"a":98,"b":97}}})", "ab"), (std::vector<std::int32_t>{98, 97}));
}

}  // namespace
}  // namespace lyceum
