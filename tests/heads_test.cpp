// The verbs fill, classify, tag, answer and rerank as a user runs them.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "check/run_command.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::RunResult;
using nlohmann::json;

std::string golden(const std::string& verb) {
  return LYCEUM_SOURCE_DIR "/src/tasks/" + verb + "/golden/model";
}

class Heads : public testing::Test {
 protected:
  static RunResult run(const std::vector<std::string>& arguments, const std::string& input = "") {
    return check::run_command(LYCEUM_COMMAND, arguments, {.input = input});
  }
  static std::vector<json> objects(const RunResult& r) {
    EXPECT_EQ(r.status, 0) << r.text();
    std::vector<json> out;
    std::istringstream in(r.out);
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
  }
  static void expect_failure(const RunResult& r, int status, const std::string& part) {
    EXPECT_EQ(r.status, status) << r.text();
    EXPECT_NE(r.err.find(part), std::string::npos) << r.text();
    EXPECT_EQ(r.out, "");
  }
  check::TemporaryFolder t;
};

TEST_F(Heads, FillGivesWordsForEachMask) {
  const auto one =
      objects(run({"fill", golden("fill"), "the [MASK] sat on the mat.", "--top", "3", "--json"}));
  ASSERT_EQ(one.size(), 3u);
  for (const char* key : {"token", "id", "score", "text"}) EXPECT_TRUE(one[0].contains(key)) << key;
  EXPECT_FALSE(one[0].contains("mask"));
  EXPECT_GE(one[0]["score"].get<double>(), one[1]["score"].get<double>());
  const auto two = objects(
      run({"fill", golden("fill"), "-", "--targets", "cat,dog", "--json"}, "a [MASK]\n[MASK] [MASK]\n"));
  ASSERT_EQ(two.size(), 6u);
  EXPECT_EQ(two[0]["index"], 0);
  EXPECT_EQ(two[5]["index"], 1);
  EXPECT_EQ(two[5]["mask"], 1);
  expect_failure(run({"fill", golden("fill"), "no mask", "--json"}), 1, "text 1: found no [MASK]");
  expect_failure(run({"fill", golden("tag"), "a [MASK]"}), 3, "serves tag");
}

TEST_F(Heads, ClassifyTakesTextsPairsAndLabelsOfOnesOwn) {
  const std::string model = golden("classify");
  const auto plain = objects(run({"classify", model, "the cat", "--json"}));
  ASSERT_EQ(plain[0]["labels"].size(), 3u);
  EXPECT_GE(plain[0]["labels"][0]["score"].get<double>(), plain[0]["labels"][1]["score"].get<double>());
  EXPECT_EQ(objects(run({"classify", model, "the cat", "--top", "1", "--json"}))[0]["labels"].size(), 1u);
  const auto columns = objects(run({"classify", model, "-", "--pairs", "--json"}, "the cat\ta dog\n"));
  check::write_file(t / "pairs.jsonl", R"({"a":"the cat","b":"a dog"})"
                                       "\n");
  const auto fields = objects(run({"classify", model, "--pairs", "--input", (t / "pairs.jsonl").string(),
                                   "--field", "a", "--pair-field", "b", "--json"}));
  EXPECT_EQ(columns, fields);
  EXPECT_NE(columns[0], plain[0]);
  expect_failure(run({"classify", model, "no tab", "--pairs"}), 1, "line 1: found no tab");
  const auto own = objects(run({"classify", model, "the cat", "--labels", "dog, mat", "--json"}));
  ASSERT_EQ(own[0]["labels"].size(), 2u);
  EXPECT_NEAR(own[0]["labels"][0]["score"].get<double>() + own[0]["labels"][1]["score"].get<double>(), 1,
              1e-6);
  expect_failure(run({"classify", model, "x", "--labels", "a", "--hypothesis-template", "none"}), 2,
                 "place for the label");
  expect_failure(run({"classify", model, "x", "--multi-label"}), 2, "--labels");
}

