// Pairs, clustering, reranking, tagging and answering on small folders of data.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/interrupt.h"
#include "base/json.h"
#include "tasks/evaluate/evaluate_test_fixture.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

EvaluatedModel golden_model(const std::string& task) {
  return {ModelFolder::find(LYCEUM_SOURCE_DIR "/src/tasks/" + task + "/golden/model"), {}};
}

// golden/make_measures.py
std::map<std::string, double> golden_scores(const std::string& task) {
  const Json all = read_json(LYCEUM_SOURCE_DIR "/src/tasks/evaluate/golden/measures.json");
  std::map<std::string, double> out;
  for (const auto& [metric, value] : all.at("fixture")[0].at(task).items())
    out[task + " " + metric] = value.get<double>();
  return out;
}

TEST_F(Evaluate, PairsEqualSentenceTransformers) {
  const auto expected = golden_scores("same");
  const auto found = scores(kFixture, "same");
  EXPECT_EQ(found.size(), expected.size());
  expect_scores(found, expected, 10 * kF32);  // thresholds are distances of up to ten
  EXPECT_EQ(examples_["same"], 14);
}

TEST_F(Evaluate, RerankingByVectorsEqualsSentenceTransformers) {
  std::string messages;
  set_log_sink([&](LogLevel, std::string_view line) { messages += std::string(line) + "\n"; });
  const auto found = scores(kFixture, "found");
  EXPECT_EQ(found.size(), 2u);
  expect_scores(found, golden_scores("found"), kDouble);
  EXPECT_EQ(examples_["found"], 5);
  EXPECT_TRUE(has(messages, "5 of 6 queries have both relevant and other passages")) << messages;
  EXPECT_EQ(encoder_.calls[TextRole::kPlain], 0);
}

TEST_F(Evaluate, PassagesOfEqualScoreStandInTheOrderOfTheFile) {
  const auto line = [](const char* sentence, int label) {
    return Json{{"query", "a b"}, {"sentence", sentence}, {"label", label}}.dump() + "\n";
  };
  put("ties/test.jsonl", line("a b", 0) + line("a b", 1) + line("c", 0));
  const auto found = scores(folder_.path(), "ties");
  EXPECT_EQ(found.at("ties mrr@10"), 0.5);
  EXPECT_EQ(found.at("ties map"), 0.5);  // the two pass one threshold together
}

TEST_F(Evaluate, RerankingByACrossEncoderEqualsSentenceTransformers) {
  EvaluatedModel model = golden_model("rerank");
  expect_scores(scores(model, kFixture, "asked"), golden_scores("asked"), kDouble);
  EXPECT_EQ(examples_["asked"], 6);
  EvaluatedModel labels = golden_model("classify");  // three of them: its vectors rank
  EXPECT_EQ(labels.cross_encoder(), nullptr);
  EXPECT_EQ(scores(labels, kFixture, "asked").size(), 2u);
}

TEST_F(Evaluate, TaggingEqualsSeqevalOnTheLabelsOfTransformers) {
  std::string warnings;
  set_log_sink([&](LogLevel, std::string_view line) { warnings += std::string(line) + "\n"; });
  EvaluatedModel model = golden_model("tag");
  const auto expected = golden_scores("words");
  const auto found = scores(model, kFixture, "words");
  EXPECT_EQ(found.size(), 4u);
  expect_scores(found, expected, kDouble);
  EXPECT_TRUE(has(warnings, "of 73 words are not read by the model, which takes 24 tokens")) << warnings;

  std::string slots;  // the same in the other form, and with a label for a class besides
  for_each_record(kFixture / "words/test.jsonl", [&](const JsonFields& r) {
    const LabelledWords words = labelled_words(r);
    const auto joined = [](const std::vector<std::string>& parts) {
      std::string out;
      for (const std::string& part : parts) out += (out.empty() ? "" : " ") + part;
      return out;
    };
    slots +=
        Json{{"intent", "x"}, {"text", joined(words.words)}, {"slots", joined(words.labels)}}.dump() + "\n";
  });
  put("words/test.jsonl", slots);
  EXPECT_EQ(scores(model, folder_.path(), "words"), found);
  // a model that does not label tokens has its vectors clustered
  EXPECT_EQ(scores(folder_.path(), "words").count("words v_measure"), 1u);
  EXPECT_TRUE(has(complaint("words", Errc::kUnsupported, {.form = TaskForm::kTagging}), "head"));
}

