// The measures that need no model, against the figures of those who defined them: golden/make_measures.py.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "tasks/evaluate/answer_match.h"
#include "tasks/evaluate/binary_scores.h"
#include "tasks/evaluate/entities.h"
#include "tasks/evaluate/v_measure.h"

namespace lyceum {
namespace {

using Sequences = std::vector<std::vector<std::string>>;

// Sums of at most some hundred terms, in double and in another order than the reference's.
constexpr double kDouble = 1e-13;

const Json& golden_values(const char* part) {
  static const Json all = read_json(LYCEUM_SOURCE_DIR "/src/tasks/evaluate/golden/measures.json");
  EXPECT_GE(all.at(part).size(), 40u);
  return all.at(part);
}

TEST(Measures, EntitiesAndTheirScoresEqualSeqeval) {
  for (const Json& c : golden_values("entities")) {
    const auto expected = c.at("expected").get<Sequences>(), found = c.at("found").get<Sequences>();
    EXPECT_EQ(Json(entities_of(found)), c.at("entities")) << c;
    const EntityScores scores = score_entities(expected, found);
    EXPECT_NEAR(scores.precision, c.at("precision").get<double>(), kDouble) << c;
    EXPECT_NEAR(scores.recall, c.at("recall").get<double>(), kDouble) << c;
    EXPECT_NEAR(scores.f1, c.at("f1").get<double>(), kDouble) << c;
    EXPECT_NEAR(scores.accuracy, c.at("accuracy").get<double>(), kDouble) << c;
  }
  const Sequences one = {{"O"}}, two = {{"O", "O"}};
  EXPECT_THROW(score_entities(one, two), Error);
}

TEST(Measures, AnswersAreNormalisedAndScoredAsSquadDefinesIt) {
  for (const Json& c : golden_values("answers")) {
    const auto answer = c.at("answer").get<std::string>();
    const auto given = c.at("given").get<std::vector<std::string>>();
    EXPECT_EQ(normalized_answer(answer), c.at("normalized").get<std::string>()) << c;
    const auto expect = [&](const char* key, SquadVersion version) {
      const AnswerScore score = score_answer(answer, given, version);
      EXPECT_EQ(score.exact, c.at(key)[0].get<double>()) << c;
      EXPECT_NEAR(score.f1, c.at(key)[1].get<double>(), kDouble) << c;
    };
    expect("v2", SquadVersion::k2);
    if (given.empty()) {
      EXPECT_THROW(score_answer(answer, given, SquadVersion::k1), Error);
    } else {
      expect("v1", SquadVersion::k1);
    }
  }
}

TEST(Measures, VMeasureEqualsScikitLearn) {
  for (const Json& c : golden_values("v_measure")) {
    const auto classes = c.at("classes").get<std::vector<std::int32_t>>(),
               clusters = c.at("clusters").get<std::vector<std::int32_t>>();
    const VMeasure found = v_measure(classes, clusters);
    EXPECT_NEAR(found.homogeneity, c.at("scores")[0].get<double>(), kDouble) << c;
    EXPECT_NEAR(found.completeness, c.at("scores")[1].get<double>(), kDouble) << c;
    EXPECT_NEAR(found.v, c.at("scores")[2].get<double>(), kDouble) << c;
  }
  EXPECT_EQ(v_measure({}, {}).v, 1);
  EXPECT_THROW(v_measure(std::vector<std::int32_t>{1}, {}), Error);
}

TEST(Measures, PrecisionAndThresholdsEqualScikitLearnAndSentenceTransformers) {
  for (const Json& c : golden_values("binary")) {
    const auto scores = c.at("scores").get<std::vector<double>>();
    const auto labels = c.at("labels").get<std::vector<std::uint8_t>>();
    if (c.at("ap").is_null()) {
      EXPECT_TRUE(std::isnan(average_precision(scores, labels))) << c;
    } else {
      EXPECT_NEAR(average_precision(scores, labels), c.at("ap").get<double>(), kDouble) << c;
    }
    for (const Better better : {Better::kHigher, Better::kLower}) {
      const Json& want = c.at(better == Better::kHigher ? "higher" : "lower");
      const BestAccuracy accuracy = best_accuracy(scores, labels, better);
      const BestF1 f1 = best_f1(scores, labels, better);
      const double found[] = {accuracy.accuracy, accuracy.threshold, f1.f1,
                              f1.precision,      f1.recall,          f1.threshold};
      for (std::size_t i = 0; i < std::size(found); ++i)
        EXPECT_NEAR(found[i], want[i].get<double>(), kDouble) << "value " << i << " of " << c;
    }
  }
  EXPECT_THROW(average_precision(std::vector<double>{1}, {}), Error);
}

}  // namespace
}  // namespace lyceum