TEST_F(Heads, TextsThatAreTooLongAreCountedOrRefused) {
  std::string text = "the";
  for (int i = 0; i < 30; ++i) text += " cat";
  const RunResult cut = run({"classify", golden("classify"), text, "--json"});
  EXPECT_TRUE(objects(cut)[0]["truncated"].get<bool>());
  EXPECT_NE(cut.err.find("1 of 1 texts were cut to 24 tokens"), std::string::npos) << cut.err;
  expect_failure(run({"classify", golden("classify"), text, "--no-truncate"}), 1, "more than 24 tokens");
  expect_failure(run({"tag", golden("tag"), text, "--no-truncate"}), 1, "more than 24 tokens");
  const RunResult windows =
      run({"tag", golden("tag"), text, "--aggregation", "simple", "--stride", "4", "--json"});
  EXPECT_FALSE(objects(windows)[0].contains("truncated"));
  check::write_file(t / "passages.txt", text + "\n");
  expect_failure(run({"rerank", golden("rerank"), "a", (t / "passages.txt").string(), "--no-truncate"}), 1,
                 "more than 24 tokens");
}

TEST_F(Heads, TagGivesBytesOfTheLine) {
  const std::string line = "\xc3\xa9 \xff dog";  // é, a byte that is no UTF-8, a word
  const auto got =
      objects(run({"tag", golden("tag"), "-", "--ignore-labels", "none", "--json"}, line + "\n"));
  ASSERT_EQ(got.size(), 1u);
  const json& last = got[0]["entities"].back();
  EXPECT_EQ(last["word"], "dog");
  EXPECT_EQ(last["begin"], 5);
  EXPECT_EQ(last["end"], 8);
  EXPECT_TRUE(last.contains("entity") && last.contains("score") && last.contains("index"));
  expect_failure(run({"tag", golden("tag"), "x", "--stride", "3"}), 2, "aggregation");
}

TEST_F(Heads, AnswerFindsItsContextWhereverItIs) {
  const std::string model = golden("answer"), context = "the cat sat on the mat.";
  check::write_file(t / "context.txt", context);
  const auto option = objects(run({"answer", model, "a cat?", "--context", context, "--json"}));
  ASSERT_EQ(option.size(), 1u);
  const auto begin = option[0]["begin"].get<std::size_t>(), end = option[0]["end"].get<std::size_t>();
  EXPECT_EQ(option[0]["answer"], context.substr(begin, end - begin));
  EXPECT_EQ(objects(run({"answer", model, "a cat?", context, "--json"})), option);
  EXPECT_EQ(
      objects(run({"answer", model, "a cat?", "--context-file", (t / "context.txt").string(), "--json"})),
      option);
  EXPECT_EQ(objects(run({"answer", model, "-", "--pairs", "--json"}, "a cat?\t" + context + "\n")), option);
  EXPECT_EQ(objects(run({"answer", model, "a cat?", "--context", context, "--top", "4", "--json"})).size(),
            4u);
  expect_failure(run({"answer", model, "a cat?"}), 2, "--context");
  expect_failure(run({"answer", model, "a?", "--context", "x", "--pairs"}), 2, "--pairs");
}

TEST_F(Heads, RerankPutsTheBestFirst) {
  check::write_file(t / "p.txt", "a dog ran\nthe cat sat\n\nthe cat sat\n");
  const std::string model = golden("rerank"), file = (t / "p.txt").string();
  const auto all = objects(run({"rerank", model, "the cat", file, "--json"}));
  ASSERT_EQ(all.size(), 4u);
  std::size_t first = 9, second = 9;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) {
      EXPECT_GE(all[i - 1]["score"].get<double>(), all[i]["score"].get<double>());
    }
    if (all[i]["index"] == 1) first = i;
    if (all[i]["index"] == 3) second = i;
  }
  EXPECT_EQ(second, first + 1);  // equal passages, equal scores, in their order
  const auto best = objects(
      run({"rerank", model, "the cat", "-", "--top", "1", "--text", "--json"}, "a dog ran\nthe cat sat\n\n"));
  ASSERT_EQ(best.size(), 1u);
  EXPECT_EQ(best[0]["index"], all[0]["index"]);
  EXPECT_TRUE(best[0].contains("text"));
  expect_failure(run({"rerank", golden("classify"), "q", file}), 3, "found 3 labels");
  expect_failure(run({"rerank", model, "q", (t / "none.txt").string()}), 1, "cannot open");
}

}  // namespace
}  // namespace lyceum
