// What the objectives share: terms of a loss, and the way through the model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include "train/objective/objective.h"

namespace lyceum {

inline Pass pass_of(const LearnOptions& options) {
  return {.dropout_seed = options.dropout_seed, .recompute_layers = options.recompute_layers};
}

inline float share(double part, double total) { return static_cast<float>(part / total); }

inline double value_of(const Tensor& scalar) { return static_cast<double>(scalar.data<float>()[0]); }

inline std::int64_t best_of(std::span<const float> row) {
  return std::max_element(row.begin(), row.end()) - row.begin();
}
inline std::span<const float> row_of(const Tensor& t, std::int64_t r) {
  return {t.row<float>(r), static_cast<std::size_t>(t.cols())};
}

inline void add_term(Judgement& into, std::size_t term, double loss, double count) {
  into.losses.resize(std::max(into.losses.size(), term + 1));
  into.counts.resize(into.losses.size());
  into.losses[term] += loss;
  into.counts[term] += count;
}

}  // namespace lyceum
