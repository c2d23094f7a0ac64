// Random numbers of the data layer: what is drawn depends on the seed, what it is for, and where in the data
// it is used; never on who asked before.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace lyceum {

enum class RandomUse : std::uint64_t {
  kFileOrder = 1,
  kRecordOrder,
  kMasking,
  kPairs,
  kBatchOrder,
  kExampleId
};

// The finaliser of SplitMix64 (Steele et al. 2014): every bit of the input changes half of the output's.
constexpr std::uint64_t mixed_bits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// A hash of two numbers in their order.
constexpr std::uint64_t mixed_bits(std::uint64_t a, std::uint64_t b) {
  return mixed_bits(mixed_bits(a + 0x9E3779B97F4A7C15u) + b);
}

inline Random random_stream(std::uint64_t seed, RandomUse use, std::uint64_t epoch, std::uint64_t place = 0) {
  return Random(seed, mixed_bits(mixed_bits(static_cast<std::uint64_t>(use), epoch), place));
}

}  // namespace lyceum
