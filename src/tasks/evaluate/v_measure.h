// How well clusters agree with classes, whatever their numbers are.
#pragma once

#include <cstdint>
#include <span>

namespace lyceum {

// Rosenberg and Hirschberg 2007, as scikit-learn: homogeneity = 1 - H(class | cluster) / H(class) (1 where
// there is one class), completeness the same the other way round, v their harmonic mean (0 where both are 0).
struct VMeasure {
  double homogeneity = 1, completeness = 1, v = 1;
};
// Numbers from 0. Throws Errc::kInternal for lists of different lengths.
VMeasure v_measure(std::span<const std::int32_t> classes, std::span<const std::int32_t> clusters);

}  // namespace lyceum
