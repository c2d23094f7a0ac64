#include "base/correlation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace lyceum {
namespace {

const std::vector<double> kX = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
const std::vector<double> kY = {2.7, 1.8, 2.8, 1.8, 2.8, 4.5, 9.0, 4.5, 2.3, 5.3, 6.0};
// a dozen roundings in double
constexpr double kRounding = 1e-14;

// scipy 1.17.1 (pearsonr, spearmanr, rankdata), golden/make_golden.py; both lists have ties
TEST(Correlation, EqualsSciPy) {
  EXPECT_NEAR(pearson(kX, kY), 0.11151357021663952, kRounding);
  EXPECT_NEAR(spearman(kX, kY), 0.35731724068593146, kRounding);
  EXPECT_EQ(average_ranks(std::vector<double>{3, 1, 4, 1, 5, 9, 2, 9, 5, 3, 5}),
            (std::vector<double>{4.5, 1.5, 6, 1.5, 8, 10.5, 3, 10.5, 8, 4.5, 8}));
}

TEST(Correlation, SpearmanDoesNotChangeUnderAMonotoneFunction) {
  std::vector<double> y = kY;
  for (double& v : y) v = std::exp(v);
  EXPECT_EQ(spearman(kX, y), spearman(kX, kY));
  EXPECT_NE(pearson(kX, y), pearson(kX, kY));
  for (double& v : y) v = -v;
  EXPECT_NEAR(spearman(kX, y), -spearman(kX, kY), kRounding);
}

TEST(Correlation, NothingToCompareIsNotANumber) {
  const std::vector<double> constant(11, 0.1);
  EXPECT_TRUE(std::isnan(pearson(kX, constant)));
  EXPECT_TRUE(std::isnan(spearman(constant, kX)));
  EXPECT_TRUE(std::isnan(pearson({}, {})));
  EXPECT_TRUE(std::isnan(pearson(std::vector<double>{1}, std::vector<double>{2})));
  EXPECT_THROW(pearson(kX, std::vector<double>{1, 2}), Error);
}

}  // namespace
}  // namespace lyceum
