#include "data/records/record_files.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "check/expect_error.h"
#include "check/message_of.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::message_of;

class Records : public testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& bytes) const {
    check::write_file(folder_ / name, bytes);
    return (folder_ / name).string();
  }
  static std::vector<Record> read(const RecordFiles& files) {
    std::vector<Record> out;
    for (std::size_t f = 0; f < files.count(); ++f) {
      const auto reader = files.open(f);
      for (Record record; reader->next(record);) {
        record.file = static_cast<std::uint32_t>(f);
        out.push_back(record);
      }
    }
    return out;
  }
  static std::vector<std::string> texts(const RecordFiles& files) {
    std::vector<std::string> out;
    for (const Record& record : read(files)) out.push_back(files.parse(record).text("text"));
    return out;
  }
  std::vector<std::string> documents(const std::string& text, const std::string& separator) const {
    return texts(RecordFiles({put("a.txt", text)}, {.separator = separator}));
  }
  RecordFields fields(const std::string& json) const {
    const RecordFiles files({put("a.jsonl", json)});
    return files.parse(read(files).at(0));
  }
  check::TemporaryFolder folder_;
};

using Texts = std::vector<std::string>;

TEST_F(Records, AFileWithoutASeparatorIsOneDocumentByteForByte) {
  EXPECT_EQ(documents("one\r\n\n two\n", ""), (Texts{"one\r\n\n two\n"}));
  EXPECT_EQ(documents("", ""), Texts{});
}

TEST_F(Records, SeparatorsCutDocumentsAndEmptyOnesAreNone) {
  EXPECT_EQ(documents("one\ntwo\r\n\n \nthree", "\n"), (Texts{"one", "two", "three"}));
  EXPECT_EQ(documents("a\nb\n\n\n\nc\r\n\r\nd\n", "\n\n"), (Texts{"a\nb", "c", "d"}));
  EXPECT_EQ(documents("\n\n\na\n\n\nb", "\n\n"), (Texts{"a", "b"}));  // an odd number of line feeds
  EXPECT_EQ(documents("\f\na\n\nb\n\f\nc\n\f\n", "\f\n"), (Texts{"a\n\nb", "c"}));
  EXPECT_EQ(documents("a<|end|>b\nc<|end|>\n<|end|>d", "<|end|>"), (Texts{"a", "b\nc", "d"}));
  EXPECT_EQ(documents("a\n--\n--\nb", "\n--\n"), (Texts{"a", "--\nb"}));  // no line is part of two separators
}

TEST_F(Records, APlaceIsTheLineAtWhichADocumentBegins) {
  const RecordFiles files({put("a.txt", "one\ntwo\n\n\nfive\n\nseven")}, {.separator = "\n\n"});
  std::vector<std::int64_t> lines;
  for (const Record& record : read(files)) {
    lines.push_back(record.line);
    EXPECT_EQ(record.number, lines.size() - 1);
  }
  EXPECT_EQ(lines, (std::vector<std::int64_t>{1, 5, 7}));
  EXPECT_EQ(files.where(read(files)[1]), (folder_ / "a.txt").string() + ": line 5");
}

TEST_F(Records, PatternsStandForFilesInTheOrderOfTheirNames) {
  for (const char* name : {"b2.txt", "b10.txt", "b1.txt", "c.md"}) put(name, name);
  std::string text = "zstd";
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 3));
  put("b3.txt.zst", bytes);
  put("[x].txt", "brackets");
  const auto path = [&](const char* name) { return (folder_ / name).string(); };
  EXPECT_EQ(texts(RecordFiles({path("c.md"), path("b*.txt*")})),
            (Texts{"c.md", "b1.txt", "b10.txt", "b2.txt", "zstd"}));
  EXPECT_EQ(texts(RecordFiles({path("[x].txt")})), Texts{"brackets"});
  expect_error(Errc::kIo, "found no file '" + path("d*.txt") + "'", [&] { RecordFiles({path("d*.txt")}); });
  expect_error(Errc::kUsage, "found no files", [] { RecordFiles({}); });
  expect_error(Errc::kUnsupported, "found a name in .json, expected texts, .jsonl",
               [&] { RecordFiles({put("train.json", "{}")}); });
}

