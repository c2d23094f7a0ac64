#include "papers/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "lyceum/error.h"

namespace lyceum::papers {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Student's t, 0.975, of 1, 2, ... degrees of freedom.   // scipy 1.14, stats.t.ppf(0.975, n)
constexpr std::array<double, 30> kStudent = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060,
                                             2.2622,  2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199,
                                             2.1098,  2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
                                             2.0595,  2.0555, 2.0518, 2.0484, 2.0452, 2.0423};
// Above that the value of 30, which is a little wide.
double student(std::size_t freedom) { return kStudent[std::min(freedom, kStudent.size()) - 1]; }

}  // namespace

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

Interval interval_of(std::span<const double> values) {
  const double mean = mean_of(values);
  if (values.size() < 2 || !std::isfinite(mean)) return {mean, -kInfinity, kInfinity};
  const double half =
      student(values.size() - 1) * deviation_of(values) / std::sqrt(static_cast<double>(values.size()));
  return {mean, mean - half, mean + half};
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAgrees:
      return "agrees";
    case Verdict::kDisagrees:
      return "disagrees";
    case Verdict::kUndecided:
      break;
  }
  return "undecided";
}

Judged judge(const Comparison& comparison) {
  if (comparison.left.size() != comparison.right.size())
    throw Error(Errc::kUsage, "comparison: found " + std::to_string(comparison.left.size()) + " and " +
                                  std::to_string(comparison.right.size()) +
                                  " values, expected one of each seed on both sides");
  std::vector<double> gains;
  for (std::size_t i = 0; i < comparison.left.size(); ++i) {
    const double gain = comparison.left[i] - comparison.right[i];
    gains.push_back(comparison.lower_is_better ? -gain : gain);
  }
  Judged judged{.gain = interval_of(gains)};
  if (judged.gain.low > -comparison.margin) judged.verdict = Verdict::kAgrees;
  if (judged.gain.high < -comparison.margin) judged.verdict = Verdict::kDisagrees;
  return judged;
}

std::string rule_of_judging() {
  return "Two arms are compared seed by seed: a seed has the same order of the data, the same sample of "
         "labels and the same place in the pipeline in both. The gain is the mean of these differences, with "
         "its 95 % interval by Student's t. A claim agrees where the whole interval lies above 0, disagrees "
         "where the whole of it lies below 0, and is undecided otherwise. A claim that something does not "
         "hurt has a margin, stated with it, in place of 0. Intervals are not widened for the number of "
         "claims.";
}

}  // namespace lyceum::papers
