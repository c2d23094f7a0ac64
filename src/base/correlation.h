// How well two lists of numbers agree.
#pragma once

#include <span>
#include <vector>

namespace lyceum {

// Pearson's r = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2), within [-1, 1].
// NaN for fewer than two values or where one list is constant (SciPy does the same). Throws Errc::kInternal
// for lists of different lengths.
double pearson(std::span<const double> x, std::span<const double> y);

// Places in ascending order, counted from 1; equal values share the mean of their places. {3, 1, 3} -> {2.5,
// 1, 2.5}.
std::vector<double> average_ranks(std::span<const double> values);

// Spearman's rho: Pearson's r of the average ranks.
double spearman(std::span<const double> x, std::span<const double> y);

}  // namespace lyceum
