#include "tasks/search/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace lyceum {
namespace {

// Every letter, digit and mark of ASCII is a piece of its own, some words are one piece, the rest is unknown.
const Tokenizer& tokenizer() {
  static const auto made = [] {
    std::string lines =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\nsat\non\nmat\ndog\n##ing\n中\n文\n字\n";
    for (char c = '!'; c <= '~'; ++c)
      if (!(c >= 'A' && c <= 'Z')) lines += std::string(1, c) + "\n##" + c + "\n";
    return Tokenizer::from_vocabulary(lines, "test");
  }();
  return *made;
}

std::int64_t count_tokens(std::string_view text) {
  return static_cast<std::int64_t>(tokenizer().encode(text, {.add_special = false}).ids.size());
}

std::vector<std::string> passages(std::string_view text, const ChunkOptions& options) {
  std::vector<std::string> out;
  for (const Chunk& c : chunk_text(text, tokenizer(), options))
    out.emplace_back(text.substr(c.begin, c.end - c.begin));
  return out;
}

bool is_white(char c) { return std::string_view(" \t\r\n\f\v").find(c) != std::string_view::npos; }

// What chunker.h promises of every document.
void expect_promises(const std::string& text, const ChunkOptions& options) {
  SCOPED_TRACE("document: '" + text.substr(0, 300) + "'");
  const std::vector<Chunk> chunks = chunk_text(text, tokenizer(), options);
  std::vector<bool> covered(text.size(), false);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const Chunk& c = chunks[i];
    ASSERT_LT(c.begin, c.end);
    ASSERT_LE(c.end, text.size());
    EXPECT_FALSE(is_white(text[c.begin]));
    EXPECT_FALSE(is_white(text[c.end - 1]));
    EXPECT_NE(static_cast<unsigned char>(text[c.begin]) & 0xC0, 0x80)
        << "a passage begins inside a character";
    EXPECT_LE(count_tokens(std::string_view(text).substr(c.begin, c.end - c.begin)), options.tokens);
    EXPECT_EQ(c.line,
              1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(c.begin), '\n'));
    if (i > 0) {
      EXPECT_GT(c.begin, chunks[i - 1].begin);
      EXPECT_GT(c.end, chunks[i - 1].end);
    }
    std::fill(covered.begin() + static_cast<std::ptrdiff_t>(c.begin),
              covered.begin() + static_cast<std::ptrdiff_t>(c.end), true);
  }
  for (std::size_t i = 0; i < text.size(); ++i)
    ASSERT_TRUE(covered[i] || is_white(text[i])) << "byte " << i << " lies in no passage";
}

TEST(Chunker, AnEmptyOrWhiteDocumentHasNoPassages) {
  EXPECT_TRUE(passages("", {}).empty());
  EXPECT_TRUE(passages(" \n\t\r\n  \n", {}).empty());
}

TEST(Chunker, AShortDocumentIsOnePassageWithoutTheWhiteSpaceAroundIt) {
  EXPECT_EQ(passages("\n\n  The cat sat. On the mat!  \n", {}),
            std::vector<std::string>{"The cat sat. On the mat!"});
  EXPECT_EQ(chunk_text("\n\n  The cat sat.", tokenizer(), {})[0].line, 3);
}

TEST(Chunker, NeighboursShareWholeSentences) {
  // five tokens each: the cat sat on .
  std::string text;
  for (int i = 0; i < 12; ++i) text += "The cat sat on. ";
  const auto chunks = chunk_text(text, tokenizer(), {.tokens = 20, .overlap = 9});
  ASSERT_GE(chunks.size(), 3u);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].begin % 16, 0u) << "passage " << i << " begins inside a sentence";
    if (i == 0) continue;
    EXPECT_EQ(chunks[i].begin + 15, chunks[i - 1].end) << "one sentence of five tokens fits into nine";
  }
  // without overlap they follow each other
  const auto apart = chunk_text(text, tokenizer(), {.tokens = 20, .overlap = 0});
  for (std::size_t i = 1; i < apart.size(); ++i) EXPECT_EQ(apart[i].begin, apart[i - 1].end + 1);
  EXPECT_EQ(apart.size(), 3u);
}

TEST(Chunker, AnAbbreviationOrAnInitialDoesNotEndASentence) {
  const auto parts =
      passages("The cat, e.g. The dog, sat. The mat sat on the cat.", {.tokens = 14, .overlap = 0});
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0], "The cat, e.g. The dog, sat.");
}

