#include "text/tokenizer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/utf8.h"
#include "check/sanitized.h"
#include "formats/model_folder.h"
#include "text/golden/expect_case.h"
#include "text/special_tokens.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::Folder;

std::string tokens_shown(const Tokenizer& t, const std::vector<std::int32_t>& ids) {
  std::string out;
  for (const std::int32_t id : ids) out += (out.empty() ? "" : " ") + *t.token(id);
  return out;
}

std::string pieces(const Tokenizer& t, const std::string& text) {
  return tokens_shown(t, t.encode(text, {.add_special = false}).ids);
}

// The toy vocabulary of the paper's own code, tokenization_test.py.
constexpr const char* kToy =
    "[UNK]\n[CLS]\n[SEP]\nwant\n##want\n##ed\nwa\nun\nrunn\n##ing\n,\n[PAD]\n[MASK]\nhello\n!"
    "\nhow\nare\nyou\n?\n";

TEST(Tokenizer, SplitsThePapersToyExamples) {
  const auto t = Tokenizer::from_vocabulary(kToy, "toy");
  EXPECT_EQ(pieces(*t, "UNwant\u00E9d,running"), "un ##want ##ed , runn ##ing");
  EXPECT_EQ(pieces(*t, " \tHeLLo!how  \n Are yoU?  "), "hello ! how are you ?");
  EXPECT_EQ(pieces(*t, "unwantedX running"), "[UNK] runn ##ing");
  EXPECT_EQ(pieces(*t, "\u00AD"), "");
  EXPECT_EQ(pieces(*t, ""), "");
  EXPECT_EQ(tokens_shown(*t, t->encode("hello").ids), "[CLS] hello [SEP]");
  EXPECT_EQ(t->decode(t->encode("hello, how are you?").ids), "hello, how are you?");
}

TEST(Tokenizer, AWordOfMoreThanAHundredCharactersIsUnknown) {
  const auto t =
      Tokenizer::from_vocabulary("[UNK]\n[CLS]\n[SEP]\n\u00E9\n##\u00E9\n", "toy", {.lowercase = false});
  std::string word;
  for (int i = 0; i < 100; ++i) word += "\u00E9";  // characters count, not their bytes
  EXPECT_EQ(t->encode(word, {.add_special = false}).ids.size(), 100u);
  EXPECT_EQ(pieces(*t, word + "\u00E9"), "[UNK]");
}

// --- every kind of part against the reference: golden/make_golden.py

Json pipelines() { return read_json(fs::path(LYCEUM_SOURCE_DIR) / "src/text/golden/pipelines.json"); }

TEST(Tokenizer, EveryPipelineGivesTheReferencesIdsTypesOffsetsAndText) {
  const Json all = pipelines();
  std::size_t cases = 0;
  for (const Json& pipeline : all["pipelines"]) {
    Json spec = all["base"];
    spec.update(pipeline["change"]);
    spec["model"]["vocab"] = all["vocab"];
    const auto t = Tokenizer::from_json(spec.dump(), "pipelines.json");
    for (const Json& c : pipeline["cases"]) {
      SCOPED_TRACE(pipeline["name"].get<std::string>());
      ++cases;
      check::expect_case(*t, c);
    }
  }
  EXPECT_GT(cases, 350u);
}

