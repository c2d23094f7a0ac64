#include "text/training/train_tokenizer.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/parallel.h"
#include "check/expect_error.h"
#include "check/sanitized.h"
#include "check/temporary_folder.h"
#include "formats/model_folder.h"
#include "text/tokenizer.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::expect_error;
using check::TemporaryFolder;
using check::write_file;
using Texts = std::vector<std::string>;

TrainedTokenizer train(const Texts& texts, const TokenizerTraining& options) {
  std::size_t at = 0;
  return train_tokenizer(
      [&](std::string& text) {
        if (at == texts.size()) return false;
        text = texts[at++];
        return true;
      },
      options);
}

Json vocabulary_of(const TrainedTokenizer& t) {
  return parse_json(t.tokenizer_json, "test")["model"]["vocab"];
}

TokenizerTraining options_of(const Json& o) {
  const std::string around = o["template"];
  return {.kind = o["kind"] == "bpe" ? VocabularyKind::kBpe : VocabularyKind::kWordPiece,
          .vocabulary_size = o["size"],
          .min_frequency = o["min_frequency"],
          .lowercase = o["lowercase"].get<bool>(),
          .around = around == "bert"      ? TextTemplate::kBert
                    : around == "roberta" ? TextTemplate::kRoberta
                                          : TextTemplate::kNone};
}

class Golden : public testing::Test {
 protected:
  Golden() : all(read_json(fs::path(LYCEUM_SOURCE_DIR) / "src/text/training/golden/training.json")) {
    write_file(t / "lines.txt", all["lines"].get<std::string>());
  }
  TrainedTokenizer trained(const Json& c) const {
    return train_tokenizer(std::vector<fs::path>{t / "lines.txt"}, options_of(c["options"]));
  }
  Json all;
  TemporaryFolder t;
};

TEST_F(Golden, TheFilesAreThoseThatTheReferenceWrites) {
  for (const Json& c : all["cases"]) {
    SCOPED_TRACE(c["options"].dump());
    const TrainedTokenizer got = trained(c);
    EXPECT_EQ(parse_json(got.tokenizer_json, "ours"), c["file"]);
    EXPECT_EQ(got.tokenizer_json.size(), c["pretty_bytes"].get<std::size_t>());
  }
  EXPECT_EQ(all["cases"].size(), 6u);
}

TEST_F(Golden, TheFolderEncodesAsTheReferencesTokenizer) {
  for (const Json& c : all["cases"]) {
    SCOPED_TRACE(c["options"].dump());
    save_tokenizer(trained(c), t / "folder", true);
    const auto tokenizer = Tokenizer::from_folder(ModelFolder::find((t / "folder").string()));
    const auto texts = all["texts"].get<Texts>();
    for (std::size_t i = 0; i < 2 * texts.size(); ++i) {
      const std::string& text = texts[i % texts.size()];
      const Encoding e = i < texts.size() ? tokenizer->encode(text) : tokenizer->encode_pair(text, texts[1]);
      EXPECT_EQ(e.ids, c["ids"][i].get<std::vector<std::int32_t>>()) << text;
      EXPECT_EQ(e.type_ids, c["types"][i].get<std::vector<std::int32_t>>()) << text;
    }
  }
}

TEST_F(Golden, TheSameBytesForEveryNumberOfThreadsAndOrderOfFiles) {
  // several blocks for every thread
  std::string text;
  while (text.size() < 3'000'000)
    text += all["lines"].get<std::string>() + std::to_string(text.size()) + "\n";
  write_file(t / "many.txt", text);
  for (const Json& c : all["cases"]) {
    std::string first;
    for (const int threads : {1, 2, 3, 7}) {
      if (check::kSanitized && threads > 2) break;
      set_thread_count(threads);
      std::vector<fs::path> files = {t / "many.txt", t / "lines.txt"};
      if (threads % 2 == 0) std::swap(files[0], files[1]);
      const std::string got = train_tokenizer(files, options_of(c["options"])).tokenizer_json;
      if (first.empty()) first = got;
      EXPECT_EQ(got, first) << threads << " threads";
    }
  }
  set_thread_count(0);
}

TEST(TrainTokenizer, BpeByHand) {
  // Words: "ab" and " ab" twice each. Pairs: ab 4; then (space)ab 2.
  const TrainedTokenizer t = train({"ab ab", "ab ab"}, {.vocabulary_size = 300});
  const Json v = vocabulary_of(t);
  EXPECT_EQ(t.vocabulary, 1 + 256 + 2);
  EXPECT_EQ(v["<|endoftext|>"], 0);
  EXPECT_EQ(v["!"], 1) << "the byte whose character has the smallest code point";
  EXPECT_EQ(v["ab"], 257);
  EXPECT_EQ(v["\u0120ab"], 258);
  EXPECT_EQ(t.words, 4u);
  EXPECT_EQ(t.distinct_words, 2u);
}

