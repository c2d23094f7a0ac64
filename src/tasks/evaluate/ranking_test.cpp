#include "tasks/evaluate/ranking.h"

#include <gtest/gtest.h>

#include <vector>

namespace lyceum {
namespace {

struct Case {
  std::vector<std::int32_t> found, relevant;
  std::size_t k;
  double ndcg, binary, reciprocal_rank, recall, average_precision;
};

// ndcg, recall: pytrec_eval-terrier 0.5.11 (trec_eval's ndcg_cut, recall); the others:
// sentence-transformers 6.0.1, InformationRetrievalEvaluator; golden/make_golden.py
const Case kCases[] = {
    {{0, 2, 0, 1, 0, 0, 3, 0, 0, 0, 1, 0},
     {2, 1, 3, 1, 2},
     3,
     0.23981246656813146,
     0.2960819109658652,
     0.5,
     0.2,
     0.16666666666666666},
    {{0, 2, 0, 1, 0, 0, 3, 0, 0, 0, 1, 0},
     {2, 1, 3, 1, 2},
     10,
     0.4428958439256473,
     0.4731080163351061,
     0.5,
     0.6,
     0.2857142857142857},
    {{1, 1}, {1, 1, 1}, 3, 0.7653606369886217, 0.7653606369886217, 1, 0.6666666666666666, 0.6666666666666666},
    {{1, 1},
     {1, 1, 1},
     10,
     0.7653606369886217,
     0.7653606369886217,
     1,
     0.6666666666666666,
     0.6666666666666666},
    {{0, 0, 0}, {1}, 10, 0, 0, 0, 0, 0},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, {1, 4}, 10, 0, 0, 0, 0, 0},  // found, but behind the tenth place
};

TEST(Ranking, EqualsTrecEvalAndSentenceTransformers) {
  constexpr double kRounding = 1e-15 * 12;  // sums of at most ten terms below 1
  for (const Case& c : kCases) {
    const JudgedRanking r{c.found, c.relevant};
    EXPECT_NEAR(ndcg_at(r, c.k), c.ndcg, kRounding) << testing::PrintToString(c.found) << " at " << c.k;
    EXPECT_NEAR(binary_ndcg_at(r, c.k), c.binary, kRounding)
        << testing::PrintToString(c.found) << " at " << c.k;
    EXPECT_NEAR(reciprocal_rank_at(r, c.k), c.reciprocal_rank, kRounding)
        << testing::PrintToString(c.found) << " at " << c.k;
    EXPECT_NEAR(recall_at(r, c.k), c.recall, kRounding) << testing::PrintToString(c.found) << " at " << c.k;
    EXPECT_NEAR(average_precision_at(r, c.k), c.average_precision, kRounding)
        << testing::PrintToString(c.found) << " at " << c.k;
  }
}

TEST(Ranking, ThePerfectOrderIsOneAndNothingRelevantIsZero) {
  const std::vector<std::int32_t> best = {3, 2, 2, 1}, shuffled = {2, 1, 3, 2}, negative = {-1, 0};
  EXPECT_EQ(ndcg_at({best, shuffled}, 10), 1);
  EXPECT_EQ(average_precision_at({best, shuffled}, 10), 1);
  EXPECT_EQ(average_precision_at({best, shuffled}, 2), 1);  // over min(k, relevant)
  EXPECT_EQ(recall_at({best, shuffled}, 2), 0.5);           // not capped
  EXPECT_EQ(ndcg_at({negative, {}}, 10), 0);
  EXPECT_EQ(recall_at({negative, {}}, 10), 0);
  EXPECT_EQ(average_precision_at({negative, {}}, 10), 0);
}

}  // namespace
}  // namespace lyceum
