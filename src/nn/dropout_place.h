// Dropout in a model's method: active in training passes only, each place with random numbers of its own.
#pragma once

#include <cstdint>

#include "nn/model.h"
#include "ops/attention/attention.h"
#include "ops/dropout/dropout.h"

namespace lyceum {

// Places outside of the layers, and three in each of them.
constexpr std::uint64_t kEmbeddingsPlace = 0, kHeadPlace = 1, kHeadDensePlace = 2;
constexpr std::uint64_t place_in_layer(std::size_t layer, std::uint64_t place) {
  return 3 + 3 * layer + place;
}

inline Tensor dropped(const Tensor& x, const SequenceLayout& layout, float probability, std::uint64_t place,
                      const Pass& pass) {
  if (!pass.dropout_seed) return x;
  return dropout(x, layout, {.probability = probability, .seed = *pass.dropout_seed, .stream = place});
}

// The same of attention's probabilities.
inline void drop_probabilities(AttentionSpec& spec, float probability, std::uint64_t place,
                               const Pass& pass) {
  if (!pass.dropout_seed) return;
  spec.dropout = probability;
  spec.seed = dropout_key({.seed = *pass.dropout_seed, .stream = place});
}

}  // namespace lyceum
