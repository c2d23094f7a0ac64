// From a head's scores to probabilities and to the best of them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lyceum {

// p_i = exp(x_i - max x) / sum. In place; an empty span stays.
void softmax_in_place(std::span<float> scores) noexcept;
float sigmoid(float score) noexcept;

// The places of the `count` largest (all where there are fewer), largest first; of equal ones the smaller
// place first, and what is no number last.
std::vector<std::size_t> best_places(std::span<const float> scores, std::size_t count);

}  // namespace lyceum
