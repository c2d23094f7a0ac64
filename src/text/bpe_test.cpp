#include "text/bpe.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/utf8.h"
#include "check/expect_error.h"
#include "check/sanitized.h"
#include "text/golden/expect_case.h"
#include "text/regex.h"
#include "text/scanner.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::Folder;

Json golden(const char* name) { return read_json(fs::path(LYCEUM_SOURCE_DIR) / "src/text/golden" / name); }

// --- against the reference: golden/make_bpe_golden.py

TEST(Bpe, EveryPipelineGivesTheReferencesIdsTypesOffsetsAndText) {
  const Json all = golden("bpe_pipelines.json");
  std::size_t cases = 0;
  for (const Json& pipeline : all["pipelines"]) {
    Json spec = all["bases"][pipeline["base"].get<std::string>()];
    Json model = spec["model"];
    if (pipeline["change"].contains("model")) model.update(pipeline["change"]["model"]);
    spec.update(pipeline["change"]);
    spec["model"] = model;
    SCOPED_TRACE(pipeline["base"].get<std::string>() + ": " + pipeline["name"].get<std::string>());
    const auto t = Tokenizer::from_json(spec.dump(), "bpe_pipelines.json");
    for (const Json& c : pipeline["cases"]) check::expect_case(*t, c), ++cases;
  }
  EXPECT_EQ(cases, 45u * 10);
}

TEST(Bpe, FoldersReadAsTheReferencesClassesReadThem) {
  const Json all = golden("bpe_pipelines.json");
  std::size_t cases = 0;
  const auto text_of = [](const Json& file) {
    return file.is_string() ? file.get<std::string>() : file.dump();
  };
  for (const Json& folder : all["folders"]) {
    SCOPED_TRACE(folder["files"].dump());
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& [name, file] : folder["files"].items()) files.emplace_back(name, text_of(file));
    for (const Json& name : folder["uses"])
      files.emplace_back(name.get<std::string>(), text_of(all["sources"][name.get<std::string>()]));
    const auto t = Folder(files).tokenizer();
    for (const Json& c : folder["cases"]) check::expect_case(*t, c), ++cases;
  }
  EXPECT_EQ(cases, 13u * 10);
}

TEST(Bpe, RobertasPublishedExamplesAreExact) {
  const Json cut = golden("roberta_cut.json");
  const Folder folder(
      {{"vocab.json", cut["vocab"].dump()},
       {"merges.txt", cut["merges"].get<std::string>()},
       {"config.json", R"({"model_type":"roberta"})"},
       {"tokenizer_config.json", R"({"mask_token":{"content":"<mask>","lstrip":true,"normalized":false}})"}});
  const auto t = folder.tokenizer();
  for (const Json& c : cut["cases"])
    EXPECT_EQ(t->encode(c["text"].get<std::string>()).ids, c["ids"].get<std::vector<std::int32_t>>()) << c;
  const Encoding pair = t->encode_pair("world", " world");
  EXPECT_EQ(pair.ids, (std::vector<std::int32_t>{0, 8331, 2, 2, 232, 2}));
  EXPECT_EQ(pair.type_ids, std::vector<std::int32_t>(6, 0));
  for (const char* text : {"", "c\u00E9c\u00E9\U0001F600 \u4F60", " a\tb\n", "\x01\x7F"})
    EXPECT_EQ(t->decode(t->encode(text).ids), text) << "decode(encode(x)) = x";
}

// --- two roads, one answer

std::string random_text(std::uint64_t seed, std::uint32_t most) {
  static constexpr const char* kParts[] = {
      " ",       "  ",      "\n",     "\r\n", "\t",   "\u00A0", "\u3000",     "'s",     "'S",
      "'\u017F", "'re",     "'",      "12",   "1234", "\u00BD", "\u0663",     "the",    "Hello",
      "\u00E9",  "e\u0301", "\u4F60", "!?",   "--",   "_",      "\U0001F600", "<mask>", "\u200D",
      "\u0345",  "\uFFFD",  "\u2028", "x",    "'ll",  "'LL",    "\u0130"};
  Random random(seed);
  std::string text;
  for (std::uint32_t n = random.below(most); n > 0; --n) {
    const std::uint32_t kind = random.below(8);
    if (kind < 6) text += kParts[random.below(std::size(kParts))];
    if (kind == 6) append_utf8(text, random.below(0x110000));
    if (kind == 7) append_utf8(text, 'a' + random.below(26));
  }
  return text;
}

constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

TEST(Scanner, SplitsAsItsRegularExpressionDoes) {
  for (const char* pattern : {kGpt2Pattern, kLlama3, kQwen2}) {
    const auto scanner = Scanner::find(pattern);
    ASSERT_TRUE(scanner) << pattern;
    const Regex regex(pattern, "test");
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
      const std::string text = random_text(seed, 30);
      std::size_t at = 0;
      for (const MatchRange& range : regex.find_all(text)) {
        ASSERT_EQ(range.begin, at) << "seed " << seed;
        at = scanner->next(text, at);
        ASSERT_EQ(range.end, at) << "seed " << seed << " " << pattern << " " << text;
      }
      ASSERT_EQ(at, text.size());
    }
  }
  EXPECT_FALSE(Scanner::find(R"(\p{L}+)"));
}

TEST(Scanner, KnowsTheKindOfEveryCharacter) {
  for (const char* pattern : {kGpt2Pattern, kLlama3}) {
    const Regex regex(pattern, "test");
    const auto scanner = Scanner::find(pattern);
    for (char32_t block = 0; block < 0x110000; block += check::unless_sanitized(64u, 1024u)) {
      std::string text;
      for (char32_t c = block; c < block + 64; ++c) append_utf8(text, c), text += c % 2 ? "a" : " 1";
      std::size_t at = 0;
      for (const MatchRange& range : regex.find_all(text)) {
        at = scanner->next(text, at);
        ASSERT_EQ(range.end, at) << "between U+" << std::hex << static_cast<std::uint32_t>(block)
                                 << " and 64 on";
      }
    }
  }
}

