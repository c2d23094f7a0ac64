// Two ways to ask how much frozen vectors know about labels.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tasks/common/nearest.h"
#include "tensor/tensor.h"

namespace lyceum {

// The class most frequent among a point's neighbours (best first); equally frequent ones are told apart by
// the sum of their similarities, then by the smaller class.
std::int32_t vote(std::span<const Hit> neighbours, std::span<const std::int32_t> classes_of_vectors);

// Logistic regression on vectors, one class against the rest: for each class minimises
//   |w|^2 / 2 + C sum over i of log(1 + exp(-y_i (w . x_i + b)))   with b as one more weight (LIBLINEAR 2.3,
//   solver 0, eps 1e-4),
// which is scikit-learn's LogisticRegression(solver="liblinear", C=C). No random numbers: the same for every
// number of threads.
class LogisticProbe {
 public:
  // vectors [N, D] f32, classes in [0, class_count), each of which occurs. Throws Errc::kUsage for C that is
  // not above 0 and Errc::kData for fewer than two classes. Looks for interrupts between two classes.
  LogisticProbe(const Tensor& vectors, std::span<const std::int32_t> classes, std::int32_t class_count,
                double c);
  // The class with the largest w . x + b; the smaller of equal ones. Two classes share one w.
  std::vector<std::int32_t> predict(const Tensor& vectors) const;

 private:
  std::int32_t class_count_;
  std::vector<std::vector<double>> weights_;  // [problems][D + 1], b at the end
};

// The share of equal entries. NaN when there are none.
double accuracy(std::span<const std::int32_t> found, std::span<const std::int32_t> expected);

}  // namespace lyceum
