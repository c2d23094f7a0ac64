// What several seeds say: a mean with its spread, and whether one arm is better than another.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace lyceum::papers {

double mean_of(std::span<const double> values);       // NaN of none
double deviation_of(std::span<const double> values);  // with n - 1; 0 of one value

// The 95 % interval of a mean by Student's t with n - 1 degrees of freedom; of fewer than two values, and of
// values that are not finite, without bounds.
struct Interval {
  double mean = 0, low = 0, high = 0;
};
Interval interval_of(std::span<const double> values);

// `left` is claimed to be better than `right`, seed by seed: of each seed everything else is the same.
struct Comparison {
  std::vector<double> left, right;  // of as many seeds
  bool lower_is_better = false;
  // 0: left must be better. Above 0: left must not be worse by as much as this.
  double margin = 0;
};

enum class Verdict { kAgrees, kUndecided, kDisagrees };
const char* name_of(Verdict verdict);

struct Judged {
  Interval gain;  // of left over right; above 0 where left is better
  Verdict verdict = Verdict::kUndecided;
};

// agrees: the whole interval lies above -margin; disagrees: the whole of it below; else undecided. Intervals
// of several comparisons are not widened for their number.
Judged judge(const Comparison& comparison);

// The rule in words, for reports.
std::string rule_of_judging();

}  // namespace lyceum::papers
