#include "tasks/classify/classify.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/tasks/classify/golden";

void expect_labels(const Classification& got, const Json& want) {
  ASSERT_EQ(got.labels.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got.labels[i].label, want[i][0].get<std::string>());
    EXPECT_NEAR(got.labels[i].score, want[i][1].get<float>(), 5e-6);  // one layer of width 8
  }
}

// transformers made them: ../common/golden/make_golden.py.
TEST(Classify, LabelsAndScoresAreThePipelines) {
  const TextClassifier classifier = TextClassifier::load((kGolden / "model").string());
  const Json expected = read_json(kGolden / "expected.json");
  const auto texts = expected["texts"].get<std::vector<std::string>>();
  for (const auto& [name, function] :
       {std::pair("softmax", ScoreFunction::kSoftmax), std::pair("softmax", ScoreFunction::kDefault),
        std::pair("sigmoid", ScoreFunction::kSigmoid), std::pair("none", ScoreFunction::kNone)}) {
    SCOPED_TRACE(name);
    const auto got = classifier.classify(texts, {.function = function});
    for (std::size_t i = 0; i < texts.size(); ++i) expect_labels(got[i], expected[name][i]);
  }
  const auto pairs = expected["pairs"].get<std::vector<std::pair<std::string, std::string>>>();
  const auto got = classifier.classify_pairs(pairs);
  for (std::size_t i = 0; i < pairs.size(); ++i) expect_labels(got[i], expected["of_pairs"][i]);
}

TEST(Classify, LabelsOfOnesOwnAreTheZeroShotPipelines) {
  const TextClassifier classifier = TextClassifier::load((kGolden / "model").string());
  const Json expected = read_json(kGolden / "expected.json");
  for (const Json& c : expected["zero_shot"]) {
    SCOPED_TRACE(c.dump());
    const std::string text = c["text"].get<std::string>();
    ZeroShotOptions options;
    options.labels = c["labels"].get<std::vector<std::string>>();
    options.multi_label = c["multi_label"].get<bool>();
    expect_labels(classifier.zero_shot(std::span(&text, 1), options)[0], c["expected"]);
  }
}

TEST(Classify, TheCheckpointSaysHowScoresAreMade) {
  check::TemporaryFolder folder;
  const std::string text = "the cat";
  const auto sum = [&](std::int64_t labels, const std::string& problem_type, ScoreFunction function) {
    check::write_tiny_bert(
        folder.path(),
        {.architecture = "BertForSequenceClassification", .labels = labels, .problem_type = problem_type});
    double total = 0;
    const auto c = TextClassifier::load(folder.path().string()).classify(text, {.function = function});
    for (const LabelScore& label : c.labels) total += label.score;
    return total;
  };
  for (const auto& [labels, problem_type, function] :
       {std::tuple(3, "", ScoreFunction::kSoftmax), std::tuple(1, "", ScoreFunction::kSigmoid),
        std::tuple(1, "regression", ScoreFunction::kNone), std::tuple(3, "regression", ScoreFunction::kNone),
        std::tuple(3, "multi_label_classification", ScoreFunction::kSigmoid),
        std::tuple(3, "single_label_classification", ScoreFunction::kSoftmax)})
    EXPECT_EQ(sum(labels, problem_type, ScoreFunction::kDefault), sum(labels, problem_type, function))
        << labels << " " << problem_type;
}

TEST(Classify, OnlyTheBestLabelsOnRequestAndCutTextsSaySo) {
  const TextClassifier classifier = TextClassifier::load((kGolden / "model").string());
  std::string text = "the";
  const Classification all = classifier.classify(text), one = classifier.classify(text, {.top = 1});
  ASSERT_EQ(one.labels.size(), 1u);
  EXPECT_EQ(one.labels[0].label, all.labels[0].label);
  EXPECT_FALSE(all.truncated);
  for (int i = 0; i < 30; ++i) text += " cat";
  EXPECT_TRUE(classifier.classify(text).truncated);
}

TEST(Classify, TemplatesHaveOnePlaceAndBracesCanBeWritten) {
  EXPECT_EQ(hypothesis("This example is {}.", "new"), "This example is new.");
  EXPECT_EQ(hypothesis("{{{}}} {{}}", "x"), "{x} {}");
  for (const char* wrong : {"no place", "", "{", "}", "{} and {}", "{label}", "{}}"})
    expect_error(Errc::kUsage, "hypothesis template", [&] { hypothesis(wrong, "x"); });
  const std::vector<std::string> labels{"no", "ENTAILMENT", "entailed"};
  EXPECT_EQ(entailment_label(labels), 1);
  EXPECT_EQ(entailment_label(std::span(labels).first(1)), -1);
}

}  // namespace
}  // namespace lyceum
