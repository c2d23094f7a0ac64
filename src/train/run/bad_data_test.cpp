// Training data as people and machines break them: what is wrong is said with its place before the first
// step, or the record is left out and counted where the recipe says so. Nothing is computed, nothing is
// saved.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "train/run/trainer.h"

namespace lyceum {
namespace {
namespace fs = std::filesystem;

using Settings = std::vector<std::string>;

class CountingWatch final : public TrainObserver {
 public:
  void on_step(const StepReport&) override { ++steps; }
  void on_valid(const ValidReport&) override {}
  void on_message(std::string_view line) override { messages += std::string(line) + "\n"; }
  int steps = 0;
  std::string messages;
};

// gzip of 24 bytes, and zstd of the same, both cut short
const std::string kCutGzip("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x2a\x49\xad", 15);
const std::string kCutZstd("\x28\xb5\x2f\xfd\x04\x58\xc1\x00\x00\x7b\x22\x74\x65", 13);

enum class Task { kClasses, kNumber, kTags, kAnswers, kPairs, kWords, kNextWord };

bool is_corpus(Task task) { return task == Task::kWords || task == Task::kNextWord; }

// Settings of each task, and a good record.
struct TaskData {
  const char *kind, *good;
  Settings more;
};
TaskData data_of(Task task) {
  switch (task) {
    case Task::kClasses:
      return {"classification", R"({"text":"the cat","label":"a"})", {"data.labels=[\"a\",\"b\"]"}};
    case Task::kNumber:
      return {"regression", R"({"text":"the cat","label":1.5})", {"objective.score_range=[0,5]"}};
    case Task::kTags:
      return {"tagging", R"({"tokens":["the","cat"],"tags":["a","b"]})", {"data.labels=[\"a\",\"b\"]"}};
    case Task::kAnswers:
      return {"answering",
              R"({"question":"the","context":"the cat sat","answers":{"text":["cat"],"answer_start":[4]}})",
              {"data.stride=1"}};
    case Task::kPairs:
      return {
          "pairs", R"({"sentence1":"the cat","sentence2":"a dog","score":0.5})", {"objective.loss=cosine"}};
    case Task::kWords:
      return {
          "masked_lm", R"({"text":"the cat sat on the mat"})", {"train.context_tokens=8", "train.steps=12"}};
    case Task::kNextWord:
      return {"causal_lm",
              R"({"text":"the cat sat on the mat and on the mat"})",
              {"train.context_tokens=8", "train.steps=12"}};
  }
  return {};
}

class BadData : public testing::Test {
 protected:
  BadData() { check::write_tiny_bert(t_ / "body", {.layers = 1, .max_positions = 128}); }

  // Trains on the file, whose first record is the bad one unless the bytes say otherwise.
  void go(Task task, const std::string& name, Settings settings = {}) {
    watch_ = {};
    const TaskData data = data_of(task);
    const bool is_next_word = task == Task::kNextWord;
    settings.insert(settings.begin(), data.more.begin(), data.more.end());
    const std::string toml = fmt::format(
        R"([model]
{}
[data]
folder = "{}"
train = ["{}"]
shuffle = false
[objective]
kind = "{}"
[train]
steps = 2
batch_sequences = 1
[output]
directory = "{}"
)",
        is_next_word ? "family = \"gpt2\"\nconfig = { n_layer = 1, n_embd = 8, n_head = 2, n_positions = 16 "
                       "}\ntokenizer = \"bytes\""
                     : "from = \"" + (t_ / "body").string() + "\"",
        t_.path().string(), name, data.kind, (t_ / "run").string());
    fs::remove_all(t_ / "run");
    train(parse_recipe(toml, "r.toml", settings), {.observer = &watch_});
  }
  void expect_nothing_done() const {
    EXPECT_EQ(watch_.steps, 0);
    EXPECT_FALSE(fs::exists(t_ / "run/checkpoints"));
    EXPECT_FALSE(fs::exists(t_ / "run/model"));
  }