TEST_F(Records, JsonFieldsAreNamedWithTheObjectsAroundThem) {
  const RecordFields r = fields(
      R"({"text":"x","n":3,"r":0.5,"yes":true,"none":null,"list":["a","b"],"ids":[1,2],"mixed":[1,2.5],"empty":[],)"
      R"("answers":{"text":["one"],"answer_start":[7]},"spans":[{"text":"u","at":1},{"text":"v","at":2}]})");
  EXPECT_EQ(r.text("text"), "x");
  EXPECT_EQ(r.integer("n", 0, 9), 3);
  EXPECT_EQ(r.number("n"), 3);
  EXPECT_EQ(r.number("r"), 0.5);
  EXPECT_EQ(r.integer("yes", 0, 1), 1);
  EXPECT_FALSE(r.has("none"));
  EXPECT_EQ(r.texts("list"), (Texts{"a", "b"}));
  EXPECT_EQ(r.integers("ids", 0, 9), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(r.numbers("mixed"), (std::vector<double>{1, 2.5}));
  EXPECT_TRUE(r.texts("empty").empty());
  EXPECT_TRUE(r.integers("empty", 0, 1).empty());
  EXPECT_TRUE(r.numbers("empty").empty());
  EXPECT_EQ(r.texts("answers.text"), Texts{"one"});
  EXPECT_EQ(r.texts("spans.text"), (Texts{"u", "v"}));
  EXPECT_EQ(r.integers("spans.at", 0, 9), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(Records, WrongRowsSayPlaceFieldFoundAndExpected) {
  const RecordFields r = fields(R"({"text":7,"n":"3","ids":[1,70000],"odd":[[1]]})");
  const std::string at = (folder_ / "a.jsonl").string() + ": line 1: field ";
  const auto message = [&](auto f) { return message_of(Errc::kData, f); };
  EXPECT_EQ(message([&] { r.text("text"); }), at + "'text': found 7, expected a text");
  EXPECT_EQ(message([&] { r.text("body"); }),
            at + "'body' is missing, expected a text; the record has: ids, n, odd, text");
  EXPECT_EQ(message([&] { r.integer("n", 0, 9); }),
            at + "'n': found \"3\", expected a whole number from 0 to 9");
  EXPECT_EQ(message([&] { r.integer("text", 0, 6); }),
            at + "'text': found 7, expected a whole number from 0 to 6");
  EXPECT_EQ(message([&] { r.token_ids("ids", 65536); }),
            at + "'ids': found 70000 in the list, expected a whole number from 0 to 65535");
  EXPECT_EQ(message([&] { r.texts("odd"); }), at + "'odd': found something else, expected a list of texts");
  expect_error(Errc::kData, "line 1: not JSON", [&] { fields("{\"text\":"); });
  expect_error(Errc::kData, "expected a JSON object", [&] { fields("[1]"); });
  expect_error(Errc::kData, "stands twice", [&] { fields(R"({"a":1,"a":2})"); });
}

TEST_F(Records, ColumnsHaveTheNamesOfTheHeaderOrThoseGiven) {
  const std::string path =
      put("a.tsv", "text\tlabel\tscore\none two\tyes\t0.5\n\nthree\t4\t-1e3\nshort\trow\n");
  const RecordFiles files({path});
  const std::vector<Record> records = read(files);
  ASSERT_EQ(records.size(), 3u);
  const RecordFields first = files.parse(records[0]), second = files.parse(records[1]);
  EXPECT_EQ(first.texts("text"), (Texts{"one", "two"}));
  EXPECT_EQ(first.text("label"), "yes");
  EXPECT_EQ(first.number("score"), 0.5);
  EXPECT_EQ(second.integer("label", 0, 9), 4);
  EXPECT_EQ(second.number("score"), -1000);
  expect_error(Errc::kData, "'label': found \"yes\", expected a whole number",
               [&] { first.integer("label", 0, 9); });
  expect_error(Errc::kData, "line 5: found 2 columns, expected 3", [&] { files.parse(records[2]); });
  const RecordFiles named({path}, {.tsv_has_header = false, .tsv_columns = {"a", "b", "c"}});
  EXPECT_EQ(named.parse(read(named)[0]).text("b"), "label");
  expect_error(Errc::kData, "two columns 'a'", [&] { RecordFiles({put("b.tsv", "a\ta\n")}); });
  expect_error(Errc::kData, "found an empty file", [&] { RecordFiles({put("c.tsv", "")}); });
}

TEST_F(Records, LimitsStopWhatIsNoRecord) {
  const std::string path = put("a.txt", std::string(1000, 'x') + "\n" + std::string(1000, 'y') + "\n\nz");
  const auto all = [&](const RecordOptions& options) {
    return [&, options] { texts(RecordFiles({path}, options)); };
  };
  expect_error(Errc::kLimit, "more than 999 bytes", all({.document_bytes = 999}));
  expect_error(Errc::kLimit, "longer than 999 bytes", all({.separator = "\n", .line_bytes = 999}));
  expect_error(Errc::kLimit, "line 2: found a document of more than 1500 bytes",
               all({.separator = "\n\n", .document_bytes = 1500}));
  expect_error(Errc::kUsage, "a limit of 0 bytes", all({.document_bytes = 0}));
}

}  // namespace
}  // namespace lyceum
