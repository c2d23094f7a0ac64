// How well scores tell what is relevant from what is not. The definitions are those of scikit-learn and of
// MTEB's PairClassificationEvaluator, which is sentence-transformers' BinaryClassificationEvaluator.
#pragma once

#include <cstdint>
#include <span>

namespace lyceum {

// The sum over thresholds of (recall gained) * precision there, the highest score first; items of equal score
// pass together. NaN where nothing is relevant. Throws Errc::kInternal for lists of different lengths, as all
// here.
double average_precision(std::span<const double> scores, std::span<const std::uint8_t> is_relevant);

enum class Better { kHigher, kLower };  // which scores speak for relevance: similarities or distances

// The first items in the order of scores count as relevant, equal scores in the order given; the best cut
// between two of them, and of equally good ones the first. The threshold lies in the middle of the two
// scores. There is always something on both sides (R): all or nothing relevant is no candidate.
struct BestAccuracy {
  double accuracy = 0, threshold = -1;
};
BestAccuracy best_accuracy(std::span<const double> scores, std::span<const std::uint8_t> is_relevant,
                           Better better);
struct BestF1 {
  double f1 = 0, precision = 0, recall = 0, threshold = 0;
};
BestF1 best_f1(std::span<const double> scores, std::span<const std::uint8_t> is_relevant, Better better);

}  // namespace lyceum