TEST(Chunker, AHeadingBeginsAPassageAndSharesNothingWithTheOneBefore) {
  const auto parts =
      passages("# Cat\nThe cat sat on the mat.\n\n## Dog\nThe dog sat.\n", {.tokens = 40, .overlap = 15});
  EXPECT_EQ(parts, (std::vector<std::string>{"# Cat\nThe cat sat on the mat.", "## Dog\nThe dog sat."}));
  const auto with_cr = passages("# Cat\r\nThe cat sat on the mat.\r\n## Dog\r\nThe dog sat.\r\n",
                                {.tokens = 40, .overlap = 15});
  EXPECT_EQ(with_cr,
            (std::vector<std::string>{"# Cat\r\nThe cat sat on the mat.", "## Dog\r\nThe dog sat."}));
}

TEST(Chunker, ATinySectionStaysWithTheNext) {
  EXPECT_EQ(passages("# Cat\n# Dog\nThe dog sat.\n", {.tokens = 80, .overlap = 0}).size(), 1u);
}

TEST(Chunker, ALongSentenceIsCutBeforeAWord) {
  std::string text = "The";
  for (int i = 0; i < 50; ++i) text += " cat dogs";
  for (const std::string& part : passages(text, {.tokens = 10, .overlap = 2})) {
    EXPECT_TRUE(part.starts_with("The") || part.starts_with("cat") || part.starts_with("dogs")) << part;
    EXPECT_TRUE(part.ends_with("cat") || part.ends_with("dogs")) << part;
  }
  expect_promises(text, {.tokens = 10, .overlap = 2});
}

TEST(Chunker, TextWithoutSpacesIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += i % 2 ? "中文" : "字";
  const auto parts = passages(text, {.tokens = 16, .overlap = 4});
  EXPECT_EQ(parts.size(), 10u);  // 150 characters, one token each
  expect_promises(text, {.tokens = 16, .overlap = 4});
  expect_promises("x" + std::string(90, 'y') + " " + std::string(99, 'z'), {.tokens = 8, .overlap = 3});
}

TEST(Chunker, AWordWithoutKnownPiecesIsOneTokenOfAnyLength) {
  const std::string text =
      "The cat " + std::string(100'000, 'x') + " sat on the mat and the dog on the mat sat.";
  const auto parts = passages(text, {.tokens = 8, .overlap = 0});
  EXPECT_NE(parts[0].find("xxx"), std::string::npos);
  expect_promises(text, {.tokens = 8, .overlap = 0});
}

TEST(Chunker, ALineOfMegabytesTakesTimeInProportion) {
  std::string text;
  while (text.size() < (std::size_t{2} << 20)) text += "the cat sat on the mat ";
  // reading the rest anew for each of the 20,000 passages would touch 20 GB, and this test would not end
  const auto chunks = chunk_text(text, tokenizer(), {.tokens = 30, .overlap = 5});
  EXPECT_NEAR(static_cast<double>(chunks.size()), static_cast<double>(text.size()) / 23 * 6 / 30, 3000);
}

TEST(Chunker, PromisesHoldForEveryDocument) {
  const char* const kPieces[] = {"the ",     "cat",       "sat. ", "On! ",         "\n",   "\r\n", "\n\n",
                                 "# ",       "\n# Mat\n", "- ",    "| ",           "  ",   "\t",   "中文字",
                                 "?",        "\"",        ")",     "e.g. ",        "1.5 ", "q",    "zzzz",
                                 "\xC3\xA9", "dogs",      "...",   "\xE2\x80\x8B", "[SEP]"};
  Random random(20);
  for (int round = 0; round < 600; ++round) {
    std::string text;
    for (std::uint32_t n = random.below(120); n > 0; --n) text += kPieces[random.below(std::size(kPieces))];
    const auto tokens = static_cast<std::int64_t>(8 + random.below(30));
    expect_promises(
        text,
        {.tokens = tokens,
         .overlap = static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>((tokens + 1) / 2)))});
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

TEST(Chunker, RefusesSizesThatMakeNoSense) {
  for (const ChunkOptions& wrong :
       {ChunkOptions{.tokens = 7, .overlap = 0}, ChunkOptions{.tokens = 20, .overlap = 10},
        ChunkOptions{.tokens = 20, .overlap = -1}}) {
    try {
      chunk_text("The cat.", tokenizer(), wrong);
      ADD_FAILURE() << wrong.tokens << " tokens with an overlap of " << wrong.overlap << " were taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kUsage);
    }
  }
}

}  // namespace
}  // namespace lyceum
