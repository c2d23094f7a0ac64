// The values with which a model's parameters begin, before any training.
#pragma once

#include <cstdint>
#include <string>

#include "formats/checkpoint.h"
#include "tensor/tensor.h"

namespace lyceum {

struct InitialValues {
  std::uint64_t seed = 0;
  double deviation = 0.02;  // R initializer_range, of matrices and embeddings; P (BERT): 0.02
  // The deviation of one parameter instead; null: `deviation` for all.
  double (*deviation_of)(const std::string& name, double deviation, std::int64_t layers) = nullptr;
  std::int64_t layers = 1;
  std::int64_t padding_id = -1;  // the row of the word embeddings that is zero; -1: none
};

// Biases 0; vectors called weight (norms) 1; matrices normal. F32. An element depends on the seed, the
// parameter's name and its place alone, and has the same bits on every machine.
Tensor initial_value(const std::string& name, const Shape& shape, const InitialValues& values);

// Uniform in [-1 / sqrt(inputs), 1 / sqrt(inputs)): how PyTorch begins the weight and the bias of a Linear.
// An element depends on the seed, the name and its place alone.
Tensor initial_linear(const std::string& name, const Shape& shape, std::int64_t inputs, std::uint64_t seed);

}  // namespace lyceum