TEST(Tokenizer, TruncationThatLeavesNoRoomIsRefused) {
  const auto t = Tokenizer::from_vocabulary(kToy, "toy");
  const auto code = [&](const EncodeOptions& o) {
    try {
      t->encode_pair("hello how", "are you", o);
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::kInternal;
  };
  EXPECT_EQ(code({.max_tokens = 2}), Errc::kUsage);
  EXPECT_EQ(code({.max_tokens = 5, .truncation = Truncation::kOnlyFirst}), Errc::kData);
  EXPECT_EQ(code({.max_tokens = 5, .truncation = Truncation::kOnlySecond}), Errc::kData);
  const Encoding cut = t->encode_pair("hello how", "are you", {.max_tokens = 6});
  EXPECT_EQ(tokens_shown(*t, cut.ids),
            "[CLS] hello [SEP] are you [SEP]");  // of two equal ones the first is cut further
  EXPECT_TRUE(cut.truncated);
  EXPECT_FALSE(t->encode_pair("hello how", "are you", {.max_tokens = 7}).truncated);
}

// --- two roads, one answer

constexpr std::uint32_t kInteresting[] = {
    ' ',    '\t',   0xA0,   0x3000,  '.',     ',',    '-',    '\'',   0x0,   0x7F,  0xAD,   0x200B,
    0x200D, 0xFEFF, 0xFFFD, 0x301,   0x327,   0x345,  0xE9,   0xC5,   0x130, 0x3A3, 0x1E9E, 0xFB01,
    0xAC00, 0x1100, 0x4E00, 0x20000, 0x1F600, 0x2028, 0x0F71, 0x093C, '[',   ']',   '#'};

std::string random_text(std::uint64_t seed) {
  Random random(seed);
  std::string text;
  for (std::uint32_t n = random.below(60); n > 0; --n) {
    const std::uint32_t kind = random.below(10);
    if (kind < 5) append_utf8(text, 'a' + random.below(26));
    if (kind == 5) append_utf8(text, 'A' + random.below(26));
    if (kind == 6 || kind == 7) append_utf8(text, kInteresting[random.below(std::size(kInteresting))]);
    if (kind == 8) append_utf8(text, random.below(0x110000));
    if (kind == 9) text += random.below(4) == 0 ? "[MASK]" : random.below(2) == 0 ? "\xFF" : "hello";
  }
  return text;
}

// Letters and their continuations, so that words have many pieces.
std::string letters() {
  std::string v = kToy;
  for (char c = 'a'; c <= 'z'; ++c)
    v += std::string(1, c) + "\n##" + c + "\n" + std::string(1, static_cast<char>(c - 32)) + "\n";
  for (const std::uint32_t c : kInteresting) {
    if (c <= ' ' || c == ',' || c == 0xA0 || c == 0x3000 || c == 0x2028)
      continue;  // white space, and what the toy has
    std::string s;
    append_utf8(s, c);
    v += s + "\n##" + s + "\n";
  }
  return v;
}

TEST(Tokenizer, TheFastPassEqualsThePlainRoadOnAnyText) {
  for (const bool lowercase : {true, false})
    for (const bool strip : {true, false}) {
      const auto t = Tokenizer::from_vocabulary(
          letters(), "letters", {.lowercase = lowercase, .chinese_chars = strip, .strip_accents = strip});
      for (std::uint64_t seed = 0; seed < check::unless_sanitized(4000u, 1000u); ++seed) {
        const std::string text = random_text(seed);
        const Encoding fast = t->encode(text, {.with_offsets = true}),
                       plain = t->encode_plainly(text, {.with_offsets = true});
        ASSERT_EQ(fast.ids, plain.ids) << "seed " << seed << " lowercase " << lowercase << " strip " << strip;
        ASSERT_EQ(fast.offsets, plain.offsets)
            << "seed " << seed << " lowercase " << lowercase << " strip " << strip;
      }
    }
}

TEST(Tokenizer, ManyThreadsGiveWhatOneGives) {
  const auto t = Tokenizer::from_vocabulary(letters(), "letters");
  std::vector<std::string> texts;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) texts.push_back(random_text(seed));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    const auto all = t->encode_batch(views, {.with_offsets = true});
    ASSERT_EQ(all.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Encoding one = t->encode(texts[i], {.with_offsets = true});
      ASSERT_EQ(all[i].ids, one.ids) << "text " << i << ", " << threads << " threads";
      ASSERT_EQ(all[i].offsets, one.offsets) << "text " << i << ", " << threads << " threads";
    }
  }
  set_thread_count(0);
}

TEST(Tokenizer, SpecialTokensInTheTextAreTextWhenTheCallerSaysSo) {
  const auto t = Tokenizer::from_vocabulary(letters(), "letters");
  EXPECT_EQ(pieces(*t, "a[MASK]b"), "a [MASK] b");
  EXPECT_EQ(tokens_shown(*t, t->encode("a[MASK]b", {.add_special = false, .parse_special = false}).ids),
            "a [ m ##a ##s ##k ] b");
}

TEST(Tokenizer, OffsetsAreBytesOfTheTextAsItCame) {
  const auto t = Tokenizer::from_vocabulary(letters(), "letters");
  const Encoding e = t->encode(
      "\xFF"
      "a \xE2\x82 b",
      {.add_special = false, .with_offsets = true});  // two broken sequences, dropped
  EXPECT_EQ(tokens_shown(*t, e.ids), "a b");
  EXPECT_EQ(e.offsets, (std::vector<TokenSpan>{{1, 2}, {6, 7}}));
}

// --- folders

// A cased tokenizer.json with a word of at most 3 characters, whose vocabulary has both cases.
std::string cased_json() {
  return R"({"normalizer":{"type":"BertNormalizer","lowercase":false},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece","unk_token":"[UNK]",
      "continuing_subword_prefix":"##","max_input_chars_per_word":3,"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"hello":3,"Hello":4,"ab":5,"Ab":6}}})";
}