TEST_F(Evaluate, ClusteringIsTheMeanOverSeeds) {
  std::string lines;
  for (const char* topic : {"red", "green", "blue"})
    for (int i = 0; i < 10; ++i)
      lines += Json{{"label", topic},
                    {"text", std::string(topic) + " " + topic + " " + topic + " " + std::to_string(i)}}
                   .dump() +
               "\n";
  put("apart/test.jsonl", lines);
  const auto apart = scores(folder_.path(), "apart");
  EXPECT_EQ(apart.size(), 2u) << "without a train split there is nothing but clustering";
  EXPECT_EQ(apart.at("apart v_measure"), 1);
  EXPECT_EQ(apart.at("apart v_measure_std"), 0);

  const auto of = [&](std::uint64_t seed, std::int64_t repeats) {
    return scores(kFixture, "topics", {.repeats = repeats, .seed = seed, .form = TaskForm::kClustering},
                  "train");
  };
  const auto first = of(3, 1), second = of(4, 1), both = of(3, 2);
  const double a = first.at("topics v_measure"), b = second.at("topics v_measure");
  EXPECT_NE(a, b);
  EXPECT_NEAR(both.at("topics v_measure"), (a + b) / 2, kDouble);
  EXPECT_NEAR(both.at("topics v_measure_std"), std::abs(a - b) / 2, 1e-7);  // a difference of squares
  EXPECT_EQ(of(3, 2), both);
  EXPECT_EQ(scores(kFixture, "topics").size(), 4u) << "classification and clustering";
  EXPECT_EQ(scores(kFixture, "topics", {.form = TaskForm::kClassification}).size(), 2u);
  put("pairs/test.jsonl", R"({"sentence1":"x","sentence2":"y","score":1})");
  EXPECT_TRUE(has(complaint("pairs", Errc::kUsage, {.form = TaskForm::kClustering}), "no clustering task"));
  EXPECT_TRUE(has(complaint("apart", Errc::kUsage, {.repeats = 0}), "repeats: found 0"));
}

TEST_F(Evaluate, AnswersAreComparedInEitherVersionAndForm) {
  EvaluatedModel model = golden_model("answer");
  const std::string context = "the cat sat on the mat.", question = "a cat?";
  const std::string answer =
      model.answerer()
          .answer(std::vector<Question>{{question, context}}, {.max_answer_tokens = 30})[0][0]
          .answer;
  ASSERT_FALSE(answer.empty());
  const auto record = [&](const Json& answers) {
    return Json{{"question", question}, {"context", context}, {"answers", answers}}.dump() + "\n";
  };
  put("one/test.jsonl", record({{"text", {"zebra", answer}}}) + record({{{"text", "zebra"}}}));
  const auto one = scores(model, folder_.path(), "one");
  EXPECT_EQ(one.size(), 2u);
  EXPECT_EQ(one.at("one exact_match"), 0.5);
  EXPECT_EQ(one.at("one f1"), 0.5);

  // SQuAD's own file
  const Json qas = {{{"question", question}, {"answers", {{{"text", answer}}}}},
                    {{"question", question}, {"answers", {{{"text", "zebra"}}}}}};
  put("whole/test-v1.1.json",
      Json{{"version", "1.1"}, {"data", {{{"paragraphs", {{{"context", context}, {"qas", qas}}}}}}}}.dump());
  const auto whole = scores(model, folder_.path(), "whole");
  EXPECT_EQ(whole.at("whole exact_match"), 0.5);

  put("two/test.jsonl", record({{"text", {answer}}}) + record({{"text", Json::array()}}));
  const auto two = scores(model, folder_.path(), "two");
  EXPECT_EQ(two.size(), 6u);
  // the model says one thing to the same question, so it is right about one of the two
  EXPECT_EQ(two.at("two HasAns_exact") + two.at("two NoAns_exact"), 1);
  EXPECT_EQ(two.at("two exact"), 0.5);
  EXPECT_TRUE(has(complaint("two", Errc::kUnsupported), "head"));
}

TEST_F(Evaluate, BadRecordsOfTheseFormsNameTheirFileAndLine) {
  const auto after = [&](const std::string& folder, const std::string& good, const std::string& bad,
                         Errc code) {
    put(folder + "/test.jsonl", good + "\n" + bad + "\n");
    EvaluatedModel model = golden_model(folder == "words" ? "tag" : "answer");
    try {
      folder == "words" || folder == "asked" ? scores(model, folder_.path(), folder)
                                             : scores(folder_.path(), folder);
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string pair = R"({"sentence1":"x","sentence2":"y","label":1})";
  EXPECT_TRUE(has(after("same", pair, R"({"sentence1":"x","sentence2":"y","label":2})", Errc::kFormat),
                  "line 2: 'label': found 2, expected 0 or 1"));
  EXPECT_TRUE(has(after("same", pair, R"({"sentence1":"x","sentence2":"y"})", Errc::kFormat),
                  "line 2: key 'label' is missing"));
  const std::string passage = R"({"query":"x","passage":"y","label":true})";
  EXPECT_TRUE(has(after("found", passage, R"({"query":"x","label":1})", Errc::kFormat),
                  "line 2: found neither 'sentence' nor 'passage', expected one of them"));
  EXPECT_TRUE(has(after("found", passage, passage, Errc::kData), "found no query with both"));
  const std::string words = R"({"tokens":["x"],"tags":["O"]})";
  EXPECT_TRUE(has(after("words", words, R"({"tokens":["x","y"],"tags":["O"]})", Errc::kFormat),
                  "line 2: found 2 words and 1 labels"));
  EXPECT_TRUE(
      has(after("words", words, R"({"tokens":["x"],"tags":[""]})", Errc::kFormat), "line 2: found an empty"));
  EXPECT_TRUE(has(after("words", words, R"({"tokens":["x"]})", Errc::kFormat),
                  "found neither 'tags' nor 'ner_tags' nor 'labels'"));
  const std::string asked = R"({"question":"x","context":"y","answers":{"text":["y"]}})";
  EXPECT_TRUE(has(after("asked", asked, R"({"question":"x","context":"y","answers":"y"})", Errc::kFormat),
                  "line 2: 'answers'"));
}

}  // namespace
}  // namespace lyceum