TEST(TrainTokenizer, WordPieceByHand) {
  // aba 2, ba 1: special tokens, a b, ##a ##b in order, then ##ba 2 before a##b 2 since a = 5 comes first:
  // pairs (a, ##b) 2, (##b, ##a) 2, (b, ##a) 1.
  const TrainedTokenizer t =
      train({"Aba, \u00E1ba", "ba"},
            {.kind = VocabularyKind::kWordPiece, .vocabulary_size = 100, .min_frequency = 2});
  const Json v = vocabulary_of(t);
  const Texts expected = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",",
                          "a",     "b",     "##a",   "##b",   "ab",     "aba"};
  ASSERT_EQ(v.size(), expected.size()) << v;
  for (std::size_t id = 0; id < expected.size(); ++id) EXPECT_EQ(v[expected[id]], id) << expected[id];
  const TrainedTokenizer cased =
      train({"Aba, \u00E1ba", "ba"},
            {.kind = VocabularyKind::kWordPiece, .vocabulary_size = 100, .lowercase = false});
  EXPECT_TRUE(vocabulary_of(cased).contains("A"));
  EXPECT_TRUE(vocabulary_of(cased).contains("\u00E1"));
}

TEST(TrainTokenizer, TheMostFrequentCharactersAreTheAlphabet) {
  // of equally rare ones, the smaller code point; what is left out joins its neighbours
  const TrainedTokenizer t = train(
      {"aXb aXb ab ab zy"},
      {.kind = VocabularyKind::kWordPiece, .vocabulary_size = 100, .lowercase = false, .limit_alphabet = 4});
  const Json v = vocabulary_of(t);
  EXPECT_EQ(t.left_out_characters, 1);
  EXPECT_TRUE(v.contains("X") && v.contains("y") && !v.contains("z"));
  const TrainedTokenizer two = train(
      {"aXb aXb ab ab zy"},
      {.kind = VocabularyKind::kWordPiece, .vocabulary_size = 100, .lowercase = false, .limit_alphabet = 2});
  EXPECT_EQ(vocabulary_of(two)["ab"], 8) << "5 special tokens, a, b, ##b";
}

TEST(TrainTokenizer, FilesOfEveryFormGiveTheSameAsTheirTexts) {
  TemporaryFolder t;
  const std::string text = "one two  three\r\nfour five two\n\none";
  write_file(t / "a.txt", text);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  write_file(t / "a.txt.zst", packed);
  const gzFile gz = gzopen((t / "a.txt.gz").c_str(), "wb");
  gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
  gzclose(gz);
  write_file(
      t / "a.jsonl",
      "{\"body\":\"one two  three\\r\\n\"}\n\n{\"body\":\"four five two\\n\",\"x\":1}\r\n{\"body\":\"\\n\"}\n"
      "{\"body\":\"one\"}");
  const TokenizerTraining o{.vocabulary_size = 270, .min_frequency = 0, .field = "body"};
  const TrainedTokenizer expected = train({"one two  three\r\n", "four five two\n", "\n", "one"}, o);
  for (const char* name : {"a.txt", "a.txt.zst", "a.txt.gz", "a.jsonl"}) {
    const TrainedTokenizer got = train_tokenizer(std::vector<fs::path>{t / name}, o);
    EXPECT_EQ(got.tokenizer_json, expected.tokenizer_json) << name;
    EXPECT_EQ(got.words, expected.words) << name;
  }
  expect_error(Errc::kFormat, "a.jsonl: line 1: key 'text'",
               [&] { train_tokenizer(std::vector<fs::path>{t / "a.jsonl"}, {.vocabulary_size = 270}); });
  write_file(t / "b.jsonl", "{\"text\":\"a\"}\n{\"text\":\n");
  expect_error(Errc::kFormat, "b.jsonl: line 2",
               [&] { train_tokenizer(std::vector<fs::path>{t / "b.jsonl"}, {.vocabulary_size = 270}); });
  expect_error(Errc::kIo, "missing.txt", [&] {
    train_tokenizer(std::vector<fs::path>{t / "a.txt", t / "missing.txt"}, {.vocabulary_size = 270});
  });
}

TEST(TrainTokenizer, InvalidBytesBecomeReplacementCharactersAndAreCounted) {
  TemporaryFolder t;
  write_file(t / "a.txt", "ab\xFF\xC3\ncd \xE2\x82 \xF0\x9F\x98\x80\n");
  const TokenizerTraining o{.vocabulary_size = 300, .min_frequency = 0};
  const TrainedTokenizer got = train_tokenizer(std::vector<fs::path>{t / "a.txt"}, o);
  EXPECT_EQ(got.repaired, 3u);
  EXPECT_EQ(got.tokenizer_json, train({"ab\uFFFD\uFFFD\n", "cd \uFFFD \U0001F600\n"}, o).tokenizer_json);
  EXPECT_EQ(train({"ab\xFF", "c\xFF"}, o).repaired, 2u);
}