TEST(Tokenizer, SettingsOfTheFolderStandOverTokenizerJsonForBertsClass) {
  const std::string bert = R"({"model_type":"bert"})", json = cased_json();
  EXPECT_EQ(pieces(*Folder({{"tokenizer.json", json}}).tokenizer(), "Ab Hello"),
            "Ab [UNK]");  // as the file says
  EXPECT_EQ(pieces(*Folder({{"tokenizer.json", json}, {"config.json", bert}}).tokenizer(), "Ab Hello"),
            "ab hello");
  EXPECT_EQ(pieces(*Folder({{"tokenizer.json", json},
                            {"config.json", bert},
                            {"tokenizer_config.json", R"({"do_lower_case":false})"}})
                        .tokenizer(),
                   "Ab Hello"),
            "Ab Hello");
  EXPECT_EQ(pieces(*Folder({{"tokenizer.json", json},
                            {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizerFast"})"}})
                        .tokenizer(),
                   "Ab Hello"),
            "ab hello");
  EXPECT_EQ(pieces(*Folder({{"tokenizer.json", json},
                            {"config.json", bert},
                            {"tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})"}})
                        .tokenizer(),
                   "Ab Hello"),
            "Ab [UNK]");
  EXPECT_EQ(tokens_shown(
                *Folder({{"tokenizer.json", json}, {"config.json", bert}}).tokenizer(),
                Folder({{"tokenizer.json", json}, {"config.json", bert}}).tokenizer()->encode("ab[SEP]").ids),
            "[CLS] ab [SEP] [SEP]");  // the class's template and special tokens, which the file lacks
}

TEST(Tokenizer, AVocabTxtTakesItsSettingsFromTokenizerConfig) {
  const std::string vocab = "[UNK]\n[CLS]\n[SEP]\nab\nAb\nAB\n\u00E9\ne\n\u00C9\n\u4F60\n##\u4F60\n";
  const auto with = [&](const std::string& config, const std::string& text) {
    return pieces(*Folder({{"vocab.txt", vocab}, {"tokenizer_config.json", config}}).tokenizer(), text);
  };
  EXPECT_EQ(pieces(*Folder({{"vocab.txt", vocab}}).tokenizer(), "Ab \u00C9"), "ab e");
  EXPECT_EQ(with(R"({"do_lower_case":false})", "Ab \u00C9"), "Ab \u00C9");
  EXPECT_EQ(with(R"({"strip_accents":false})", "Ab \u00C9"), "ab \u00E9");
  EXPECT_EQ(with(R"({"do_lower_case":false,"strip_accents":true})", "Ab \u00E9"), "Ab e");
  EXPECT_EQ(with("{}", "\u4F60\u4F60"), "\u4F60 \u4F60");
  EXPECT_EQ(with(R"({"tokenize_chinese_chars":false})", "\u4F60\u4F60"), "\u4F60 ##\u4F60");
  EXPECT_EQ(with(R"({"unk_token":{"content":"ab"}})", "zz"), "ab");
  // a new token takes the next id, whatever the file says; one of the vocabulary keeps its own
  const Folder added(
      {{"vocab.txt", vocab},
       {"tokenizer_config.json",
        R"({"added_tokens_decoder":{"77":{"content":"<x>"},"78":{"content":"AB","single_word":true,"normalized":false}}})"}});
  EXPECT_EQ(pieces(*added.tokenizer(), "a<x>ABAB AB"), "[UNK] <x> [UNK] AB");
  EXPECT_EQ(added.tokenizer()->id("<x>"), 11);
  EXPECT_EQ(added.tokenizer()->id("AB"), 5);
}

TEST(Tokenizer, AVocabTxtMayEndItsLinesWithSpacesAndRepeatALine) {
  const auto t = Tokenizer::from_vocabulary("[UNK]\r\n[CLS] \n[SEP]\u3000\nab\nde\nab\n", "v");
  EXPECT_EQ(t->encode("ab de").ids, (std::vector<std::int32_t>{1, 5, 4, 2}));  // the later line counts
  EXPECT_EQ(t->token(3), nullptr);
}

TEST(Tokenizer, DecodedTextIsCleanedWhenTheFolderAsksForIt) {
  const std::string vocab = "[UNK]\n[CLS]\n[SEP]\nit\n'\ns\nn\n.\n";
  const auto ids = Folder({{"vocab.txt", vocab}}).tokenizer()->encode("it ' s .").ids;
  EXPECT_EQ(Folder({{"vocab.txt", vocab}}).tokenizer()->decode(ids), "it ' s.");
  EXPECT_EQ(
      Folder({{"vocab.txt", vocab}, {"tokenizer_config.json", R"({"clean_up_tokenization_spaces":true})"}})
          .tokenizer()
          ->decode(ids),
      "it's.");
}

