#include "tasks/evaluate/classifiers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/parallel.h"

namespace lyceum {
namespace {

TEST(Classifiers, TheMajorityWinsThenTheSumOfSimilaritiesThenTheSmallerClass) {
  const std::vector<std::int32_t> classes = {0, 1, 2, 2, 1, 0};
  const auto voted = [&](std::vector<Hit> hits) { return vote(hits, classes); };
  EXPECT_EQ(voted({{0.9f, 0}, {0.2f, 2}, {0.1f, 3}}), 2);             // two weak ones against a strong one
  EXPECT_EQ(voted({{0.9f, 0}, {0.8f, 1}, {0.7f, 4}, {0.1f, 5}}), 1);  // 1.5 against 1.0
  EXPECT_EQ(voted({{0.5f, 3}, {0.5f, 1}}), 1);                        // equal in both
  EXPECT_EQ(voted({{-0.1f, 0}, {-0.9f, 1}}), 0);
  EXPECT_THROW(voted({}), Error);
}

Tensor points(int first, int count) {
  std::vector<float> values;
  for (int i = first; i < first + count; ++i)
    for (int d = 0; d < 5; ++d) values.push_back(static_cast<float>(std::sin(7 * i + 3 * d + d * d * i)));
  return Tensor::of<float>({count, 5}, values);
}

// scikit-learn 1.9.1, OneVsRestClassifier(LogisticRegression(solver="liblinear", C=C)), golden/make_golden.py
TEST(Classifiers, TheProbePredictsWhatScikitLearnPredicts) {
  const std::vector<std::int32_t> two = {1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0,
                                         0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1};
  const std::vector<std::int32_t> three_weak = {0, 0, 1, 2, 0, 2, 0, 0, 2, 0, 0, 1,
                                                0, 0, 2, 0, 2, 1, 0, 0, 2, 0, 0, 2};
  const std::vector<std::int32_t> three_strong = {0, 0, 1, 2, 0, 2, 0, 0, 2, 0, 0, 1,
                                                  0, 0, 2, 0, 2, 1, 0, 0, 2, 0, 1, 2};
  const auto predicted = [](int classes, double c) {
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 30; ++i) labels.push_back((i + i / 4) % classes);
    return LogisticProbe(points(0, 30), labels, classes, c).predict(points(100, 24));
  };
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(predicted(2, 0.05), two);
    EXPECT_EQ(predicted(2, 20), two);
    EXPECT_EQ(predicted(3, 0.05), three_weak);
    EXPECT_EQ(predicted(3, 20), three_strong);
  }
  set_thread_count(0);
}

TEST(Classifiers, TheProbeRefusesWhatItCannotLearnFrom) {
  EXPECT_THROW(LogisticProbe(points(0, 4), std::vector<std::int32_t>{0, 0, 0, 0}, 1, 1), Error);
  EXPECT_THROW(LogisticProbe(points(0, 4), std::vector<std::int32_t>{0, 0, 0, 0}, 2, 1),
               Error);  // class 1 never occurs
  EXPECT_THROW(LogisticProbe(points(0, 4), std::vector<std::int32_t>{0, 1, 0, 1}, 2, 0), Error);
  EXPECT_THROW(LogisticProbe(points(0, 4), std::vector<std::int32_t>{0, 1, 0, 1}, 2, HUGE_VAL), Error);
  EXPECT_THROW(LogisticProbe(points(0, 4), std::vector<std::int32_t>{0, 1, 0, 1}, 2, std::nan("")), Error);
}

TEST(Classifiers, AccuracyIsTheShareOfEqualEntries) {
  EXPECT_EQ(accuracy(std::vector<std::int32_t>{1, 2, 3, 4}, std::vector<std::int32_t>{1, 2, 0, -1}), 0.5);
  EXPECT_TRUE(std::isnan(accuracy({}, {})));
  EXPECT_THROW(accuracy(std::vector<std::int32_t>{1}, {}), Error);
}

}  // namespace
}  // namespace lyceum