TEST(TrainTokenizer, RefusesWhatDoesNotFitTogether) {
  const auto refused = [](Errc code, const std::string& part, const TokenizerTraining& o,
                          const Texts& texts = {"some text"}) {
    expect_error(code, part, [&] { train(texts, o); });
  };
  constexpr auto kWordPiece = VocabularyKind::kWordPiece;
  refused(Errc::kData, "found no word in 0 bytes", {.vocabulary_size = 300}, {});
  refused(Errc::kData, "found no word in 3 bytes", {.kind = kWordPiece, .vocabulary_size = 300}, {" \n\t"});
  refused(Errc::kUsage, "found 0, expected 1 to", {});
  refused(Errc::kUsage,
          "256 tokens asked for, expected at least 257: 1 special tokens and an alphabet of 256",
          {.vocabulary_size = 256});
  refused(Errc::kUsage, "or a smaller --limit-alphabet", {.kind = kWordPiece, .vocabulary_size = 6});
  refused(Errc::kUsage, "'[UNK]' twice",
          {.kind = kWordPiece, .vocabulary_size = 300, .special = {"[UNK]", "[CLS]", "[UNK]", "[SEP]"}});
  refused(Errc::kUsage, "'[SEP]' is missing from [UNK],[CLS]",
          {.kind = kWordPiece, .vocabulary_size = 300, .special = {"[UNK]", "[CLS]"}});
  refused(Errc::kUsage, "empty special token", {.vocabulary_size = 300, .special = {""}});
  refused(Errc::kUsage, "template bert for BPE", {.vocabulary_size = 300, .around = TextTemplate::kBert});
  refused(Errc::kUsage, "template roberta for WordPiece",
          {.kind = kWordPiece, .vocabulary_size = 300, .around = TextTemplate::kRoberta});
  refused(Errc::kUsage, "256 bytes", {.vocabulary_size = 300, .limit_alphabet = 100});
  refused(Errc::kUsage, "found -1, expected 0 to", {.vocabulary_size = 300, .min_frequency = -1});
  refused(Errc::kLimit, "distinct words of more than 10 bytes",
          {.vocabulary_size = 300, .max_word_bytes = 10}, {"many different words"});
  // the least that fits
  EXPECT_EQ(train({"some text"}, {.vocabulary_size = 257}).merges, 0);
}

TEST(TrainTokenizer, SpecialTokensThatStandInTheTextKeepTheirIds) {
  const TrainedTokenizer t =
      train({"ab ab ab"}, {.vocabulary_size = 300, .special = {"ab", "a", "<|endoftext|>"}});
  const Json v = vocabulary_of(t);
  EXPECT_EQ(v["ab"], 0) << "and what is joined to the same text has that id";
  EXPECT_EQ(v["a"], 1) << "and so has the byte";
  EXPECT_EQ(t.alphabet, 255);
  EXPECT_EQ(t.merges, 2);
  EXPECT_EQ(v["\u0120ab"], t.vocabulary - 1);
}

TEST(TrainTokenizer, WritesBothFilesOrNoneAndReplacesOnlyWhenAsked) {
  TemporaryFolder t;
  const TrainedTokenizer got = train({"ab ab"}, {.vocabulary_size = 300});
  save_tokenizer(got, t / "new/folder", false);
  EXPECT_EQ(read_text(t / "new/folder/tokenizer.json"), got.tokenizer_json);
  EXPECT_EQ(std::distance(fs::directory_iterator(t / "new/folder"), fs::directory_iterator()), 2);
  expect_error(Errc::kIo, "--overwrite", [&] { save_tokenizer(got, t / "new/folder", false); });
  save_tokenizer(got, t / "new/folder", true);
  write_file(t / "file", "x");
  expect_error(Errc::kIo, "found a file", [&] { save_tokenizer(got, t / "file", true); });
  const Json config = read_json(t / "new/folder/tokenizer_config.json");
  EXPECT_EQ(config["eos_token"], "<|endoftext|>");
  EXPECT_EQ(config["model_max_length"], 512);
}

TEST(TrainTokenizer, CanBeInterrupted) {
  request_interrupt();
  expect_error(Errc::kInterrupted, "interrupted", [] { train({"some text"}, {.vocabulary_size = 300}); });
  clear_interrupt();
}

}  // namespace
}  // namespace lyceum