  check::TemporaryFolder t_;
  CountingWatch watch_;
};

struct BadRecord {
  Task task;
  std::string record, part;  // part: of the message, behind the place
};
const std::vector<BadRecord>& bad_records() {
  using enum Task;
  static const std::vector<BadRecord> records = {
      {kClasses, R"({"text":"the cat","label":"a")", ""},
      {kClasses, R"(["the cat","a"])", ""},
      {kClasses, "the cat\ta", ""},
      {kClasses, "{}", "field 'text' is missing"},
      {kClasses, R"({"label":"a"})", "field 'text' is missing, expected a text; the record has: label"},
      {kClasses, R"({"text":null,"label":"a"})", "field 'text' is missing"},
      {kClasses, R"({"text":3,"label":"a"})", "field 'text': found 3, expected a text"},
      {kClasses, R"({"text":["a"],"label":"a"})", "field 'text': found a list of 1 texts"},
      {kClasses, R"({"text":"the cat"})", "field 'label' is missing"},
      {kClasses, R"({"text":"the cat","label":"c"})", "found the label 'c', expected one of 2"},
      {kClasses, R"({"text":"the cat","label":2})", "found the label '2', expected one of 2"},
      {kClasses, R"({"text":"the cat","label":-1})", "found the label '-1'"},
      {kClasses, R"({"text":"the cat","label":0.5})", "field 'label': found 0.5"},
      {kClasses, R"({"text":"the cat","label":[]})", "field 'label'"},
      {kClasses, R"({"text":"the cat","label":["a","b"]})", "expected one label"},
      {kClasses, R"({"text":"the cat","label":{"a":1}})", "field 'label' is missing"},
      {kClasses, "{\"text\":\"the \xff\xc3 cat\",\"label\":\"a\"}", ""},
      {kClasses, std::string("{\"text\":\"the\0cat\",\"label\":\"a\"}", 30), ""},
      {kClasses, std::string(40, '\0'), ""},
      {kClasses, std::string(2000, '['), ""},
      {kClasses, R"({"text":"the cat","label":99999999999999999999999999})", "field 'label'"},
      {kNumber, R"({"text":"the cat","label":"good"})", "field 'label': found \"good\", expected a number"},
      {kNumber, R"({"text":"the cat","label":NaN})", ""},
      {kNumber, R"({"text":"the cat","label":1e999})", ""},
      {kNumber, R"({"text":"the cat","label":5.5})", "5.5"},
      {kNumber, R"({"text":"the cat","label":true})", "field 'label': found true"},
      {kTags, R"({"tokens":["the","cat"],"tags":["a"]})", "found 2 words in 'tokens' and 1 labels in 'tags'"},
      {kTags, R"({"tokens":"the cat sat","tags":"a b"})", "found 3 words in 'tokens' and 2 labels in 'tags'"},
      {kTags, R"({"tokens":7,"tags":"a b"})", "field 'tokens': found 7, expected a list of words, or a text"},
      {kTags, R"({"tokens":["the",1],"tags":["a","b"]})", "field 'tokens'"},
      {kTags, R"({"tokens":["the","cat"],"tags":["a","x"]})", "found the label 'x'"},
      {kAnswers, R"({"question":"the","context":"the cat","answers":{"text":["cat"],"answer_start":[400]}})",
       "answer"},
      {kAnswers, R"({"question":"the","context":"the cat","answers":{"text":["cat"],"answer_start":[-1]}})",
       "answer"},
      {kAnswers,
       R"({"question":"the","context":"the cat","answers":{"text":["cat","the"],"answer_start":[4]}})",
       "answer"},
      {kAnswers, R"({"question":"the"})", "field 'context' is missing"},
      {kPairs, R"({"sentence1":"the cat","score":0.5})", "field 'sentence2' is missing"},
      {kPairs, R"({"sentence1":"the cat","sentence2":"a dog"})", "field 'score' is missing"},
      {kWords, R"({"txt":"the cat sat"})", "field 'text' is missing"},
      {kWords, R"({"input_ids":[1,2,99999999]})", "99999999"},
      {kWords, R"({"input_ids":"the"})", "field 'input_ids'"},
      {kNextWord, R"({"input_ids":[1,2,256]})", "256"},
      {kNextWord, R"({"text":{"a":1}})", "field 'text' is missing"},
  };
  return records;
}

TEST_F(BadData, ARecordIsNamedByItsPlaceBeforeTheFirstStep) {
  for (const BadRecord& bad : bad_records()) {
    SCOPED_TRACE(bad.record.substr(0, 100));
    const std::string good = data_of(bad.task).good;
    check::write_file(t_ / "rows.jsonl", good + "\n" + bad.record + "\n" + good + "\n");
    check::expect_error(Errc::kData, bad.part, [&] { go(bad.task, "rows.jsonl"); });
    check::expect_error(Errc::kData, "rows.jsonl: line 2", [&] { go(bad.task, "rows.jsonl"); });
    if (!is_corpus(bad.task)) expect_nothing_done();
  }
}

TEST_F(BadData, ARecordIsLeftOutAndCountedWhereTheRecipeSaysSo) {
  for (const BadRecord& bad : bad_records()) {
    SCOPED_TRACE(bad.record.substr(0, 100));
    const std::string good = data_of(bad.task).good;
    check::write_file(t_ / "rows.jsonl", good + "\n" + bad.record + "\n" + good + "\n" + good + "\n");
    go(bad.task, "rows.jsonl", {"data.skip_bad_records=true"});
    EXPECT_EQ(watch_.steps, is_corpus(bad.task) ? 12 : 2);
    if (is_corpus(bad.task)) continue;  // it is not read before
    EXPECT_NE(watch_.messages.find("data.train: 1 of 4 records are wrong and left out; the first: "),
              std::string::npos)
        << watch_.messages;
    EXPECT_NE(watch_.messages.find("rows.jsonl: line 2"), std::string::npos) << watch_.messages;
  }
}

TEST_F(BadData, AValidationRecordIsNamedBeforeTheFirstStepToo) {
  for (const Task task : {Task::kClasses, Task::kWords}) {
    const std::string good = data_of(task).good;
    check::write_file(t_ / "rows.jsonl", good + "\n" + good + "\n");
    check::write_file(t_ / "valid.jsonl", good + "\n{}\n");
    check::expect_error(Errc::kData, "valid.jsonl: line 2: field 'text' is missing", [&] {
      go(task, "rows.jsonl", {"data.valid=valid.jsonl", "train.valid_every=2"});
    });
    expect_nothing_done();
  }
}

// ---- Files as a whole, for records of classes

struct BadFile {
  std::string name, bytes;
  Errc code;
  std::string part;
  Settings settings = {};
};

TEST_F(BadData, AFileIsNamedBeforeTheFirstStepAndIsNeverSkipped) {
  const std::string good = data_of(Task::kClasses).good;
  const std::vector<BadFile> files = {
      {"empty.jsonl", "", Errc::kData, "empty.jsonl"},
      {"blank.jsonl", "\n \n\t\n", Errc::kData, "blank.jsonl"},
      {"cut.jsonl.gz", kCutGzip, Errc::kFormat, "cut.jsonl.gz"},
      {"cut.jsonl.zst", kCutZstd, Errc::kFormat, "cut.jsonl.zst"},
      {"none.jsonl.gz", good, Errc::kFormat, "none.jsonl.gz"},
      {"none.jsonl.zst", good, Errc::kFormat, "none.jsonl.zst"},
      {"empty.jsonl.gz", "", Errc::kData, "empty.jsonl.gz"},
      {"long.jsonl", good + "\n{\"text\":\"" + std::string(std::size_t{17} << 20, 'x') + "\"}\n",
       Errc::kLimit, "long.jsonl: line"},
      {"nothing.tsv", "", Errc::kData, "nothing.tsv: found an empty file"},
      {"twice.tsv", "text\ttext\nthe cat\ta\n", Errc::kData, "found two columns 'text'"},
      {"columns.tsv",
       "text\tlabel\nthe cat\ta\n",
       Errc::kData,
       "found 2 columns, expected the 3",
       {"data.columns=[\"text\",\"label\",\"more\"]"}},
      {"rows.csv", "text,label\nthe cat,a\n", Errc::kUnsupported, "rows.csv: found a name in .csv"},
      {"rows.json", "[" + good + "]", Errc::kUnsupported, "rows.json: found a name in .json"},
      {"rows.tokens", "not a cache", Errc::kFormat, "rows.tokens"},
  };
  for (const BadFile& bad : files)
    for (const char* skip : {"false", "true"}) {
      SCOPED_TRACE(bad.name + ", skip_bad_records = " + skip);
      check::write_file(t_ / bad.name, bad.bytes);
      Settings settings = bad.settings;
      settings.push_back(std::string("data.skip_bad_records=") + skip);
      check::expect_error(bad.code, bad.part, [&] { go(Task::kClasses, bad.name, settings); });
      expect_nothing_done();
    }
  check::expect_error(Errc::kIo, "nowhere.jsonl", [&] { go(Task::kClasses, "nowhere.jsonl"); });
  fs::create_directory(t_ / "folder.jsonl");
  check::expect_error(Errc::kIo, "folder.jsonl", [&] { go(Task::kClasses, "folder.jsonl"); });
}

TEST_F(BadData, RowsOfWrongColumnsAreRecords) {
  check::write_file(t_ / "rows.tsv", "text\tlabel\nthe cat\ta\nthe cat\ta\tb\nthe cat\nthe cat\tb\n");
  check::expect_error(Errc::kData, "rows.tsv: line 3", [&] { go(Task::kClasses, "rows.tsv"); });
  expect_nothing_done();
  go(Task::kClasses, "rows.tsv", {"data.skip_bad_records=true"});
  EXPECT_EQ(watch_.steps, 2);
  EXPECT_NE(watch_.messages.find("data.train: 2 of 4 records are wrong and left out"), std::string::npos)
      << watch_.messages;
}

TEST_F(BadData, WhereEveryRecordIsBadNothingIsLearnt) {
  check::write_file(t_ / "rows.jsonl", "{}\n{\"text\":1}\n");
  for (const Task task : {Task::kClasses, Task::kTags, Task::kPairs, Task::kWords, Task::kNextWord}) {
    SCOPED_TRACE(data_of(task).kind);
    check::expect_error(Errc::kData, "found no example in a whole epoch",
                        [&] { go(task, "rows.jsonl", {"data.skip_bad_records=true"}); });
    if (!is_corpus(task))
      check::expect_error(Errc::kData, "2 of 2 records are wrong and left out; the first: ", [&] {
        go(task, "rows.jsonl", {"data.skip_bad_records=true"});
      });
    expect_nothing_done();
  }
}

TEST_F(BadData, TextsOfAnyBytesAreTexts) {
  const std::string odd = std::string("the \xff\xc3 cat\0 sat\n\n", 17);
  std::string text;
  for (int i = 0; i < 20; ++i) text += odd;
  check::write_file(t_ / "odd.txt", text);
  for (const Task task : {Task::kWords, Task::kNextWord}) {
    go(task, "odd.txt");
    EXPECT_EQ(watch_.steps, 12);
  }
  for (const char* nothing : {"", "\n\n\n", " \f\n\t\n"}) {
    check::write_file(t_ / "none.txt", nothing);
    SCOPED_TRACE(::testing::PrintToString(nothing));
    check::expect_error(Errc::kData, "none.txt",
                        [&] { go(Task::kWords, "none.txt", {"data.separator=\"\\n\""}); });
    expect_nothing_done();
  }
}

}  // namespace
}  // namespace lyceum