TEST(Tokenizer, EveryTokenTellsItsWordAndItsText) {
  const auto t = Tokenizer::from_vocabulary(kToy, "toy");
  const EncodeOptions options{.with_offsets = true};
  // [CLS] runn ##ing , hello [SEP] how un ##want ##ed [MASK] are [SEP]
  for (const Encoding& e :
       {t->encode_pair("running, hello", "how unwanted[MASK]are", options),
        t->post_process(t->encode("running, hello", {.add_special = false, .with_offsets = true}),
                        t->encode("how unwanted[MASK]are", {.add_special = false, .with_offsets = true}),
                        options)}) {
    EXPECT_EQ(e.words, (std::vector<std::int32_t>{-1, 0, 0, 1, 2, -1, 0, 1, 1, 1, 2, 3, -1}));
    EXPECT_EQ(e.sequences, (std::vector<std::int8_t>{-1, 0, 0, 0, 0, -1, 1, 1, 1, 1, 1, 1, -1}));
    EXPECT_EQ(e.words.size(), e.ids.size());
  }
  EXPECT_EQ(t->encode_plainly("running, hello", options).words,
            (std::vector<std::int32_t>{-1, 0, 0, 1, 2, -1}));
}

TEST(Tokenizer, PartsPutTogetherAreCutAsTheWholeIs) {
  const auto t = Tokenizer::from_vocabulary(kToy, "toy");
  const EncodeOptions bare{.add_special = false};
  const Encoding first = t->encode("hello how are you", bare), second = t->encode("unwanted running", bare);
  for (const Truncation truncation :
       {Truncation::kLongestFirst, Truncation::kOnlyFirst, Truncation::kOnlySecond})
    for (std::int64_t limit = 9; limit < 15; ++limit) {  // of 12 tokens
      const EncodeOptions options{.max_tokens = limit, .truncation = truncation};
      const Encoding whole = t->encode_pair("hello how are you", "unwanted running", options);
      const Encoding built = t->post_process(first, second, options);
      EXPECT_EQ(built.ids, whole.ids) << limit;
      EXPECT_EQ(built.truncated, limit < 12) << limit;
    }
  EXPECT_EQ(t->special_tokens_around_two(), 3);
  EXPECT_EQ(t->join({"un", "##want", "!", "##s"}), "unwant!s");
  EXPECT_TRUE(t->marks_continuations());
}

TEST(Tokenizer, SpecialTokensAreNamedByTheFolderElseByCustom) {
  const fs::path folder = fs::temp_directory_path() / ("lyceum-special-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const auto special = [&](const std::string& config, const std::string& map) {
    std::ofstream(folder / "tokenizer_config.json") << config;
    std::ofstream(folder / "special_tokens_map.json") << map;
    return special_tokens(ModelFolder::find(folder.string()), *Tokenizer::from_vocabulary(kToy, "toy"));
  };
  EXPECT_EQ(special("{}", "{}").mask, 12);
  EXPECT_EQ(special("{}", "{}").unknown, 0);
  EXPECT_EQ(special("{}", "{}").classification, 1);
  EXPECT_EQ(special("{}", "{}").padding, 11);
  EXPECT_EQ(special("{}", R"({"mask_token":"how"})").mask, 15);
  EXPECT_EQ(special(R"({"mask_token":{"content":"are"}})", R"({"mask_token":"how"})").mask, 16);
  fs::remove_all(folder);
}

TEST(Tokenizer, WhatItDoesNotKnowIsNamed) {
  const auto message = [](const std::string& json) -> std::string {
    try {
      Tokenizer::from_json(json, "t.json");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string model = R"("model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0}})";
  for (const char* key : {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
    EXPECT_NE(message(std::string("{\"") + key + R"(":{"type":"Nonsense"},)" + model + "}").find("Nonsense"),
              std::string::npos)
        << key;
  EXPECT_NE(message(R"({"model":{"type":"Unigram","vocab":[]}})").find("Unigram"), std::string::npos);
  EXPECT_NE(message(R"({"model":{"type":"WordPiece","vocab":{"a":0}}})").find("[UNK]"), std::string::npos);
  EXPECT_EQ(message("{" + model + "}"), "");
  EXPECT_THROW(Tokenizer::from_vocabulary("[UNK]\nab\n", "v"), Error);  // no [CLS]
  EXPECT_THROW(Tokenizer::from_vocabulary("", "v"), Error);
  EXPECT_THROW(Tokenizer::from_json("{" + model + "}", "t.json")->decode(std::vector<std::int32_t>{1}),
               Error);
}

}  // namespace
}  // namespace lyceum