TEST(Bpe, TheFastPassEqualsThePlainRoadOnAnyText) {
  const Json all = golden("bpe_pipelines.json");
  for (const Json& pipeline : all["pipelines"]) {
    if (pipeline["base"] != "bytes" || pipeline["change"].contains("model")) continue;
    Json spec = all["bases"]["bytes"];
    spec.update(pipeline["change"]);
    const auto t = Tokenizer::from_json(spec.dump(), "bpe_pipelines.json");
    for (std::uint64_t seed = 0; seed < check::unless_sanitized(400u, 80u); ++seed) {
      std::string text = random_text(seed, 40);
      if (seed % 5 == 0) text.insert(text.size() / 2, "\xE2\x82");  // no UTF-8
      const Encoding fast = t->encode(text, {.with_offsets = true}),
                     plain = t->encode_plainly(text, {.with_offsets = true});
      ASSERT_EQ(fast.ids, plain.ids) << pipeline["name"] << " seed " << seed;
      ASSERT_EQ(fast.offsets, plain.offsets) << pipeline["name"] << " seed " << seed;
    }
  }
}

// A vocabulary over a few letters with random merges.
Bpe random_bpe(std::uint64_t seed) {
  Random random(seed);
  std::vector<std::pair<std::string, std::int32_t>> vocabulary;
  std::vector<std::string> tokens;
  Bpe::Merges merges;
  const auto add = [&](const std::string& token) {
    for (const std::string& known : tokens)
      if (known == token) return;
    vocabulary.emplace_back(token, static_cast<std::int32_t>(tokens.size()));
    tokens.push_back(token);
  };
  for (const char* letter : {"a", "b", "c"}) add(letter);
  for (int i = 0; i < 40; ++i) {
    const std::string left = tokens[random.below(static_cast<std::uint32_t>(tokens.size()))],
                      right = tokens[random.below(static_cast<std::uint32_t>(tokens.size()))];
    if (left.size() + right.size() > 12) continue;
    merges.emplace_back(left, right);
    add(left + right);
  }
  return Bpe(vocabulary, merges, {}, "random");
}

TEST(Bpe, TheScanOfShortWordsJoinsAsTheQueueDoes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Bpe bpe = random_bpe(seed);
    Random random(seed + 1000);
    for (int word = 0; word < 20; ++word) {
      std::vector<Bpe::Symbol> symbols(1 + random.below(24));
      for (Bpe::Symbol& s : symbols) s = {static_cast<std::int32_t>(random.below(3)), 1};
      std::vector<Bpe::Symbol> other = symbols;
      bpe.merge(symbols);
      bpe.merge_with_queue(other);
      ASSERT_EQ(symbols.size(), other.size()) << seed;
      for (std::size_t i = 0; i < symbols.size(); ++i) {
        ASSERT_EQ(symbols[i].id, other[i].id) << seed;
        ASSERT_EQ(symbols[i].length, other[i].length) << seed;
      }
    }
  }
}

TEST(Bpe, AMillionTimesTheSameLetterTakesNoSquareOfTheTime) {
  std::vector<std::pair<std::string, std::int32_t>> vocabulary{{"a", 0}};
  Bpe::Merges merges;
  for (int i = 0; i < 10; ++i) {
    const std::string half(std::size_t{1} << i, 'a');
    merges.emplace_back(half, half);
    vocabulary.emplace_back(half + half, i + 1);
  }
  const Bpe bpe(vocabulary, merges, {}, "a");
  std::vector<Piece> pieces;
  constexpr std::size_t kLetters = check::unless_sanitized(std::size_t{1} << 20, std::size_t{1} << 18);
  bpe.split(std::string(kLetters, 'a'), kLetters, pieces);
  ASSERT_EQ(pieces.size(), kLetters / 1024);
  for (const Piece& piece : pieces) EXPECT_EQ(piece.id, 10);
}

TEST(Bpe, MergesOfUnknownTokensAreRefused) {
  const std::vector<std::pair<std::string, std::int32_t>> vocabulary{
      {"a", 0}, {"b", 1}, {"ab", 2}, {"##", 3}};
  const auto with = [&](const char* left, const char* right, BpeOptions o = {}) {
    return [=] { Bpe(vocabulary, {{"a", "b"}, {left, right}}, o, "file"); };
  };
  check::expect_error(Errc::kFormat, "lacks 'x'", with("a", "x"));
  check::expect_error(Errc::kFormat, "lacks 'x'", with("x", "a"));
  check::expect_error(Errc::kFormat, "'ba'", with("b", "a"));
  check::expect_error(Errc::kFormat, "merge 1", with("a", "b", {.prefix = "###"}));
  EXPECT_NO_THROW(Bpe(vocabulary, {{"a", "##"}}, {.prefix = "##"}, "file"))
      << "it does not lengthen, but ends";
}

TEST(Bpe, AnUnknownTokenThatIsMissingIsAnErrorWhenItIsNeeded) {
  const Bpe bpe({{"a", 0}}, {}, {.unknown = "<unk>"}, "file");
  std::vector<Piece> pieces;
  bpe.split("aa", 2, pieces);
  EXPECT_EQ(pieces.size(), 2u);
  check::expect_error(Errc::kFormat, "<unk>", [&] { bpe.split("ab", 2, pieces); });
}

}  // namespace
}  // namespace lyceum
